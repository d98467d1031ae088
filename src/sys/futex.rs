//! Sleeping on words that several processes map, and waking the sleepers.
//!
//! Futexes here are never private: a private futex is known to one process only.

#[cfg(any(feature = "process", feature = "async"))]
use std::time::Duration;

#[cfg(any(feature = "process", feature = "async"))]
use rustix::io::Errno;
use rustix::thread::futex::{self, Flags};

use super::clock::Deadline;
use crate::primitive::AtomicU32;

/// The count by which [`wake`] wakes all sleepers.
pub(crate) const WAKE_ALL: u32 = i32::MAX as u32;

/// Sleeps while the word is `expected`, until it is woken or the deadline passes. Wakes may be
/// spurious.
pub(crate) fn wait(word: &AtomicU32, expected: u32, until: Deadline) {
    // If the word has changed, the deadline has passed or a signal came, the caller looks for
    // itself. No other errors are possible for an aligned word that is mapped.
    let every_bit = core::num::NonZero::<u32>::MAX;
    let _ = futex::wait_bitset(word, Flags::empty(), expected, Some(&until.timespec()), every_bit);
}

/// How many words the kernel takes at a time.
#[cfg(any(feature = "process", feature = "async"))]
pub(crate) const MAX_WORDS: usize = 128;

/// How long to sleep at most if not all words can be slept on.
#[cfg(any(feature = "process", feature = "async"))]
const FALLBACK_SLEEP: Duration = Duration::from_millis(5);

/// Words to sleep on at the same time, each with its expected value.
#[cfg(any(feature = "process", feature = "async"))]
#[derive(Default)]
pub(crate) struct FutexSet(Vec<futex::Wait>);

#[cfg(any(feature = "process", feature = "async"))]
impl FutexSet {
    #[cfg(feature = "async")]
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Adds a word. It need not be mapped any more when sleeping begins: only the kernel reads it.
    pub(crate) fn push(&mut self, word: *const u32, expected: u32) {
        let mut wait = futex::Wait::new();
        wait.val = u64::from(expected);
        wait.uaddr = futex::WaitPtr::new(word.cast_mut().cast());
        wait.flags = futex::WaitFlags::SIZE_U32;
        self.0.push(wait);
    }

    /// Sleeps while each word has its expected value, until it is woken at one of them or the
    /// deadline passes. Wakes may be spurious. If the kernel cannot wait for several words, it
    /// sleeps briefly on the word of the first argument alone.
    pub(crate) fn sleep(&self, (word, expected): (&AtomicU32, u32), until: Deadline) {
        let waits = &self.0[..self.0.len().min(MAX_WORDS)];
        let until =
            if waits.len() == self.0.len() { until } else { until.min(Deadline::after(FALLBACK_SLEEP)) };
        let timeout = until.timespec();
        let slept =
            futex::waitv(waits, futex::WaitvFlags::empty(), Some(&timeout), futex::ClockId::Monotonic);
        match slept {
            Ok(_) | Err(Errno::AGAIN | Errno::TIMEDOUT | Errno::INTR | Errno::FAULT) => {}
            // A kernel before 5.16, or a sandbox that refuses the call.
            Err(_) => wait(word, expected, until.min(Deadline::after(FALLBACK_SLEEP))),
        }
    }
}

/// Wakes one sleeper on a word that may not be mapped any more. If it is not, this wakes none; if
/// another word has the address by now, it wakes one of that word's sleepers spuriously.
#[cfg(feature = "async")]
#[allow(unsafe_code)]
pub(crate) fn wake_at(word: *const u32) {
    // SAFETY: the kernel checks the address, and writes nothing.
    unsafe { libc::syscall(libc::SYS_futex, word, libc::FUTEX_WAKE, 1) };
}

/// Wakes up to `count` sleepers on the word, and returns how many they were.
pub(crate) fn wake(word: &AtomicU32, count: u32) -> u32 {
    futex::wake(word, Flags::empty(), count).map_or(0, |woken| woken as u32)
}
