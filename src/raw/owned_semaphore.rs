//! A counting semaphore whose permits record their owner, so that those of a dead participant can
//! be reclaimed.
//!
//! Each permit has a word:
//!
//! | word of a permit | meaning | who moves it |
//! |---|---|---|
//! | 0 | free | a participant, by a CAS to its id: **this is the commit point of an acquire**, and it records the owner at once |
//! | p | participant p has the permit, and a guard there knows its index | p, to 0, or to "p, FORGOTTEN". If p is dead or has left, any repairer, by a CAS to 0 |
//! | p, FORGOTTEN | participant p has the permit, and no guard there knows its index any more | p, to 0, when it releases any of its forgotten permits. If p is dead or has left, as above |
//!
//! No permit is lost: there is no count beside the words that a death could leave wrong, and
//! whatever a dead participant had is freed by its id. Nor is one freed twice: no process has the id
//! while another repairs after it, so of several repairers one wins each CAS, however late the others
//! come. A participant that frees a permit notifies a waiter. If it is killed or stopped between the
//! two, parked waiters look again after their recheck interval.

#[cfg(all(test, loom))]
mod model;

use super::event_count::EventCount;
use super::wait_stats::{Counter, WaitStats};
use crate::primitive::{AtomicU32, Ordering};

/// The state, before the permits' words.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[repr(C)]
pub(crate) struct OwnedSemaphoreState {
    /// Waiters for a permit park on it.
    pub(crate) freed: EventCount,
    /// Waits of threads that found no permit free.
    pub(crate) empty: WaitStats,
    /// Permits that were reclaimed from participants that are dead or have left.
    pub(crate) repairs: Counter,
    _padding1: [u64; 11],
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<OwnedSemaphoreState>() == 128);

// SAFETY: atomics, and padding that is never accessed.
#[cfg(not(loom))]
#[allow(unsafe_code)]
unsafe impl super::Cells for OwnedSemaphoreState {}

/// The most permits that there can be.
pub(crate) const MAX_OWNED_PERMITS: u64 = 1 << 16;

/// Bytes of `permits` permits with their state; `None` if there cannot be this many.
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

/// The result of one attempt to take a permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PermitAttempt {
    /// The permit of this index is the caller's.
    Taken(usize),
    /// No permit is free.
    WouldBlock,
    /// A permit's owner is an id that no participant has.
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

    /// Takes a permit for participant `me`, of `participants` that there can be. Looks for a free
    /// one from index `from` on.
    #[inline]
    pub(crate) fn try_take(&self, me: u32, participants: u32, from: usize) -> PermitAttempt {
        let from = from.min(self.words.len());
        for at in (from..self.words.len()).chain(0..from) {
            let mut word = self.words[at].load(Ordering::Relaxed);
            if word == FREE {
                // ORDER: Acquire pairs with the Release in `free`.
                match self.words[at].compare_exchange(FREE, me, Ordering::Acquire, Ordering::Relaxed) {
                    Ok(_) => return PermitAttempt::Taken(at),
                    // Another participant was faster; its id is checked below.
                    Err(found) => word = found,
                }
            }
            // A permit of an owner that cannot exist would never be freed, so it is reported.
            if owner(word) > participants || word == FORGOTTEN {
                return PermitAttempt::Corrupt;
            }
        }
        PermitAttempt::WouldBlock
    }

    /// Frees the caller's permit of index `at`, and notifies a waiter. `false` if the permit is not
    /// the caller's; then nothing has happened.
    #[inline]
    pub(crate) fn give_back(&self, me: u32, at: usize) -> bool {
        self.free(at, me) && {
            self.state.freed.notify(1);
            true
        }
    }

    #[inline]
    fn free(&self, at: usize, word: u32) -> bool {
        // ORDER: Release pairs with the Acquire in `try_take`. Fails if the word is not the owner's
        // any more.
        self.words[at].compare_exchange(word, FREE, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    /// Marks the caller's permit of index `at` as forgotten: no guard knows the index any more.
    pub(crate) fn forget(&self, me: u32, at: usize) {
        // ORDER: relaxed; the owner stays the same.
        let _ = self.words[at].compare_exchange(me, me | FORGOTTEN, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Frees one of the permits that the caller forgot, and notifies a waiter. `false` if there is
    /// none.
    pub(crate) fn give_back_forgotten(&self, me: u32) -> bool {
        let word = me | FORGOTTEN;
        let mut all = 0..self.words.len();
        // If another thread of this process frees a permit first, the search goes on.
        let freed = all.any(|at| self.words[at].load(Ordering::Relaxed) == word && self.free(at, word));
        if freed {
            self.state.freed.notify(1);
        }
        freed
    }

    /// How many permits are free right now.
    pub(crate) fn free_now(&self) -> usize {
        self.words.iter().filter(|word| word.load(Ordering::Relaxed) == FREE).count()
    }

    /// The owners of the permits that are not free.
    pub(crate) fn owners(&self) -> impl Iterator<Item = u32> {
        self.words.iter().map(|word| owner(word.load(Ordering::Relaxed))).filter(|owner| *owner != 0)
    }

    /// Whether a participant has any permit.
    pub(crate) fn has_any(&self, id: u32) -> bool {
        self.owners().any(|owner| owner == id)
    }

    /// Frees the permits of a participant that is dead or has left, and notifies as many waiters.
    pub(crate) fn repair(&self, id: u32) {
        let mut freed = 0;
        for (at, cell) in self.words.iter().enumerate() {
            let word = cell.load(Ordering::Relaxed);
            // Id 0 is no participant: its words are free permits.
            freed += u32::from(id != 0 && owner(word) == id && self.free(at, word));
        }
        if freed > 0 {
            self.state.repairs.add(freed.into());
            self.state.freed.notify(freed);
        }
    }
}
