//! Threads that wait for something, and what it costs them.

use std::sync::mpsc;
use std::thread::JoinHandle;

use super::process::{thread_id, until_parked};

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

/// The processor time that a thread has used, in the clock ticks of `/proc`.
pub fn ticks_of(thread: &str) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{thread}/stat")).unwrap();
    let fields = stat.rsplit_once(") ").unwrap().1.split(' ');
    // Behind the name: user time is the 12th field, system time the 13th.
    fields.skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum()
}
