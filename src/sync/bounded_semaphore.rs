//! [`BoundedSemaphore`]: a fixed number of permits, each of which records its owner.

use core::cell::Cell;
use core::fmt;
use std::time::Duration;

use crate::error::{SegmentError, SemaphoreError};
use crate::layout::fingerprint::{Fingerprint, Kind};
use crate::primitive::{AtomicU32, Ordering};
use crate::raw::adaptive_spin::AdaptiveSpin;
use crate::raw::owned_semaphore::{
    MAX_OWNED_PERMITS, OwnedSemaphore, OwnedSemaphoreState, PermitAttempt, length,
};
use crate::raw::wait::{Timeout, Wait, WaitPoint, WakePolicy};
use crate::segment::object::{Initial, Object, Region, Shape, sealed};
use crate::segment::object_macros::{object_handle, single_object};
use crate::segment::shared_ref::SharedRef;
use crate::sys::barrier;
use crate::sys::fork::ForkGeneration;

const CORRUPT: SemaphoreError = SemaphoreError::Corrupt { what: "the permits of a semaphore" };

/// The permits' words on a cache line.
const HINT_STRIDE: usize = 16;

/// A fixed number of permits, each of which belongs to the process that acquired it.
///
/// It bounds how many processes use something at the same time: downloads, connections, a device.
/// It has 1 to [`MAX_PERMITS`](Self::MAX_PERMITS) permits, and never more than it was made with: a
/// process cannot release what it does not hold. A process that has opened the segment twice counts
/// as two.
///
/// **When a process is killed at any instruction:** its permits come back, within about 100 ms if a
/// waiter waits for one. One compare-and-swap acquires a permit and records its owner: killed
/// before it, the process has acquired none.
///
/// It is not fair: a process that has not waited may acquire a permit before a waiter does. An
/// attempt looks at one word after the other until it finds a free permit, so a semaphore of many
/// thousands is slow when few are free.
///
/// ```
/// use breezeway::sync::BoundedSemaphore;
///
/// # let name = format!("breezeway-doc-bounded-{}", std::process::id());
/// # let name = name.as_str();
/// let connections = BoundedSemaphore::create(name, 2)?;
/// let one = connections.acquire()?;
/// let another = connections.acquire()?;
/// assert!(connections.try_acquire().is_err());
/// drop(one);
/// another.forget(); // to be released elsewhere in this process
/// assert_eq!(connections.available(), 1);
/// connections.release()?;
/// assert!(connections.release().is_err(), "this process has none left");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct BoundedSemaphore {
    /// The state, and one word for each permit.
    state: SharedRef<OwnedSemaphoreState, [AtomicU32]>,
    /// The participants' ids are 1 to this.
    participants: u32,
    /// The permit at which the search for a free one begins.
    hint: AtomicU32,
    spin: AdaptiveSpin,
}

/// A permit of a [`BoundedSemaphore`]; dropping it releases the permit.
///
/// Another thread may drop it. In a forked child it has no effect: the permit is the parent's.
#[must_use = "dropping the permit releases it at once"]
pub struct BoundedSemaphorePermit<'a> {
    semaphore: &'a BoundedSemaphore,
    at: usize,
    own_id: u32,
    generation: ForkGeneration,
}

impl BoundedSemaphore {
    /// The most permits that a semaphore may have.
    pub const MAX_PERMITS: usize = MAX_OWNED_PERMITS as usize;

    /// Acquires a permit, waiting for one without a timeout.
    ///
    /// # Errors
    /// [`SemaphoreError::NotAttached`] in a forked child that cannot register as a participant;
    /// [`SemaphoreError::Corrupt`] if the segment is damaged.
    #[doc(alias = "sem_wait")]
    #[inline]
    pub fn acquire(&self) -> Result<BoundedSemaphorePermit<'_>, SemaphoreError> {
        self.acquire_within(Wait::Forever)
    }

    /// Acquires a permit if one is free, without waiting.
    ///
    /// # Errors
    /// [`SemaphoreError::WouldBlock`] if no permit is free, and the errors of
    /// [`acquire`](Self::acquire).
    #[doc(alias = "sem_trywait")]
    #[inline]
    pub fn try_acquire(&self) -> Result<BoundedSemaphorePermit<'_>, SemaphoreError> {
        self.acquire_within(Wait::NonBlocking)
    }

    /// Acquires a permit, waiting for one no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// [`SemaphoreError::Timeout`] if no permit is free until the timeout elapses, and the errors
    /// of [`acquire`](Self::acquire).
    #[doc(alias = "sem_timedwait")]
    #[inline]
    pub fn acquire_timeout(&self, timeout: Duration) -> Result<BoundedSemaphorePermit<'_>, SemaphoreError> {
        self.acquire_within(Wait::Until(&Timeout::new(timeout)))
    }

    /// Releases one of the permits that this process has
    /// [forgotten](BoundedSemaphorePermit::forget).
    ///
    /// # Errors
    /// [`SemaphoreError::NotHeld`] if this process has no forgotten permit;
    /// [`SemaphoreError::NotAttached`] in a forked child that cannot register as a participant.
    #[doc(alias = "sem_post")]
    pub fn release(&self) -> Result<(), SemaphoreError> {
        if self.permits().give_back_forgotten(self.state.participant_id()?) {
            Ok(())
        } else {
            Err(SemaphoreError::NotHeld)
        }
    }

    /// The number of permits that are free now.
    #[doc(alias = "sem_getvalue")]
    #[doc(alias = "get_value")]
    pub fn available(&self) -> usize {
        self.permits().free_now()
    }

    /// The number of permits, free or acquired.
    #[doc(alias = "capacity")]
    pub fn total(&self) -> usize {
        self.state.body().len()
    }

    #[inline(always)]
    fn permits(&self) -> OwnedSemaphore<'_> {
        OwnedSemaphore::new(&self.state, self.state.body())
    }

    #[inline(always)]
    pub(super) fn acquire_within(&self, wait: Wait) -> Result<BoundedSemaphorePermit<'_>, SemaphoreError> {
        let own_id = self.state.participant_id()?;
        let at = match self.try_acquire_fast(own_id) {
            Some(taken) => taken?,
            None => self.acquire_slow(own_id, wait)?,
        };
        self.hint.store(at as u32, Ordering::Relaxed);
        Ok(BoundedSemaphorePermit { semaphore: self, at, own_id, generation: ForkGeneration::current() })
    }

    #[inline(always)]
    fn try_acquire_fast(&self, own_id: u32) -> Option<Result<usize, SemaphoreError>> {
        let from = self.hint.load(Ordering::Relaxed) as usize;
        match self.permits().try_take(own_id, self.participants, from) {
            PermitAttempt::Taken(at) => Some(Ok(at)),
            PermitAttempt::WouldBlock => None,
            PermitAttempt::Corrupt => Some(Err(CORRUPT)),
        }
    }

    /// Acquires a permit after an attempt that found none free.
    #[cold]
    fn acquire_slow(&self, own_id: u32, wait: Wait) -> Result<usize, SemaphoreError> {
        if matches!(wait, Wait::NonBlocking) {
            // A caller that only tries must see a dead owner's permit come back, too. The check
            // limits itself to how often a waiter does it.
            self.segment().mapping().reap_dead_peers();
            return self.try_acquire_fast(own_id).unwrap_or(Err(SemaphoreError::WouldBlock));
        }
        let failure = Cell::new(None);
        let try_once = || self.try_acquire_fast(own_id).or_else(|| failure.get().map(Err));
        let check_peers = || {
            let mapping = self.segment().mapping();
            mapping.reap_dead_peers();
            // Only ids in range, which are all that `try_acquire_fast` lets pass; each is checked
            // once.
            let owners: std::collections::BTreeSet<u32> =
                self.permits().owners().filter(|owner| *owner <= self.participants).collect();
            if owners.into_iter().any(|id| mapping.is_unowned(id, || self.permits().has_any(id))) {
                failure.set(Some(CORRUPT));
            }
        };
        let point = WaitPoint {
            event: &self.state.freed,
            stats: &self.state.empty,
            policy: WakePolicy::AnyOne,
            spin: &self.spin,
        };
        point.wait(wait, try_once, check_peers)?
    }
}

impl BoundedSemaphorePermit<'_> {
    /// Keeps the permit acquired by this process, until the process calls
    /// [`BoundedSemaphore::release`] or ends.
    pub fn forget(self) {
        if self.is_ours() {
            self.semaphore.permits().forget(self.own_id, self.at);
        }
        core::mem::forget(self);
    }

    fn is_ours(&self) -> bool {
        self.generation.is_current()
    }
}

impl Drop for BoundedSemaphorePermit<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.is_ours() {
            self.semaphore.permits().give_back(self.own_id, self.at);
        }
    }
}

impl Object for BoundedSemaphore {}

impl sealed::ObjectImpl for BoundedSemaphore {
    type Plan = usize;

    fn fingerprint() -> Fingerprint {
        Fingerprint::of::<()>(Kind::BoundedSemaphore)
    }

    fn check(permits: &usize) -> Result<(), SegmentError> {
        let is_allowed = (1..=Self::MAX_PERMITS).contains(permits);
        is_allowed
            .then_some(())
            .ok_or(SegmentError::InvalidOption { option: "permits", allowed: "1 to 65536" })
    }

    fn shape(permits: &usize) -> Shape {
        Shape { count: *permits as u64, aux: 0 }
    }

    fn length(shape: Shape) -> Option<u64> {
        (shape.aux == 0).then(|| length(shape.count)).flatten()
    }

    fn build(_: &usize, _: &Region) {
        // All zeros are a semaphore whose permits are all free.
    }

    fn attach(region: Region) -> Result<Self, SegmentError> {
        barrier::register();
        let count = region.shape().count as usize;
        Ok(Self {
            participants: region.segment().mapping().participants(),
            hint: AtomicU32::new(first_hint(&region, count)),
            spin: AdaptiveSpin::default(),
            state: SharedRef::with_words32(region, count),
        })
    }

    fn region(&self) -> &Region {
        self.state.region()
    }
}

/// The permit at which a new handle begins its search. Each process begins on a cache line of its
/// own, as far as there are enough lines.
fn first_hint(region: &Region, count: usize) -> u32 {
    let own_id = region.segment().mapping().participant().unwrap_or(0) as usize;
    ((own_id * HINT_STRIDE) % count.max(1)) as u32
}

impl Initial<BoundedSemaphore> for usize {}

impl sealed::IntoPlan<BoundedSemaphore> for usize {
    fn plan(self) -> usize {
        self
    }
}

single_object!([] BoundedSemaphore);
object_handle!([] BoundedSemaphore);

impl Clone for BoundedSemaphore {
    fn clone(&self) -> Self {
        let hint = AtomicU32::new(self.hint.load(Ordering::Relaxed));
        Self {
            state: self.state.clone(),
            participants: self.participants,
            hint,
            spin: AdaptiveSpin::default(),
        }
    }
}

impl fmt::Debug for BoundedSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("BoundedSemaphore");
        debug.field("segment", self.segment()).field("available", &self.available());
        debug.finish_non_exhaustive()
    }
}

impl fmt::Debug for BoundedSemaphorePermit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundedSemaphorePermit").field("of", self.semaphore).finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(BoundedSemaphore: Send, Sync, Clone);
static_assertions::assert_impl_all!(BoundedSemaphorePermit<'static>: Send, Sync);
