//! A flag that wakes everybody who waits for it, also if it is taken back at once.
//!
//! | word | meaning | who moves it |
//! |---|---|---|
//! | `{g, 0}` | not set | who sets it, to `{g + 1, 1}`: **this is the commit of a `set`** |
//! | `{g, 1}` | set, for the `g`-th time | who clears it, to `{g, 0}`: **this is the commit of a `clear`** |
//!
//! `{generation:63 | set:1}`. Any word is one of these. A waiter reads it once; if it is not set, the waiter is through as soon as the
//! word is another, for that takes a `set`, whatever came behind it.
//!
//! Setting and clearing write the word also where that changes nothing. Otherwise this could happen: one publishes work, finds the
//! event set and goes; meanwhile another clears the event and then looks for work, and neither sees what the other wrote. As it is, one
//! of the writes comes first: either the event is set behind the clearing, or who cleared it sees the work.

#[cfg(all(test, loom))]
mod model;

use super::event_count::{EventCount, WAKE_ALL};
use super::wait_stats::WaitStats;
use crate::primitive::{AtomicU64, Ordering};

const SET: u64 = 1;
/// One generation.
const GENERATION: u64 = 2;

/// The state, on two cache lines of its own: processors fetch them in pairs. Who sets the event needs both words.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[repr(C)]
pub(crate) struct EventState {
    word: AtomicU64,
    /// Who waits sleeps on it.
    pub(crate) sets: EventCount,
    _padding1: u32,
    /// Of those that found it not set.
    pub(crate) unset: WaitStats,
    _padding2: [u64; 11],
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<EventState>() == 128);

// SAFETY: atomics, and bytes that nobody looks at.
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

    /// Sets the event and wakes everybody who waits. `false` where it was set.
    #[inline]
    pub(crate) fn set(&self) -> bool {
        // ORDER: Release pairs with the Acquire of whoever is through by it, or clears it.
        let was_set = self.replace(Ordering::Release, |word| match word & SET {
            0 => word.wrapping_add(GENERATION) | SET,
            _ => word,
        });
        // Where it was set, who set it may have been killed before it woke anybody.
        self.sets.notify(WAKE_ALL);
        !was_set
    }

    /// Takes it back. `false` where it was not set.
    #[inline]
    pub(crate) fn clear(&self) -> bool {
        // ORDER: Acquire pairs with the Release in `set`: who clears the event sees what was done before it was set.
        self.replace(Ordering::Acquire, |word| word & !SET)
    }

    /// Replaces the word, and says whether the event was set.
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

    /// How often the event was set, and taken back between, since it was made: for whoever only looks.
    #[cfg(not(loom))]
    pub(crate) fn times_set(&self) -> u64 {
        self.word.load(Ordering::Relaxed) / GENERATION
    }

    /// Begins to wait: `None` where the event is set.
    #[inline(always)]
    pub(crate) fn begin_wait(&self) -> Option<Unset> {
        // ORDER: Acquire pairs with the Release in `set`.
        let word = self.word.load(Ordering::Acquire);
        (word & SET == 0).then_some(Unset(word))
    }

    /// Whether the event has been set since.
    #[inline(always)]
    pub(crate) fn was_set_since(&self, unset: Unset) -> bool {
        // ORDER: Acquire pairs with the Release in `set`, also where the event is clear again: clearing it passes that on.
        self.word.load(Ordering::Acquire) != unset.0
    }
}
