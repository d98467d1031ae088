//! Permits that know whose they are.
//!
//! | word of a permit | meaning | who moves it |
//! |---|---|---|
//! | 0 | free | a participant, by a CAS to its id: **this is the commit**, and it records the owner at once |
//! | p | participant p's, which knows its index | p, to 0, or to "p, FORGOTTEN". It dead or gone: who repairs, to 0 |
//! | p, FORGOTTEN | p's, and nobody there knows its index any more | p, to 0, when it releases one that it forgot. It dead or gone: as above |
//!
//! There is no count beside the words that a death could leave wrong. Who frees a permit wakes a sleeper.

#[cfg(all(test, loom))]
mod model;

use super::event_count::EventCount;
use super::wait_stats::{Counter, WaitStats};
use crate::primitive::{AtomicU32, Ordering};

/// The state, in front of the words.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[repr(C)]
pub(crate) struct OwnedSemaphoreState {
    /// Who waits for a permit sleeps on it.
    pub(crate) freed: EventCount,
    _padding1: u32,
    /// Of those that found no permit.
    pub(crate) empty: WaitStats,
    /// Permits that were taken back from the dead or gone.
    pub(crate) repairs: Counter,
    _padding2: [u64; 11],
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<OwnedSemaphoreState>() == 128);

// SAFETY: atomics, and bytes that nobody looks at.
#[cfg(not(loom))]
#[allow(unsafe_code)]
unsafe impl super::Cells for OwnedSemaphoreState {}

/// The most permits there may be.
pub(crate) const MAX_OWNED_PERMITS: u64 = 1 << 16;

/// Bytes of so many permits with their state; `None` where there cannot be so many.
#[cfg(not(loom))]
pub(crate) fn length(permits: u64) -> Option<u64> {
    (1..=MAX_OWNED_PERMITS)
        .contains(&permits)
        .then(|| size_of::<OwnedSemaphoreState>() as u64 + (4 * permits).next_multiple_of(8))
}

const FREE: u32 = 0;
/// A flag beside the owner's id.
const FORGOTTEN: u32 = 1 << 31;

fn owner(word: u32) -> u32 {
    word & !FORGOTTEN
}

/// What became of an attempt to take a permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PermitAttempt {
    /// This one is the caller's.
    Taken(usize),
    /// None is free.
    WouldBlock,
    /// One belongs to somebody who cannot be.
    Corrupt,
}

/// The permits, by reference.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnedSemaphore<'a> {
    state: &'a OwnedSemaphoreState,
    words: &'a [AtomicU32],
}

impl<'a> OwnedSemaphore<'a> {
    #[inline(always)]
    pub(crate) fn new(state: &'a OwnedSemaphoreState, words: &'a [AtomicU32]) -> Self {
        Self { state, words }
    }

    /// Takes a permit as one of so many participants, looking for a free one from this index on.
    #[inline]
    pub(crate) fn try_take(&self, me: u32, participants: u32, from: usize) -> PermitAttempt {
        let from = from.min(self.words.len());
        for at in (from..self.words.len()).chain(0..from) {
            let mut word = self.words[at].load(Ordering::Relaxed);
            if word == FREE {
                // ORDER: Acquire pairs with the Release of who freed it.
                match self.words[at].compare_exchange(FREE, me, Ordering::Acquire, Ordering::Relaxed) {
                    Ok(_) => return PermitAttempt::Taken(at),
                    Err(found) => word = found,
                }
            }
            if owner(word) > participants || word == FORGOTTEN {
                return PermitAttempt::Corrupt;
            }
        }
        PermitAttempt::WouldBlock
    }

    /// Gives back a permit, and wakes somebody for it. `false` where it is not the caller's; then nothing has happened.
    #[inline]
    pub(crate) fn give_back(&self, me: u32, at: usize) -> bool {
        self.free(at, me) && {
            self.state.freed.notify(1);
            true
        }
    }

    #[inline]
    fn free(&self, at: usize, word: u32) -> bool {
        // ORDER: Release pairs with the Acquire in `try_take`. Fails only where somebody else has damaged the word.
        self.words[at].compare_exchange(word, FREE, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    /// Lets a permit be any that the caller has.
    pub(crate) fn forget(&self, me: u32, at: usize) {
        // ORDER: relaxed; the owner stays the same.
        let _ = self.words[at].compare_exchange(me, me | FORGOTTEN, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Gives back any permit that the caller forgot. `false` where there is none.
    pub(crate) fn give_back_forgotten(&self, me: u32) -> bool {
        let word = me | FORGOTTEN;
        let mut all = 0..self.words.len();
        // Threads of one process may be after the same.
        let freed = all.any(|at| self.words[at].load(Ordering::Relaxed) == word && self.free(at, word));
        if freed {
            self.state.freed.notify(1);
        }
        freed
    }

    /// How many are free right now.
    pub(crate) fn free_now(&self) -> usize {
        self.words.iter().filter(|word| word.load(Ordering::Relaxed) == FREE).count()
    }

    /// Whose they are, those that are anybody's.
    pub(crate) fn owners(&self) -> impl Iterator<Item = u32> {
        self.words.iter().map(|word| owner(word.load(Ordering::Relaxed))).filter(|owner| *owner != 0)
    }

    /// Whether a participant has any.
    pub(crate) fn has_any(&self, id: u32) -> bool {
        self.owners().any(|owner| owner == id)
    }

    /// Frees those of a participant that is dead or gone, and wakes as many.
    pub(crate) fn repair(&self, id: u32) {
        let mut freed = 0;
        for (at, cell) in self.words.iter().enumerate() {
            let word = cell.load(Ordering::Relaxed);
            freed += u32::from(id != 0 && owner(word) == id && self.free(at, word));
        }
        if freed > 0 {
            self.state.repairs.add(freed.into());
            self.state.freed.notify(freed);
        }
    }
}
