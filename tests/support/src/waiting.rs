//! Threads that wait for something, and what it costs them.

use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::process::{thread_id, until_parked};

/// Long enough for whatever must not happen to happen.
pub const A_WHILE: Duration = Duration::from_millis(120);

/// As long as a watchdog is patient.
pub const LONG: Duration = Duration::from_secs(50);

/// A thread that slept in a futex when it was last looked at.
pub struct Asleep<T> {
    pub thread: String,
    handle: JoinHandle<T>,
}

/// Runs `wait` in a thread of its own, and comes back when that one sleeps.
pub fn asleep<T: Send + 'static>(wait: impl FnOnce() -> T + Send + 'static) -> Asleep<T> {
    let (tell, hear) = mpsc::channel();
    let handle = std::thread::spawn(move || {
        tell.send(thread_id()).unwrap();
        wait()
    });
    let thread = hear.recv().unwrap();
    until_parked(&thread);
    Asleep { thread, handle }
}

impl<T> Asleep<T> {
    /// Whether it waits no more.
    pub fn is_done(&self) -> bool {
        self.handle.is_finished()
    }

    /// What it waited for.
    pub fn wake(self) -> T {
        self.handle.join().unwrap()
    }
}

/// Runs `run` in `count` threads, and gives what each of them returns.
pub fn in_threads<R: Send>(count: usize, run: impl Fn(usize) -> R + Sync) -> Vec<R> {
    std::thread::scope(|scope| {
        let run = &run;
        let threads: Vec<_> = (0..count).map(|n| scope.spawn(move || run(n))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// The processor time that a thread has used, in the clock ticks of `/proc`.
pub fn ticks_of(thread: &str) -> u64 {
    ticks_in(&format!("/proc/{thread}/task/{thread}/stat"))
}

/// The processor time that all threads of a process have used, of which this is one.
pub fn ticks_of_process(thread: &str) -> u64 {
    ticks_in(&format!("/proc/{thread}/stat"))
}

fn ticks_in(stat: &str) -> u64 {
    let stat = std::fs::read_to_string(stat).unwrap();
    let fields = stat.rsplit_once(") ").unwrap().1.split(' ');
    // Behind the name: user time is the 12th field, system time the 13th.
    fields.skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum()
}

/// How often a thread of this process has gone to sleep.
pub fn sleeps_of(thread: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/self/task/{thread}/status")).unwrap();
    let switches = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap();
    switches.trim().parse().unwrap()
}
