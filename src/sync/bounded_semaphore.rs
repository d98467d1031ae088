//! [`BoundedSemaphore`]: so many at a time, and permits that know whose they are.

#![allow(unsafe_code)]

use core::cell::Cell;
use core::fmt;
use core::ptr::NonNull;
use std::time::Duration;

use crate::error::{SegmentError, SemaphoreError};
use crate::layout::fingerprint::{Fingerprint, Kind};
use crate::primitive::{AtomicU32, Ordering};
use crate::raw::owned_semaphore::{
    MAX_OWNED_PERMITS, OwnedSemaphore, OwnedSemaphoreState, PermitAttempt, length,
};
use crate::raw::wait::{AdaptiveSpin, Wait, WakePolicy, wait_for};
use crate::segment::object::{Initial, Object, Region, Shape, sealed};
use crate::segment::object_macros::{object_handle, single_object};
use crate::sys::{barrier, fork};

const CORRUPT: SemaphoreError = SemaphoreError::Corrupt { what: "the permits of a semaphore" };

/// Words of permits on a cache line.
const HINT_STRIDE: usize = 16;

/// A fixed number of permits, each of which belongs to the process that has it.
///
/// It bounds how many are at something at the same time: downloads, connections, those on one device. There are 1 to
/// [`MAX_PERMITS`](Self::MAX_PERMITS), and never more than it was made with: what a process does not have, it cannot release. To take
/// a permit is one compare-and-swap. A process that has opened the segment twice counts as two.
///
/// **When a process is killed at any instruction:** its permits come back, within about 100 ms where somebody waits for one. A permit is
/// taken by one compare-and-swap that records its owner at once: killed before it, nothing has happened.
///
/// Permits may be taken out of turn: it is not fair. An attempt looks at one word after the other until it finds a free permit, so a
/// semaphore of many thousands is slow when few are free.
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
    state: NonNull<OwnedSemaphoreState>,
    words: NonNull<[AtomicU32]>,
    /// Ids are 1 to this.
    participants: u32,
    /// Where to look for a free permit first.
    hint: AtomicU32,
    spin: AdaptiveSpin,
    region: Region,
}

// SAFETY: the pointers are to atomics in the mapping that `region` keeps alive.
unsafe impl Send for BoundedSemaphore {}
// SAFETY: as above.
unsafe impl Sync for BoundedSemaphore {}

/// A permit of a [`BoundedSemaphore`]; dropping it gives it back. It may be dropped by another thread, and in a forked child it is
/// nothing.
#[must_use = "dropping the permit gives it back at once"]
pub struct BoundedSemaphorePermit<'a> {
    semaphore: &'a BoundedSemaphore,
    at: usize,
    own_id: u32,
    generation: u32,
}

impl BoundedSemaphore {
    /// As many permits as there may be.
    pub const MAX_PERMITS: usize = MAX_OWNED_PERMITS as usize;

    /// Takes a permit, waiting for one as long as it takes.
    ///
    /// # Errors
    /// [`SemaphoreError::NotAttached`] in a forked child that cannot register as a participant;
    /// [`SemaphoreError::Corrupt`] if the segment is damaged.
    #[doc(alias = "wait")]
    #[inline]
    pub fn acquire(&self) -> Result<BoundedSemaphorePermit<'_>, SemaphoreError> {
        self.acquire_within(Wait::Forever)
    }

    /// Takes a permit if one is free.
    ///
    /// # Errors
    /// [`SemaphoreError::WouldBlock`] if no permit is free, and the errors of
    /// [`acquire`](Self::acquire).
    #[inline]
    pub fn try_acquire(&self) -> Result<BoundedSemaphorePermit<'_>, SemaphoreError> {
        self.acquire_within(Wait::NonBlocking)
    }

    /// Takes a permit, waiting for one no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// [`SemaphoreError::Timeout`] if no permit is free until the timeout elapses, and the errors
    /// of [`acquire`](Self::acquire).
    #[inline]
    pub fn acquire_timeout(&self, timeout: Duration) -> Result<BoundedSemaphorePermit<'_>, SemaphoreError> {
        self.acquire_within(Wait::Timeout(timeout))
    }

    /// Gives back a permit that this process has [forgotten](BoundedSemaphorePermit::forget), whichever.
    ///
    /// # Errors
    /// [`SemaphoreError::NotHeld`] if this process has no forgotten permit;
    /// [`SemaphoreError::NotAttached`] in a forked child that cannot register as a participant.
    #[doc(alias = "post")]
    pub fn release(&self) -> Result<(), SemaphoreError> {
        if self.permits().give_back_forgotten(self.participant_id()?) {
            Ok(())
        } else {
            Err(SemaphoreError::NotHeld)
        }
    }

    /// How many permits are free right now.
    #[doc(alias = "get_value")]
    pub fn available(&self) -> usize {
        self.permits().free_now()
    }

    /// How many permits there are.
    #[doc(alias = "capacity")]
    pub fn total(&self) -> usize {
        self.words.len()
    }

    #[inline(always)]
    fn permits(&self) -> OwnedSemaphore<'_> {
        // SAFETY: taken from a reference into the mapping, which `self.region` keeps mapped.
        OwnedSemaphore::new(self.state(), unsafe { self.words.as_ref() })
    }

    #[inline(always)]
    fn state(&self) -> &OwnedSemaphoreState {
        // SAFETY: as in `permits`.
        unsafe { self.state.as_ref() }
    }

    #[inline(always)]
    fn participant_id(&self) -> Result<u32, SemaphoreError> {
        Ok(self.region.segment().mapping().attached()?)
    }

    #[inline(always)]
    pub(super) fn acquire_within(&self, wait: Wait) -> Result<BoundedSemaphorePermit<'_>, SemaphoreError> {
        let own_id = self.participant_id()?;
        let at = match self.try_acquire_fast(own_id) {
            Some(taken) => taken?,
            None => self.acquire_slow(own_id, wait)?,
        };
        self.hint.store(at as u32, Ordering::Relaxed);
        Ok(BoundedSemaphorePermit { semaphore: self, at, own_id, generation: fork::generation() })
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

    /// Takes a permit after an attempt that found none.
    #[cold]
    fn acquire_slow(&self, own_id: u32, wait: Wait) -> Result<usize, SemaphoreError> {
        if matches!(wait, Wait::NonBlocking) {
            // Not more often than a waiter does.
            self.region.segment().mapping().reap_dead_peers();
            return self.try_acquire_fast(own_id).unwrap_or(Err(SemaphoreError::WouldBlock));
        }
        let failure = Cell::new(None);
        let try_once = || self.try_acquire_fast(own_id).or_else(|| failure.get().map(Err));
        let check_peers = || {
            let mapping = self.region.segment().mapping();
            mapping.reap_dead_peers();
            // Those of the range, as `try_acquire_fast` has found them. Each is asked about once.
            let owners: std::collections::BTreeSet<u32> =
                self.permits().owners().filter(|owner| *owner <= self.participants).collect();
            if owners.into_iter().any(|id| mapping.is_unowned(id, || self.permits().has_any(id))) {
                failure.set(Some(CORRUPT));
            }
        };
        let found = wait_for(
            (&self.state().freed, &self.state().empty),
            WakePolicy::AnyOne,
            wait,
            &self.spin,
            try_once,
            check_peers,
        );
        found.unwrap_or(Err(SemaphoreError::Timeout))
    }
}

impl BoundedSemaphorePermit<'_> {
    /// Keeps the permit without this: whoever in this process calls [`BoundedSemaphore::release`] gives it back, or the process's
    /// end does.
    pub fn forget(self) {
        if self.is_ours() {
            self.semaphore.permits().forget(self.own_id, self.at);
        }
        core::mem::forget(self);
    }

    fn is_ours(&self) -> bool {
        self.generation == fork::generation()
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
        // All zeros is one whose permits are all free.
    }

    fn attach(region: Region) -> Result<Self, SegmentError> {
        barrier::register();
        let count = region.shape().count as usize;
        Ok(Self {
            state: NonNull::from(region.state::<OwnedSemaphoreState>()),
            words: NonNull::from(region.words32_from(size_of::<OwnedSemaphoreState>() as u64, count)),
            participants: region.segment().mapping().participants(),
            hint: AtomicU32::new(first_hint(&region, count)),
            spin: AdaptiveSpin::default(),
            region,
        })
    }

    fn region(&self) -> &Region {
        &self.region
    }
}

/// Each process begins on another line, where there are so many.
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
        Self { hint, spin: AdaptiveSpin::default(), region: self.region.clone(), ..*self }
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
