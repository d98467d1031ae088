//! A counting semaphore: the number of permits left, and an event count to park on until there is
//! one.
//!
//! Dijkstra's semaphore, as POSIX's `sem_t` has it.
//!
//! | count | meaning | who moves it |
//! |---|---|---|
//! | 0 | no permit is left | a releaser, to as many as it releases |
//! | n, up to [`MAX_PERMITS`] | n permits are left | an acquirer, to n - 1: **this is the commit point of an acquire**. A releaser, to more: **this is the commit point of a release** |
//! | more | damaged | no participant |
//!
//! Each change is one compare-and-swap, so a death leaves nothing half done and there is nothing to
//! repair. Permits have no owner: those of a dead participant stay taken. A releaser may be killed
//! between its commit point and its notification, and a notified waiter before it has a permit:
//! then a permit is left while others are parked, until their recheck interval ends.

#[cfg(all(test, loom))]
mod model;

use super::event_count::{EventCount, WAKE_ALL};
use super::wait_stats::WaitStats;
use crate::primitive::{AtomicU64, Ordering};

/// The most permits that there can be.
pub(crate) const MAX_PERMITS: u64 = i32::MAX as u64;

/// The state, on two cache lines of its own, because processors fetch them in pairs. A releaser
/// needs both words.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[repr(C)]
pub(crate) struct SemaphoreState {
    count: AtomicU64,
    /// Waiters for a permit park on it.
    pub(crate) permits: EventCount,
    /// Waits of threads that found no permit left.
    pub(crate) empty: WaitStats,
    _padding1: [u64; 11],
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<SemaphoreState>() == 128);

// SAFETY: atomics, and padding that is never accessed.
#[cfg(not(loom))]
#[allow(unsafe_code)]
unsafe impl super::Cells for SemaphoreState {}

/// Why a permit was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AcquireError {
    /// No permit is left.
    WouldBlock,
    /// The count is more than [`MAX_PERMITS`].
    Corrupt,
}

/// Why permits were not released. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReleaseError {
    /// There would be more than [`MAX_PERMITS`] permits.
    TooMany,
    /// The count is more than [`MAX_PERMITS`] already.
    Corrupt,
}

impl SemaphoreState {
    /// Starts with this many permits, up to [`MAX_PERMITS`]. The object is not published yet.
    pub(crate) fn init(&self, permits: u64) {
        // ORDER: relaxed; publishing the object publishes this.
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
            // ORDER: Acquire pairs with the Release in `add`: what was done with a permit has
            // happened before the next acquirer has it.
            match self.count.compare_exchange(count, count - 1, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(found) => count = found,
            }
        }
    }

    /// Releases permits, also more than were acquired, and notifies as many waiters.
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
            // A count above the maximum is damage, and nothing is added to it.
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

    /// The number of permits left, or whatever number a damaged word holds.
    #[inline]
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}
