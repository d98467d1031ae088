//! A traced child: forked, stepped, killed.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::time::{Duration, Instant};

use super::cpu;
use super::machine::{self, Breakpoint};
use super::process::{self, end_in_words};
use super::trace::{Halt, Leg, Route};

/// How long a system call may take before the child counts as asleep in it.
///
/// One that only has no CPU for so long is taken for asleep by mistake, which does no harm: it may be killed there, too.
const ASLEEP_AFTER: Duration = Duration::from_millis(20);

/// Most system calls return sooner. Looking without a pause for longer would take the CPU from other cases.
const SOON_BACK: Duration = Duration::from_millis(1);

/// A forked child that stops before an operation and behind it, and does nothing of it without its parent's word.
#[derive(Debug)]
pub(crate) struct Child {
    pid: libc::pid_t,
    alive: bool,
    /// Addresses that were looked at, and whether a system call is there.
    system_calls: RefCell<HashMap<u64, bool>>,
}

/// Where the child is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Before its next instruction, or at a system call.
    Underway,
    /// In a system call that does not return.
    Asleep,
    /// Behind the operation.
    Done,
}

impl Child {
    /// Forks. The child prepares something, stops, works on it, stops again and ends without dropping anything. This returns
    /// when it stands before its work.
    ///
    /// The child must leave alone what its parent had open: it opens its own.
    pub(crate) fn fork<P>(prepare: impl FnOnce() -> P, work: impl FnOnce(&P)) -> Self {
        cpu::settle();
        let work = || {
            be_traced();
            let prepared = prepare();
            stop();
            work(&prepared);
            stop();
            core::mem::forget(prepared);
            0
        };
        let mut child =
            Self { pid: process::fork(work).pid(), alive: true, system_calls: RefCell::default() };
        assert_eq!(child.wait(), Stop::Done, "stopped before its work");
        let options = libc::PTRACE_O_EXITKILL | libc::PTRACE_O_TRACESYSGOOD;
        child.request(libc::PTRACE_SETOPTIONS, options as usize);
        child
    }

    /// The child's process id, and the thread id that a lock would show.
    pub(crate) fn pid(&self) -> u32 {
        self.pid as u32
    }

    /// Goes on to where it enters or leaves a system call, or to the end of the work. Sleeps on the way are waited for.
    pub(crate) fn next_call(&mut self) -> Stop {
        self.request(libc::PTRACE_SYSCALL, 0);
        self.wait()
    }

    /// Goes on until it sleeps in a system call, or to the end of the work. It stops where that call returns.
    pub(crate) fn run_to_sleep(&mut self) -> Stop {
        loop {
            self.request(libc::PTRACE_SYSCALL, 0);
            match self.wait_awake() {
                Stop::Underway => {}
                stop => return stop,
            }
        }
    }

    /// Executes one instruction.
    pub(crate) fn step(&mut self) -> Stop {
        self.step_from(self.counter())
    }

    /// As [`step`](Self::step), for who has already asked where the child stands.
    pub(crate) fn step_from(&mut self, counter: u64) -> Stop {
        let is_system_call = self.is_system_call(counter);
        self.request(libc::PTRACE_SINGLESTEP, 0);
        if is_system_call { self.wait_awake() } else { self.wait() }
    }

    /// Waits until the child stops, or is asleep.
    fn wait_awake(&mut self) -> Stop {
        let start = Instant::now();
        loop {
            match (self.poll(), start.elapsed()) {
                (Some(stop), _) => return stop,
                (None, waited) if waited > ASLEEP_AFTER => return Stop::Asleep,
                // SAFETY: no memory is passed.
                (None, waited) if waited < SOON_BACK => drop(unsafe { libc::sched_yield() }),
                (None, _) => std::thread::sleep(SOON_BACK),
            }
        }
    }

    /// As [`step`](Self::step), but waits for a sleep to be over. It need not know whether that is a system call.
    fn step_through(&mut self) -> Stop {
        self.request(libc::PTRACE_SINGLESTEP, 0);
        self.wait()
    }

    /// Whether the instruction of this address is a system call.
    pub(crate) fn is_system_call(&self, address: u64) -> bool {
        let look = || machine::is_system_call(self.pid, address);
        *self.system_calls.borrow_mut().entry(address).or_insert_with(look)
    }

    /// The address of the next instruction.
    pub(crate) fn counter(&self) -> u64 {
        machine::counter(self.pid)
    }

    /// Goes to the end of the work.
    pub(crate) fn finish(&mut self) {
        self.request(libc::PTRACE_CONT, 0);
        assert_eq!(self.wait(), Stop::Done);
    }

    /// Goes where the route leads, or to the end of the work, should that come first. Sleeps on the way are waited for.
    pub(crate) fn travel(&mut self, route: Route) -> Stop {
        for _ in 0..route.system_calls {
            // Into the call, and out of it.
            for _ in 0..2 {
                self.request(libc::PTRACE_SYSCALL, 0);
                if self.wait() == Stop::Done {
                    return Stop::Done;
                }
            }
        }
        for leg in route.legs {
            let steps = match leg {
                Leg::Steps(steps) => steps,
                Leg::Halt(halt) => match self.run_to(halt) {
                    Ok(Stop::Done) => return Stop::Done,
                    Ok(_) => 0,
                    Err(_) => halt.steps,
                },
            };
            for _ in 0..steps {
                if self.step_through() == Stop::Done {
                    return Stop::Done;
                }
            }
        }
        Stop::Underway
    }

    /// Runs until it stands at the breakpoint the right time. Fails where no breakpoint can be.
    fn run_to(&mut self, halt: Halt) -> io::Result<Stop> {
        for visit in 1..=halt.visit {
            let breakpoint = Breakpoint::set(self.pid, halt.address)?;
            self.request(libc::PTRACE_CONT, 0);
            if self.wait() == Stop::Done {
                return Ok(Stop::Done);
            }
            breakpoint.clear(self.pid)?;
            if visit < halt.visit && self.step_through() == Stop::Done {
                return Ok(Stop::Done);
            }
        }
        Ok(Stop::Underway)
    }

    /// SIGKILL. Returns when the kernel has cleared up: its locks are marked, its files closed.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // SAFETY: the child is not waited for yet, so the number is still its.
        unsafe { libc::kill(self.pid, libc::SIGKILL) };
        while self.alive {
            let status = self.wait_status(0).unwrap_or_default();
            self.alive = !libc::WIFSIGNALED(status) && !libc::WIFEXITED(status);
        }
    }

    /// Waits until the child stops.
    pub(crate) fn wait(&mut self) -> Stop {
        let status = self.wait_status(0).expect("a status");
        self.judge(status)
    }

    /// Whether it has stopped, and where, without waiting for that.
    pub(crate) fn poll(&mut self) -> Option<Stop> {
        self.wait_status(libc::WNOHANG).map(|status| self.judge(status))
    }

    fn wait_status(&mut self, flags: libc::c_int) -> Option<libc::c_int> {
        let mut status = 0;
        // SAFETY: `status` is a local.
        match unsafe { libc::waitpid(self.pid, &raw mut status, flags) } {
            0 => None,
            -1 => panic!("wait for {}: {}", self.pid, io::Error::last_os_error()),
            _ => Some(status),
        }
    }

    fn judge(&mut self, status: libc::c_int) -> Stop {
        self.alive = libc::WIFSTOPPED(status);
        assert!(self.alive, "the child ended by itself: {}", end_in_words(status));
        match libc::WSTOPSIG(status) & !0x80 {
            libc::SIGTRAP => Stop::Underway,
            libc::SIGSTOP => Stop::Done,
            signal => panic!("the child has got signal {signal}, at {:#x}", self.counter()),
        }
    }

    fn request(&mut self, request: impl Into<i64>, data: usize) {
        // SAFETY: requests that pass numbers, no memory.
        let answer = unsafe { libc::ptrace(request.into() as _, self.pid, 0_usize, data) };
        assert_eq!(answer, 0, "ptrace {}: {}", self.pid, io::Error::last_os_error());
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.alive {
            self.end();
        }
    }
}

/// Does nothing that the parent does not want.
fn be_traced() {
    // SAFETY: no memory is passed.
    unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0_usize, 0_usize) };
}

/// In the child: stops, as it does before its work and behind it.
#[inline(never)]
pub(crate) fn stop() {
    // SAFETY: no memory is passed. A signal to oneself has arrived when `kill` returns.
    unsafe { libc::kill(libc::getpid(), libc::SIGSTOP) };
}
