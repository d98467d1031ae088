//! Sleeping on a word that several processes map: the bare system calls.

use std::time::Duration;

use core::sync::atomic::AtomicU32;
use rustix::thread::futex::{self, Flags, Timespec};

/// Sleeps while the word is `seen`, until it is woken or the time is over. It may return early:
/// the caller reads the word again.
pub fn wait(word: &AtomicU32, seen: u32, timeout: Option<Duration>) {
    let timeout =
        timeout.map(|time| Timespec { tv_sec: time.as_secs() as i64, tv_nsec: time.subsec_nanos().into() });
    let _ = futex::wait(word, Flags::empty(), seen, timeout.as_ref());
}

/// Wakes one of those that sleep on the word.
pub fn wake_one(word: &AtomicU32) {
    let _ = futex::wake(word, Flags::empty(), 1);
}
