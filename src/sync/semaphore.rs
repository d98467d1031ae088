//! [`Semaphore`]: a number of permits, which any process may release.

#![allow(unsafe_code)]

use core::fmt;
use core::ptr::NonNull;
use std::time::Duration;

use crate::error::{SegmentError, SemaphoreError};
use crate::layout::fingerprint::{Fingerprint, Kind};
use crate::raw::semaphore::{AcquireError, MAX_PERMITS, ReleaseError, SemaphoreState};
use crate::raw::wait::{AdaptiveSpin, Wait, WakePolicy, wait_for};
use crate::segment::object::{Initial, Object, Region, Shape, sealed};
use crate::segment::object_macros::{object_handle, single_object};
use crate::sys::{barrier, fork};

const CORRUPT: SemaphoreError = SemaphoreError::Corrupt { what: "the count of a semaphore" };

/// A number of permits, which processes take and give back.
///
/// A permit is nobody's: any process may release what another has acquired, and release more than there were. So a semaphore can
/// also count what one produces and another consumes; it may begin with no permit at all.
///
/// **When a process is killed at any instruction:** the count is right, and nobody is stranded: who waits while a permit is left
/// sleeps for 100 ms at most. A killed holder's permit is *not* returned, for nobody knows whose it was; who needs that takes a
/// `BoundedSemaphore`.
///
/// Dijkstra's semaphore (EWD 74), as one word that compare-and-swaps change and a futex to sleep on. It is not fair: who comes by may
/// be faster than who was woken.
///
/// ```
/// use breezeway::sync::Semaphore;
///
/// # let name = format!("breezeway-doc-semaphore-{}", std::process::id());
/// # let name = name.as_str();
/// let scanners = Semaphore::open_or_create(name, 2)?;
/// let permit = scanners.acquire()?;
/// // No more than two processes are here at a time.
/// drop(permit);
///
/// // What one acquires, another may release.
/// scanners.acquire()?.forget();
/// assert_eq!(scanners.available(), 1);
/// scanners.release(1)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Semaphore {
    state: NonNull<SemaphoreState>,
    spin: AdaptiveSpin,
    region: Region,
}

// SAFETY: the pointer is to atomics in the mapping that `region` keeps alive.
unsafe impl Send for Semaphore {}
// SAFETY: as above.
unsafe impl Sync for Semaphore {}

/// A permit of a [`Semaphore`]; dropping it releases it.
#[must_use = "dropping the permit releases it at once"]
pub struct SemaphorePermit<'a> {
    semaphore: &'a Semaphore,
    /// The fork generation of the process that acquired it.
    generation: u32,
}

impl Semaphore {
    /// As many permits as there may be.
    #[doc(alias = "SEM_VALUE_MAX")]
    pub const MAX_PERMITS: usize = MAX_PERMITS as usize;

    #[inline(always)]
    fn state(&self) -> &SemaphoreState {
        // SAFETY: taken from a reference into the mapping, which `self.region` keeps mapped.
        unsafe { self.state.as_ref() }
    }

    /// Takes a permit, waiting for one as long as it takes.
    ///
    /// # Errors
    /// [`SemaphoreError::NotAttached`] in a forked child that cannot register as a participant;
    /// [`SemaphoreError::Corrupt`] if the segment is damaged.
    #[doc(alias = "sem_wait")]
    #[inline]
    pub fn acquire(&self) -> Result<SemaphorePermit<'_>, SemaphoreError> {
        self.acquire_within(Wait::Forever)
    }

    /// Takes a permit if one is left.
    ///
    /// # Errors
    /// [`SemaphoreError::WouldBlock`] if no permit is free, and the errors of
    /// [`acquire`](Self::acquire).
    #[inline]
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, SemaphoreError> {
        self.acquire_within(Wait::NonBlocking)
    }

    /// Takes a permit, waiting for one no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// [`SemaphoreError::Timeout`] if no permit is free until the timeout elapses, and the errors
    /// of [`acquire`](Self::acquire).
    #[inline]
    pub fn acquire_timeout(&self, timeout: Duration) -> Result<SemaphorePermit<'_>, SemaphoreError> {
        self.acquire_within(Wait::Timeout(timeout))
    }

    #[inline(always)]
    pub(super) fn acquire_within(&self, wait: Wait) -> Result<SemaphorePermit<'_>, SemaphoreError> {
        self.ensure_attached()?;
        match self.state().try_acquire() {
            Ok(()) => {}
            Err(miss) => self.acquire_slow(miss, wait)?,
        }
        Ok(SemaphorePermit { semaphore: self, generation: fork::generation() })
    }

    #[inline(always)]
    fn ensure_attached(&self) -> Result<(), SemaphoreError> {
        self.region.segment().mapping().attached()?;
        Ok(())
    }

    /// Goes on after an attempt that came to nothing.
    #[cold]
    fn acquire_slow(&self, miss: AcquireError, wait: Wait) -> Result<(), SemaphoreError> {
        let classify = |attempt| match attempt {
            Ok(()) => Some(Ok(())),
            Err(AcquireError::WouldBlock) => None,
            Err(AcquireError::Corrupt) => Some(Err(CORRUPT)),
        };
        if let Some(result) = classify(Err(miss)) {
            return result;
        }
        if matches!(wait, Wait::NonBlocking) {
            return Err(SemaphoreError::WouldBlock);
        }
        let try_once = || classify(self.state().try_acquire());
        let check_peers = || self.region.segment().mapping().reap_dead_peers();
        let found = wait_for(
            (&self.state().permits, &self.state().empty),
            WakePolicy::AnyOne,
            wait,
            &self.spin,
            try_once,
            check_peers,
        );
        found.unwrap_or(Err(SemaphoreError::Timeout))
    }

    /// Releases permits, which this process need not have acquired, and wakes as many who wait.
    ///
    /// # Errors
    /// None is released then. [`SemaphoreError::TooMany`] if there would be more than
    /// [`MAX_PERMITS`](Self::MAX_PERMITS); [`SemaphoreError::NotAttached`] in a forked child that
    /// cannot register as a participant; [`SemaphoreError::Corrupt`] if the segment is damaged.
    #[doc(alias = "sem_post")]
    #[inline]
    pub fn release(&self, permits: usize) -> Result<(), SemaphoreError> {
        self.ensure_attached()?;
        self.state().release(permits as u64).map_err(|refusal| match refusal {
            ReleaseError::TooMany => SemaphoreError::TooMany { limit: Self::MAX_PERMITS },
            ReleaseError::Corrupt => CORRUPT,
        })
    }

    /// Permits that are left just now.
    #[doc(alias = "sem_getvalue")]
    #[doc(alias = "get_value")]
    pub fn available(&self) -> usize {
        // Of a count that is corrupt, which acquiring says, as many as there may be.
        self.state().count().min(MAX_PERMITS) as usize
    }
}

impl SemaphorePermit<'_> {
    /// Leaves the permit acquired, for whoever [releases](Semaphore::release) it.
    pub fn forget(self) {
        core::mem::forget(self);
    }
}

impl Drop for SemaphorePermit<'_> {
    #[inline]
    fn drop(&mut self) {
        // A forked child's copy of its parent's is not the child's.
        if self.generation == fork::generation() {
            // Where others have released so many that there is no room for this one, it is one too many.
            let _ = self.semaphore.state().release(1);
        }
    }
}

impl Object for Semaphore {}

impl sealed::ObjectImpl for Semaphore {
    type Plan = usize;

    fn fingerprint() -> Fingerprint {
        Fingerprint::of::<()>(Kind::Semaphore)
    }

    fn check(permits: &usize) -> Result<(), SegmentError> {
        if *permits > Self::MAX_PERMITS {
            return Err(SegmentError::InvalidOption { option: "permits", allowed: "0 to 2147483647" });
        }
        Ok(())
    }

    fn shape(_: &usize) -> Shape {
        Shape::ONE
    }

    fn length(shape: Shape) -> Option<u64> {
        (shape == Shape::ONE).then_some(size_of::<SemaphoreState>() as u64)
    }

    fn build(permits: &usize, region: &Region) {
        region.state::<SemaphoreState>().init(*permits as u64);
    }

    fn attach(region: Region) -> Result<Self, SegmentError> {
        barrier::register();
        Ok(Self {
            state: NonNull::from(region.state::<SemaphoreState>()),
            spin: AdaptiveSpin::default(),
            region,
        })
    }

    fn region(&self) -> &Region {
        &self.region
    }
}

impl Initial<Semaphore> for usize {}

impl sealed::IntoPlan<Semaphore> for usize {
    fn plan(self) -> usize {
        self
    }
}

single_object!([] Semaphore);
object_handle!([] Semaphore);

impl Clone for Semaphore {
    fn clone(&self) -> Self {
        Self { state: self.state, spin: AdaptiveSpin::default(), region: self.region.clone() }
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("segment", self.segment())
            .field("available", &self.available())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SemaphorePermit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SemaphorePermit").field("semaphore", self.semaphore).finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(Semaphore: Send, Sync, Clone);
static_assertions::assert_impl_all!(SemaphorePermit<'static>: Send, Sync);
