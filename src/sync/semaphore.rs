//! [`Semaphore`]: a number of permits, which any process may release.

use core::fmt;
use std::time::Duration;

use crate::error::{SegmentError, SemaphoreError};
use crate::layout::fingerprint::{Fingerprint, Kind};
use crate::raw::adaptive_spin::AdaptiveSpin;
use crate::raw::semaphore::{AcquireError, MAX_PERMITS, ReleaseError, SemaphoreState};
use crate::raw::wait::{Timeout, Wait, WaitPoint, WakePolicy};
use crate::segment::object::{Initial, Object, Region, Shape, sealed};
use crate::segment::object_macros::{object_handle, single_object};
use crate::segment::shared_ref::SharedRef;
use crate::sys::barrier;
use crate::sys::fork::ForkGeneration;

const CORRUPT: SemaphoreError = SemaphoreError::Corrupt { what: "the count of a semaphore" };

/// A number of permits, which processes acquire and release.
///
/// A permit has no owner: any process may release what another acquired, and release more permits
/// than there were. So a semaphore can also count what a producer makes and a consumer takes; it
/// may begin with no permit at all.
///
/// **When a process is killed at any instruction:** the count is right, and no waiter is stranded:
/// a waiter parks for at most 100 ms while a permit is free. A killed holder's permit does *not*
/// come back, because the semaphore does not record owners;
/// [`BoundedSemaphore`](super::BoundedSemaphore) does.
///
/// It is Dijkstra's semaphore (EWD 74): one word that compare-and-swaps change, and a futex to park
/// on. It is not fair: a process that has not waited may take the permit that a waiter was woken
/// for.
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
    state: SharedRef<SemaphoreState>,
    spin: AdaptiveSpin,
}

/// A permit of a [`Semaphore`]; dropping it releases the permit.
///
/// Another thread may drop it. In a forked child it has no effect: the permit is the parent's.
#[must_use = "dropping the permit releases it at once"]
pub struct SemaphorePermit<'a> {
    semaphore: &'a Semaphore,
    generation: ForkGeneration,
}

impl Semaphore {
    /// The most permits that a semaphore may have.
    #[doc(alias = "SEM_VALUE_MAX")]
    pub const MAX_PERMITS: usize = MAX_PERMITS as usize;

    /// Acquires a permit, waiting for one without a timeout.
    ///
    /// # Errors
    /// [`SemaphoreError::NotAttached`] in a forked child that cannot register as a participant;
    /// [`SemaphoreError::Corrupt`] if the segment is damaged.
    #[doc(alias = "sem_wait")]
    #[inline]
    pub fn acquire(&self) -> Result<SemaphorePermit<'_>, SemaphoreError> {
        self.acquire_within(Wait::Forever)
    }

    /// Acquires a permit if one is free, without waiting.
    ///
    /// # Errors
    /// [`SemaphoreError::WouldBlock`] if no permit is free, and the errors of
    /// [`acquire`](Self::acquire).
    #[doc(alias = "sem_trywait")]
    #[inline]
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, SemaphoreError> {
        self.acquire_within(Wait::NonBlocking)
    }

    /// Acquires a permit, waiting for one no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// [`SemaphoreError::Timeout`] if no permit is free until the timeout elapses, and the errors
    /// of [`acquire`](Self::acquire).
    #[doc(alias = "sem_timedwait")]
    #[inline]
    pub fn acquire_timeout(&self, timeout: Duration) -> Result<SemaphorePermit<'_>, SemaphoreError> {
        self.acquire_within(Wait::Until(&Timeout::new(timeout)))
    }

    #[inline(always)]
    pub(super) fn acquire_within(&self, wait: Wait) -> Result<SemaphorePermit<'_>, SemaphoreError> {
        self.ensure_attached()?;
        match self.state.try_acquire() {
            Ok(()) => {}
            Err(miss) => self.acquire_slow(miss, wait)?,
        }
        Ok(SemaphorePermit { semaphore: self, generation: ForkGeneration::current() })
    }

    #[inline(always)]
    fn ensure_attached(&self) -> Result<(), SemaphoreError> {
        self.state.participant_id()?;
        Ok(())
    }

    /// Acquires a permit after an attempt that failed with `miss`.
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
        let try_once = || classify(self.state.try_acquire());
        let check_peers = || self.segment().mapping().reap_dead_peers();
        let point = WaitPoint {
            event: &self.state.permits,
            stats: &self.state.empty,
            policy: WakePolicy::AnyOne,
            spin: &self.spin,
        };
        point.wait(wait, try_once, check_peers)?
    }

    /// Releases `permits` permits, which this process need not have acquired, and wakes as many
    /// waiters.
    ///
    /// # Errors
    /// No permit is released then. [`SemaphoreError::TooMany`] if there would be more than
    /// [`MAX_PERMITS`](Self::MAX_PERMITS); [`SemaphoreError::NotAttached`] in a forked child that
    /// cannot register as a participant; [`SemaphoreError::Corrupt`] if the segment is damaged.
    #[doc(alias = "sem_post")]
    #[doc(alias = "add_permits")]
    #[inline]
    pub fn release(&self, permits: usize) -> Result<(), SemaphoreError> {
        self.ensure_attached()?;
        self.state.release(permits as u64).map_err(|refusal| match refusal {
            ReleaseError::TooMany => SemaphoreError::TooMany { limit: Self::MAX_PERMITS },
            ReleaseError::Corrupt => CORRUPT,
        })
    }

    /// The number of permits that are free now.
    #[doc(alias = "sem_getvalue")]
    #[doc(alias = "get_value")]
    pub fn available(&self) -> usize {
        // A count beyond the limit is damaged: `acquire` reports that, this has no error to return.
        self.state.count().min(MAX_PERMITS) as usize
    }
}

impl SemaphorePermit<'_> {
    /// Keeps the permit acquired: it is free again when a process [releases](Semaphore::release)
    /// it.
    pub fn forget(self) {
        core::mem::forget(self);
    }
}

impl Drop for SemaphorePermit<'_> {
    #[inline]
    fn drop(&mut self) {
        // In a forked child, the permit is the parent's.
        if self.generation.is_current() {
            // Fails only if other processes released so many that the limit is reached without this
            // permit.
            let _ = self.semaphore.state.release(1);
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
        Ok(Self { state: SharedRef::new(region), spin: AdaptiveSpin::default() })
    }

    fn region(&self) -> &Region {
        self.state.region()
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
        Self { state: self.state.clone(), spin: AdaptiveSpin::default() }
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
