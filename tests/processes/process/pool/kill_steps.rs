//! A worker is killed after n instructions on its way from sleep through a task and back to sleep,
//! for many n.

#![allow(unsafe_code)]

use std::sync::OnceLock;
use std::sync::atomic::Ordering;

use breezeway::process::{Pool, Process, Rerun};
use breezeway::queue::{MessageQueue, Queue};
use breezeway::sync::Event;
use breezeway::{Atomic, TaskError};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};
use support::Watchdog;
use support::process::until_parked;

/// A worker's main thread, stopped, which goes on instruction by instruction. Of the thread that made it.
///
/// Its pool is another process's: a pool of this one would be told, in the tracer's place, that the worker has stopped.
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
        let mut status = 0;
        // Its parent learns of its end behind its tracer.
        // SAFETY: `status` is a local.
        while unsafe { libc::waitpid(self.pid, &mut status, libc::__WALL) } == self.pid
            && libc::WIFSTOPPED(status)
        {}
    }
}

/// Where a worker counts its runs. It has come by it before, so that a task is no longer than it must be.
static RUNS: OnceLock<Atomic<u32>> = OnceLock::new();

fn work(len: usize) -> (u32, Vec<u8>) {
    if let Some(runs) = RUNS.get() {
        runs.fetch_add(1, Ordering::Relaxed);
    }
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

/// The process that has the pool.
#[derive(Clone, Serialize, Deserialize)]
struct Boss {
    len: usize,
    reruns: u32,
    runs: Atomic<u32>,
    /// A task is to be handed in: a plain one, or (`true`) that which is stepped through.
    tasks: Queue<bool>,
    /// That one is handed in.
    submitted: Event,
    is_done: Atomic<bool>,
    /// Who has done it, and its bytes; or the signal its worker died of.
    results: MessageQueue<Result<(u32, Vec<u8>), i32>>,
}

fn boss(boss: Boss) {
    let rerun = if boss.reruns == 0 { Rerun::Never } else { Rerun::Times(boss.reruns) };
    let begin = |runs: Atomic<u32>| drop(RUNS.set(runs));
    let pool = Pool::builder().workers(1).rerun(rerun).initializer(begin, boss.runs.clone()).build().unwrap();
    for is_stepped in &boss.tasks {
        let task = pool.submit(work, boss.len).unwrap();
        if is_stepped.unwrap() {
            boss.submitted.set();
        }
        let result = task.get();
        boss.is_done.store(true, Ordering::Relaxed);
        let result = result.map_err(|error| match error {
            TaskError::WorkerDied { signal } => signal,
            other => panic!("{other}"),
        });
        boss.results.push(result).unwrap();
    }
}

impl Boss {
    /// A fresh worker, which knows the way, and sleeps.
    fn warm_up(&self) -> u32 {
        let pids = [(); 2].map(|()| {
            self.tasks.push(false).unwrap();
            self.results.pop().unwrap().unwrap().0
        });
        until_parked(&pids[1].to_string());
        pids[1]
    }

    /// Hands the task in that a stopped worker is to find.
    fn submit(&self) {
        self.is_done.store(false, Ordering::Relaxed);
        self.runs.store(0, Ordering::Relaxed);
        self.submitted.clear();
        self.tasks.push(true).unwrap();
        self.submitted.wait().unwrap();
    }
}

fn killed_after_steps(rerun: Rerun, len: usize, kills: usize) -> Ends {
    let reruns = if let Rerun::Times(count) = rerun { count } else { 0 };
    let ours = Boss {
        len,
        reruns,
        runs: Atomic::new(0).unwrap(),
        tasks: Queue::new(4).unwrap(),
        submitted: Event::new().unwrap(),
        is_done: Atomic::new(false).unwrap(),
        results: MessageQueue::new(4).unwrap(),
    };
    let child = Process::spawn(boss, ours.clone()).unwrap();
    let mut worker = ours.warm_up();
    // How long the way is.
    let stepped = Stepped::stop(worker);
    ours.submit();
    let mut longest = 0;
    while !ours.is_done.load(Ordering::Relaxed) {
        stepped.step();
        longest += 1;
    }
    stepped.kill();
    ours.results.pop().unwrap().unwrap();
    worker = ours.warm_up();
    let mut ends = Ends::default();
    for kill in 0..=kills {
        let stepped = Stepped::stop(worker);
        ours.submit();
        // And a little beyond the end.
        for _ in 0..(longest + longest / 8) * kill / kills {
            stepped.step();
        }
        stepped.kill();
        let result = ours.results.pop().unwrap();
        let runs = &ours.runs;
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
            Err(9) => {
                assert!(rerun == Rerun::Never && runs <= 1);
                ends.cut_short += 1;
            }
            Err(signal) => panic!("signal {signal}"),
        }
        // Its place is taken.
        let next = ours.warm_up();
        assert_ne!(next, worker);
        worker = next;
    }
    ours.tasks.close();
    child.result().unwrap();
    println!("{kills} kills in {longest} instructions, {len} bytes: {ends:?}");
    ends
}

#[test]
fn worker_killed_after_n_steps_fails_its_task_alone() {
    let _watchdog = Watchdog::start(600);
    let ends = killed_after_steps(Rerun::Never, 1, 80);
    assert!(ends.not_taken > 0 && ends.cut_short > 0 && ends.counted > 0, "{ends:?}");
}

#[test]
fn worker_killed_after_n_steps_of_long_result() {
    let _watchdog = Watchdog::start(600);
    let ends = killed_after_steps(Rerun::Never, 600, 40);
    assert!(ends.not_taken > 0 && ends.cut_short > 0 && ends.counted > 0, "{ends:?}");
}

#[test]
fn worker_killed_after_n_steps_reruns_its_task() {
    let _watchdog = Watchdog::start(600);
    let ends = killed_after_steps(Rerun::Times(1), 1, 40);
    assert!(ends.not_taken > 0 && ends.cut_short > 0 && ends.counted > 0, "{ends:?}");
}
