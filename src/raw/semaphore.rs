//! A counting semaphore: how many permits are left, and a word to sleep on until there is one.
//!
//! | count | meaning | who moves it |
//! |---|---|---|
//! | 0 | no permit is left | a releaser, to as many as it releases |
//! | n, up to [`MAX_PERMITS`] | n permits are left | an acquirer, to n - 1: **this is the commit of an acquire**. A releaser, to more: **this is the commit of a release** |
//! | more | damaged | nobody |
//!
//! Each change is one compare-and-swap, so a death leaves nothing half done and there is nothing to repair. Nobody knows whose the
//! permits are. Between its commit and waking somebody a releaser may be killed, and so may who was woken, before it has a permit:
//! then a permit is there and others sleep, until the end of their slice.

#[cfg(all(test, loom))]
mod model;

use super::event_count::{EventCount, WAKE_ALL};
use super::wait_stats::WaitStats;
use crate::primitive::{AtomicU64, Ordering};

/// As many permits as there may be.
pub(crate) const MAX_PERMITS: u64 = i32::MAX as u64;

/// The state, on two cache lines of its own: processors fetch them in pairs. Who releases needs both words.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[repr(C)]
pub(crate) struct SemaphoreState {
    count: AtomicU64,
    /// Who waits for a permit sleeps on it.
    pub(crate) permits: EventCount,
    _padding1: u32,
    /// Of those that found no permit.
    pub(crate) empty: WaitStats,
    _padding2: [u64; 11],
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<SemaphoreState>() == 128);

// SAFETY: atomics, and bytes that nobody looks at.
#[cfg(not(loom))]
#[allow(unsafe_code)]
unsafe impl super::Cells for SemaphoreState {}

/// Why a permit was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AcquireError {
    /// None is left.
    WouldBlock,
    /// There cannot be so many.
    Corrupt,
}

/// Why permits were not given back. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReleaseError {
    /// There would be more than [`MAX_PERMITS`].
    TooMany,
    /// There are more already.
    Corrupt,
}

impl SemaphoreState {
    /// Starts with so many permits, up to [`MAX_PERMITS`]. Nobody else knows of the state yet.
    pub(crate) fn init(&self, permits: u64) {
        // ORDER: relaxed; whoever publishes the object publishes this.
        self.count.store(permits, Ordering::Relaxed);
    }

    /// Takes a permit, if one is left.
    #[inline(always)]
    pub(crate) fn try_acquire(&self) -> Result<(), AcquireError> {
        let mut count = self.count.load(Ordering::Relaxed);
        loop {
            match count {
                0 => return Err(AcquireError::WouldBlock),
                1..=MAX_PERMITS => {}
                _ => return Err(AcquireError::Corrupt),
            }
            // ORDER: Acquire pairs with the Release in `release`: what was done under a permit has happened before the next one.
            match self.count.compare_exchange(count, count - 1, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(found) => count = found,
            }
        }
    }

    /// Gives permits back, or more than there were, and wakes as many who wait.
    #[inline(always)]
    pub(crate) fn release(&self, permits: u64) -> Result<(), ReleaseError> {
        self.add(permits)?;
        self.permits.notify(u32::try_from(permits).unwrap_or(WAKE_ALL));
        Ok(())
    }

    #[inline(always)]
    fn add(&self, permits: u64) -> Result<(), ReleaseError> {
        let mut count = self.count.load(Ordering::Relaxed);
        loop {
            let room = MAX_PERMITS.checked_sub(count).ok_or(ReleaseError::Corrupt)?;
            if permits > room {
                return Err(ReleaseError::TooMany);
            }
            // ORDER: Release pairs with the Acquire in `try_acquire`.
            let swapped =
                self.count.compare_exchange(count, count + permits, Ordering::Release, Ordering::Relaxed);
            match swapped {
                Ok(_) => return Ok(()),
                Err(found) => count = found,
            }
        }
    }

    /// Permits that are left, or what stands there instead.
    #[inline]
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}
