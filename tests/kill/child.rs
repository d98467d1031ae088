//! A traced child: forked, stepped, killed.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::time::{Duration, Instant};

use super::affinity;
use super::arch::{self, Breakpoint};
use super::process::{self, describe_status};
use super::trace::{BreakpointLeg, Leg, Route};

/// How long a system call may take before the child counts as blocked in it.
///
/// A child that merely gets no CPU for so long is taken for blocked. That does no harm: it may be
/// killed there, too.
const BLOCKED_AFTER: Duration = Duration::from_millis(20);

/// Most system calls return sooner than that. Polling without a pause for longer would take the CPU
/// from other cases.
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// A forked child that stops before an operation and after it, and executes nothing of it unless
/// its parent says so.
#[derive(Debug)]
pub(crate) struct Child {
    pid: libc::pid_t,
    alive: bool,
    /// For each address that was read: whether a system call is there.
    system_calls: RefCell<HashMap<u64, bool>>,
}

/// Where the child has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Before its next instruction, or at a system call.
    InOperation,
    /// In a system call that does not return.
    Blocked,
    /// After the operation.
    Finished,
}

impl Child {
    /// Forks. The child prepares, stops, works on what it has prepared, stops again and ends
    /// without dropping anything. Returns when the child has stopped before its work.
    ///
    /// The child must not use what its parent has open: it opens handles of its own.
    pub(crate) fn fork<P>(prepare: impl FnOnce() -> P, work: impl FnOnce(&P)) -> Self {
        affinity::pin();
        let work = || {
            request_tracing();
            let prepared = prepare();
            stop();
            work(&prepared);
            stop();
            core::mem::forget(prepared);
            0
        };
        let mut child =
            Self { pid: process::fork(work).pid(), alive: true, system_calls: RefCell::default() };
        assert_eq!(child.wait(), Stop::Finished, "stopped before its work");
        let options = libc::PTRACE_O_EXITKILL | libc::PTRACE_O_TRACESYSGOOD;
        child.request(libc::PTRACE_SETOPTIONS, options as usize);
        child
    }

    /// The child's process id, which is also the thread id in its locks.
    pub(crate) fn pid(&self) -> u32 {
        self.pid as u32
    }

    /// Runs to the entry or the return of a system call, or to the end of the work. Waits while the
    /// child is blocked.
    pub(crate) fn run_to_system_call(&mut self) -> Stop {
        self.request(libc::PTRACE_SYSCALL, 0);
        self.wait()
    }

    /// Runs until the child blocks in a system call, or to the end of the work. The child stops
    /// when that call returns.
    pub(crate) fn run_until_blocked(&mut self) -> Stop {
        loop {
            self.request(libc::PTRACE_SYSCALL, 0);
            match self.wait_unless_blocked() {
                Stop::InOperation => {}
                stop => return stop,
            }
        }
    }

    /// Executes one instruction.
    pub(crate) fn step(&mut self) -> Stop {
        self.step_from(self.program_counter())
    }

    /// Executes the instruction at `counter`, where the child stands.
    pub(crate) fn step_from(&mut self, counter: u64) -> Stop {
        let is_system_call = self.is_system_call(counter);
        self.request(libc::PTRACE_SINGLESTEP, 0);
        if is_system_call { self.wait_unless_blocked() } else { self.wait() }
    }

    /// Waits until the child stops or is blocked.
    fn wait_unless_blocked(&mut self) -> Stop {
        let start = Instant::now();
        loop {
            match (self.poll(), start.elapsed()) {
                (Some(stop), _) => return stop,
                (None, waited) if waited > BLOCKED_AFTER => return Stop::Blocked,
                // A park may be shorter than that.
                (None, waited) if waited > POLL_INTERVAL && process::is_in_futex_wait(self.pid) => {
                    return Stop::Blocked;
                }
                // SAFETY: no memory is passed.
                (None, waited) if waited < POLL_INTERVAL => drop(unsafe { libc::sched_yield() }),
                (None, _) => std::thread::sleep(POLL_INTERVAL),
            }
        }
    }

    /// Executes one instruction, and waits while the child is blocked in it. Need not know whether
    /// that is a system call.
    fn step_and_wait(&mut self) -> Stop {
        self.request(libc::PTRACE_SINGLESTEP, 0);
        self.wait()
    }

    /// Whether the instruction at this address is a system call.
    pub(crate) fn is_system_call(&self, address: u64) -> bool {
        let look = || arch::is_system_call(self.pid, address);
        *self.system_calls.borrow_mut().entry(address).or_insert_with(look)
    }

    /// The address of the next instruction.
    pub(crate) fn program_counter(&self) -> u64 {
        arch::program_counter(self.pid)
    }

    /// Runs to the end of the work.
    pub(crate) fn finish(&mut self) {
        self.request(libc::PTRACE_CONT, 0);
        assert_eq!(self.wait(), Stop::Finished);
    }

    /// Runs along the route, or to the end of the work if that comes first. Waits while the child
    /// is blocked.
    pub(crate) fn run_route(&mut self, route: Route) -> Stop {
        for _ in 0..route.system_calls {
            // Into the call, and out of it.
            for _ in 0..2 {
                self.request(libc::PTRACE_SYSCALL, 0);
                if self.wait() == Stop::Finished {
                    return Stop::Finished;
                }
            }
        }
        for leg in route.legs {
            let steps = match leg {
                Leg::Steps(steps) => steps,
                Leg::Breakpoint(leg) => match self.run_to(leg) {
                    Ok(Stop::Finished) => return Stop::Finished,
                    Ok(_) => 0,
                    Err(_) => leg.steps,
                },
            };
            for _ in 0..steps {
                if self.step_and_wait() == Stop::Finished {
                    return Stop::Finished;
                }
            }
        }
        Stop::InOperation
    }

    /// Runs until the child has come to the breakpoint as often as the leg says. Fails if no
    /// breakpoint can be set there.
    fn run_to(&mut self, leg: BreakpointLeg) -> io::Result<Stop> {
        for visit in 1..=leg.visit {
            let breakpoint = Breakpoint::set(self.pid, leg.address)?;
            self.request(libc::PTRACE_CONT, 0);
            if self.wait() == Stop::Finished {
                return Ok(Stop::Finished);
            }
            breakpoint.clear(self.pid)?;
            if visit < leg.visit && self.step_and_wait() == Stop::Finished {
                return Ok(Stop::Finished);
            }
        }
        Ok(Stop::InOperation)
    }

    /// Sends SIGKILL. Returns when the kernel has cleaned up: the child's locks are marked, its
    /// files closed.
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
        self.decode(status)
    }

    /// Where the child has stopped, if it has, without waiting.
    pub(crate) fn poll(&mut self) -> Option<Stop> {
        self.wait_status(libc::WNOHANG).map(|status| self.decode(status))
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

    fn decode(&mut self, status: libc::c_int) -> Stop {
        self.alive = libc::WIFSTOPPED(status);
        assert!(self.alive, "the child ended by itself: {}", describe_status(status));
        match libc::WSTOPSIG(status) & !0x80 {
            libc::SIGTRAP => Stop::InOperation,
            libc::SIGSTOP => Stop::Finished,
            signal => panic!("the child has got signal {signal}, at {:#x}", self.program_counter()),
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

/// Asks to be traced by the parent.
fn request_tracing() {
    // SAFETY: no memory is passed.
    unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0_usize, 0_usize) };
}

/// In the child: stops, as it does before its work and after it.
#[inline(never)]
pub(crate) fn stop() {
    // SAFETY: no memory is passed. A signal to oneself has arrived when `kill` returns.
    unsafe { libc::kill(libc::getpid(), libc::SIGSTOP) };
}
