//! A worker that is killed after so many instructions of its way from sleep through a task and back, for many such numbers.

#![allow(unsafe_code)]

use std::sync::atomic::Ordering;

use breezeway::process::{Pool, Rerun};
use breezeway::{Atomic, TaskError};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::Watchdog;
use crate::support::process::until_parked;

/// A worker's main thread, stopped, which goes on instruction by instruction. Of the thread that made it.
struct Stepped {
    pid: libc::pid_t,
}

impl Stepped {
    /// Stops a worker that sleeps.
    fn stop(pid: u32) -> Self {
        let stepped = Self { pid: pid as libc::pid_t };
        stepped.request(libc::PTRACE_SEIZE);
        stepped.request(libc::PTRACE_INTERRUPT);
        stepped.wait();
        stepped
    }

    fn request(&self, request: impl Into<i64>) {
        // SAFETY: none of the requests writes to this process's memory.
        let answer = unsafe { libc::ptrace(request.into() as _, self.pid, 0_usize, 0_usize) };
        assert_eq!(answer, 0, "{}", std::io::Error::last_os_error());
    }

    fn wait(&self) {
        let mut status = 0;
        // SAFETY: `status` is a local.
        let waited = unsafe { libc::waitpid(self.pid, &mut status, libc::__WALL) };
        assert!(waited == self.pid && libc::WIFSTOPPED(status), "the worker stops: {status:#x}");
    }

    fn step(&self) {
        self.request(libc::PTRACE_SINGLESTEP);
        self.wait();
    }

    fn kill(self) {
        kill_process(Pid::from_raw(self.pid).unwrap(), Signal::KILL).unwrap();
    }

    fn release(self) {
        self.request(libc::PTRACE_DETACH);
    }
}

fn work((runs, len): (Atomic<u32>, usize)) -> (u32, Vec<u8>) {
    runs.fetch_add(1, Ordering::Relaxed);
    (std::process::id(), vec![7; len])
}

/// How often each end was met.
#[derive(Debug, Default)]
struct Ends {
    /// The task was not the dead worker's: another has done it.
    not_taken: usize,
    /// It failed, or ran again.
    cut_short: usize,
    /// The dead worker has left the result.
    counted: usize,
}

fn killed_after_steps(rerun: Rerun, len: usize, kills: usize) -> Ends {
    let runs = Atomic::<u32>::new(0).unwrap();
    let pool = Pool::builder().workers(1).rerun(rerun).build().unwrap();
    let pid = |()| std::process::id();
    // How long the way is.
    let mut worker = pool.apply(pid, ()).unwrap();
    let mut longest = 0;
    for _ in 0..3 {
        until_parked(&worker.to_string());
        let stepped = Stepped::stop(worker);
        let task = pool.apply_async(work, (runs.clone(), len)).unwrap();
        let mut steps = 0;
        while !task.ready() {
            stepped.step();
            steps += 1;
        }
        stepped.release();
        task.get().unwrap();
        longest = longest.max(steps);
    }
    let mut ends = Ends::default();
    for kill in 0..=kills {
        runs.store(0, Ordering::Relaxed);
        until_parked(&worker.to_string());
        let stepped = Stepped::stop(worker);
        let task = pool.apply_async(work, (runs.clone(), len)).unwrap();
        for _ in 0..longest * kill / kills {
            stepped.step();
        }
        stepped.kill();
        let result = task.get();
        let runs = runs.load(Ordering::Relaxed);
        match result {
            Ok((by, bytes)) => {
                assert!(bytes.len() == len && bytes.iter().all(|byte| *byte == 7));
                if by == worker {
                    assert_eq!(runs, 1, "a result that was left counts");
                    ends.counted += 1;
                } else if runs == 1 && rerun == Rerun::Never {
                    ends.not_taken += 1;
                } else {
                    assert!(rerun != Rerun::Never && (1..=2).contains(&runs), "{runs} runs");
                    // Whether it had been taken, nobody can tell where it was not begun.
                    *(if runs == 2 { &mut ends.cut_short } else { &mut ends.not_taken }) += 1;
                }
            }
            Err(TaskError::WorkerDied { signal: 9 }) => {
                assert!(rerun == Rerun::Never && runs <= 1);
                ends.cut_short += 1;
            }
            Err(error) => panic!("{error}"),
        }
        // Its place is taken.
        let next = pool.apply(pid, ()).unwrap();
        assert_ne!(next, worker);
        worker = next;
    }
    println!("{kills} kills in {longest} instructions, {len} bytes: {ends:?}");
    ends
}

#[test]
fn its_task_fails_alone() {
    let _watchdog = Watchdog::start(600);
    for (len, kills) in [(1, 200), (5000, 100)] {
        let ends = killed_after_steps(Rerun::Never, len, kills);
        assert!(ends.not_taken > 0 && ends.cut_short > 0 && ends.counted > 0, "{ends:?}");
    }
}

#[test]
fn its_task_runs_again() {
    let _watchdog = Watchdog::start(600);
    let ends = killed_after_steps(Rerun::Times(1), 1, 100);
    assert!(ends.not_taken > 0 && ends.cut_short > 0 && ends.counted > 0, "{ends:?}");
}
