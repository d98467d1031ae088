//! A flag to wait for. Setting it wakes all waiters, even if it is cleared at once.
//!
//! The flag of Python's `threading.Event` with a generation beside it. The word is
//! `{generation:63 | set:1}`:
//!
//! | word | meaning | who moves it |
//! |---|---|---|
//! | `{g, 0}` | not set | a setter, to `{g + 1, 1}`: **this is the commit point of a `set`** |
//! | `{g, 1}` | set, for the `g`-th time | a clearer, to `{g, 0}`: **this is the commit point of a `clear`** |
//!
//! Any word is one of these. A waiter reads the word once. If the flag is not set, the wait is over
//! as soon as the word is another one: only a `set` leads to that, whatever followed it. So a pulse
//! (`set`, then `clear`) is not lost on a waiter that was parked meanwhile.
//!
//! Setting and clearing write the word even if that changes nothing. Without that, a producer could
//! publish work, find the event set and go, while a consumer clears the event and then looks for
//! work, and neither would see what the other wrote. With it, one of the two writes comes first:
//! either the event is set after the clearing, or the clearer sees the work.
//!
//! No wake-up is lost for longer than until the next `set`: a setter that finds the flag set
//! notifies too, because the one before may have been killed between its commit point and its
//! notification. Each parked waiter also looks again after the recheck interval.

#[cfg(all(test, loom))]
mod model;

use super::event_count::{EventCount, WAKE_ALL};
use super::wait_stats::WaitStats;
use crate::primitive::{AtomicU64, Ordering};

const SET: u64 = 1;
/// One generation.
const GENERATION: u64 = 2;

/// The state, on two cache lines of its own, because processors fetch them in pairs. A setter needs
/// both words.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[repr(C)]
pub(crate) struct EventState {
    word: AtomicU64,
    /// Waiters park on it.
    pub(crate) sets: EventCount,
    /// Waits of threads that found the event not set.
    pub(crate) unset: WaitStats,
    _padding1: [u64; 11],
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<EventState>() == 128);

// SAFETY: atomics, and padding that is never accessed.
#[cfg(not(loom))]
#[allow(unsafe_code)]
unsafe impl super::Cells for EventState {}

/// The word as a waiter found it, not set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unset(u64);

impl EventState {
    /// Whether the event is set.
    #[inline(always)]
    pub(crate) fn is_set(&self) -> bool {
        // ORDER: Acquire pairs with the Release in `set`.
        self.word.load(Ordering::Acquire) & SET != 0
    }

    /// Sets the event and wakes all waiters. `false` if it was set already.
    #[inline]
    pub(crate) fn set(&self) -> bool {
        // ORDER: Release pairs with the Acquire of a waiter whose wait this ends, and of `clear`.
        let was_set = self.replace(Ordering::Release, |word| match word & SET {
            0 => word.wrapping_add(GENERATION) | SET,
            // Written as it is: see the module's documentation.
            _ => word,
        });
        // Even if it was set already: the setter before may have been killed before it notified.
        self.sets.notify(WAKE_ALL);
        !was_set
    }

    /// Clears the event. `false` if it was not set.
    #[inline]
    pub(crate) fn clear(&self) -> bool {
        // ORDER: Acquire pairs with the Release in `set`: the clearer sees what was done before the
        // event was set.
        self.replace(Ordering::Acquire, |word| word & !SET)
    }

    /// Replaces the word, and returns whether the event was set before.
    #[inline(always)]
    fn replace(&self, order: Ordering, by: impl Fn(u64) -> u64) -> bool {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            match self.word.compare_exchange(word, by(word), order, Ordering::Relaxed) {
                Ok(_) => return word & SET != 0,
                Err(found) => word = found,
            }
        }
    }

    /// How many times the event went from not set to set since it was made, for inspection.
    #[cfg(not(loom))]
    pub(crate) fn times_set(&self) -> u64 {
        self.word.load(Ordering::Relaxed) / GENERATION
    }

    /// Begins a wait; `None` if the event is set.
    #[inline(always)]
    pub(crate) fn begin_wait(&self) -> Option<Unset> {
        // ORDER: Acquire pairs with the Release in `set`.
        let word = self.word.load(Ordering::Acquire);
        (word & SET == 0).then_some(Unset(word))
    }

    /// Whether the event was set after the wait began.
    #[inline(always)]
    pub(crate) fn was_set_since(&self, unset: Unset) -> bool {
        // ORDER: Acquire pairs with the Release in `set`, even if the event is clear again: the CAS
        // of the clearing continues that release sequence.
        self.word.load(Ordering::Acquire) != unset.0
    }
}
