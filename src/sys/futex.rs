//! Sleeping on a word that several processes map, and waking who sleeps there.
//!
//! Never a private futex: those of two processes have nothing to do with each other.

#[cfg(any(feature = "process", feature = "async"))]
use std::time::Duration;

#[cfg(any(feature = "process", feature = "async"))]
use rustix::io::Errno;
use rustix::thread::futex::{self, Flags};

use super::clock::Deadline;
use crate::primitive::AtomicU32;

/// For [`wake`]: all there are.
pub(crate) const WAKE_ALL: u32 = i32::MAX as u32;

/// Sleeps while the word is `expected`, until somebody wakes it or the deadline is over. It may also return for no reason.
pub(crate) fn wait(word: &AtomicU32, expected: u32, until: Deadline) {
    // The word has changed, the time is over, a signal: whoever called looks for itself. No other errors are possible for an aligned
    // word that is mapped.
    let every_bit = core::num::NonZero::<u32>::MAX;
    let _ = futex::wait_bitset(word, Flags::empty(), expected, Some(&until.timespec()), every_bit);
}

/// The kernel takes no more words at a time.
#[cfg(any(feature = "process", feature = "async"))]
pub(crate) const MAX_WORDS: usize = 128;

/// How long to sleep at most where not all words can be slept on.
#[cfg(any(feature = "process", feature = "async"))]
const FALLBACK_SLEEP: Duration = Duration::from_millis(5);

/// Words to sleep on at the same time, each with what is expected of it.
#[cfg(any(feature = "process", feature = "async"))]
#[derive(Default)]
pub(crate) struct FutexSet(Vec<futex::Wait>);

#[cfg(any(feature = "process", feature = "async"))]
impl FutexSet {
    #[cfg(feature = "async")]
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// A word that is gone when it comes to sleeping does no harm: only the kernel looks at it.
    pub(crate) fn push(&mut self, word: *const u32, expected: u32) {
        let mut wait = futex::Wait::new();
        wait.val = u64::from(expected);
        wait.uaddr = futex::WaitPtr::new(word.cast_mut().cast());
        wait.flags = futex::WaitFlags::SIZE_U32;
        self.0.push(wait);
    }

    /// Sleeps while each word is what is expected of it, until somebody wakes it at one of them or the deadline is over. It may also
    /// return for no reason. Where the kernel cannot do that it sleeps on the one that is given besides, briefly.
    pub(crate) fn sleep(&self, (word, expected): (&AtomicU32, u32), until: Deadline) {
        let waits = &self.0[..self.0.len().min(MAX_WORDS)];
        let until =
            if waits.len() == self.0.len() { until } else { until.min(Deadline::after(FALLBACK_SLEEP)) };
        let timeout = until.timespec();
        let slept =
            futex::waitv(waits, futex::WaitvFlags::empty(), Some(&timeout), futex::ClockId::Monotonic);
        match slept {
            Ok(_) | Err(Errno::AGAIN | Errno::TIMEDOUT | Errno::INTR | Errno::FAULT) => {}
            // A kernel before 5.16, or a sandbox that knows no such call.
            Err(_) => wait(word, expected, until.min(Deadline::after(FALLBACK_SLEEP))),
        }
    }
}

/// Wakes one who sleeps on a word that is perhaps not mapped any more: then none, or, where another is by now, one there for no reason.
#[cfg(feature = "async")]
#[allow(unsafe_code)]
pub(crate) fn wake_at(word: *const u32) {
    // SAFETY: the kernel makes sure of the address, and writes nothing.
    unsafe { libc::syscall(libc::SYS_futex, word, libc::FUTEX_WAKE, 1) };
}

/// Wakes up to `count` who sleep on the word, and says how many they were.
pub(crate) fn wake(word: &AtomicU32, count: u32) -> u32 {
    futex::wake(word, Flags::empty(), count).map_or(0, |woken| woken as u32)
}
