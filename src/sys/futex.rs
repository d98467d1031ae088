//! Sleeping on a word that several processes map, and waking who sleeps there.
//!
//! Never a private futex: those of two processes have nothing to do with each other.

use rustix::thread::futex::{self, Flags};

use super::clock::Deadline;
use crate::primitive::AtomicU32;

/// For [`wake`]: all there are.
pub(crate) const EVERYBODY: u32 = i32::MAX as u32;

/// Sleeps while the word is `expected`, until somebody wakes it or the deadline is over. It may also return for no reason.
pub(crate) fn wait(word: &AtomicU32, expected: u32, until: Deadline) {
    // The word has changed, the time is over, a signal: whoever called looks for itself. No other errors are possible for an aligned
    // word that is mapped.
    let every_bit = core::num::NonZero::<u32>::MAX;
    let _ = futex::wait_bitset(word, Flags::empty(), expected, Some(&until.timespec()), every_bit);
}

/// Wakes up to `count` who sleep on the word, and says how many they were.
pub(crate) fn wake(word: &AtomicU32, count: u32) -> u32 {
    futex::wake(word, Flags::empty(), count).map_or(0, |woken| woken as u32)
}
