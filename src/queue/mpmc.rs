//! [`Queue`]: many producers, many consumers.

#![allow(unsafe_code)]

mod blocking;
#[cfg(feature = "async")]
mod futures;
mod iter;
mod lease;

use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;
use std::time::{Duration, Instant};

pub use iter::Iter;
pub use lease::Lease;

use crate::error::{PopError, PushError, SegmentError, Stop};
use crate::layout::fingerprint::{Fingerprint, Kind};
use crate::primitive::{AtomicU32, AtomicU64};
use crate::queue::queue_macros::{NOT_A_VALUE, check_capacity, shape};
use crate::raw::event_count::WAKE_ALL;
use crate::raw::mpmc::{self, MpmcGeometry, MpmcRing, MpmcState};
use crate::raw::wait::{AdaptiveSpin, Wait};
use crate::segment::object::{Initial, Object, Region, Shape, sealed};
use crate::segment::object_macros::{object_handle, single_object};
use crate::shareable::Shareable;
use crate::sys::barrier;

/// A bounded queue with many producers and many consumers, of values of a fixed size.
///
/// Values come out in the order in which they went in; those of one producer certainly do. A push or a pop takes one atomic
/// read-modify-write and no lock. Who is killed at it leaves at most one slot to be repaired, which happens when its death is proven:
/// a stopped process is alive, and keeps its slot.
///
/// **When a process is killed at any instruction:** every push that returned is delivered exactly once. A push commits by the one
/// store that marks its slot as full; killed before, it leaves nothing. A pop commits by the one compare-and-swap that frees its
/// slot, when the value is copied out; killed before, the value goes to the next consumer, after, it was the dead process's. (Values
/// larger than 256 bytes are leased first, so that consumers do not copy them in vain: such a value comes to its next consumer out of
/// order.) Who cannot lose even that takes a [`lease`](Self::lease).
///
/// ```
/// use breezeway::queue::Queue;
///
/// # let name = format!("breezeway-doc-queue-{}", std::process::id());
/// # let name = name.as_str();
/// let jobs = Queue::<u64>::create(name, 1024)?;
/// jobs.push(7)?;
/// jobs.push(8)?;
/// jobs.close();
///
/// // Any number of other processes of this user:
/// let jobs = Queue::<u64>::open(name)?;
/// assert_eq!(jobs.pop()?, 7);
/// for job in &jobs {
///     assert_eq!(job, 8); // until the queue is closed and empty
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Queue<T: Shareable> {
    state: NonNull<MpmcState>,
    slots: NonNull<[AtomicU64]>,
    geometry: MpmcGeometry,
    /// How long to spin for room.
    push_spin: AdaptiveSpin,
    /// How long to spin for a value.
    pop_spin: AdaptiveSpin,
    /// Of those that are counted; see `reap_periodically`.
    calls: AtomicU32,
    region: Region,
    of: PhantomData<fn(T) -> T>,
}

// SAFETY: the pointers are to atomics in the mapping that `region` keeps alive.
unsafe impl<T: Shareable> Send for Queue<T> {}
// SAFETY: as above.
unsafe impl<T: Shareable> Sync for Queue<T> {}

impl<T: Shareable> Queue<T> {
    /// Values above this size are not worth copying in vain, when another consumer is faster.
    const IS_LARGE: bool = size_of::<T>() > 256;

    #[inline(always)]
    fn state(&self) -> &MpmcState {
        // SAFETY: taken from a reference into the mapping, which `self.region` keeps mapped.
        unsafe { self.state.as_ref() }
    }

    #[inline(always)]
    fn ring(&self) -> MpmcRing<'_> {
        // SAFETY: as in `state`.
        MpmcRing::new(self.state(), unsafe { self.slots.as_ref() }, &self.geometry)
    }

    #[inline(always)]
    fn participant_id(&self) -> Result<u32, Stop> {
        Ok(self.region.segment().mapping().attached()?)
    }

    /// Pushes a value, waiting for room as long as it takes.
    ///
    /// # Errors
    /// Each returns the value. [`PushError::Closed`] if the queue was closed before the value was
    /// in; [`PushError::NotAttached`] in a forked child that cannot register as a participant;
    /// [`PushError::Corrupt`] if the segment is damaged.
    #[doc(alias = "put")]
    #[doc(alias = "send")]
    #[inline]
    pub fn push(&self, value: T) -> Result<(), PushError<T>> {
        self.push_within(value, Wait::Forever)
    }

    /// Pushes a value if there is room.
    ///
    /// # Errors
    /// [`PushError::Full`] if there is no room, and the errors of [`push`](Self::push).
    #[doc(alias = "put_nowait")]
    #[inline]
    pub fn try_push(&self, value: T) -> Result<(), PushError<T>> {
        self.push_within(value, Wait::NonBlocking)
    }

    /// Pushes a value, waiting for room no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// [`PushError::Timeout`] if there is no room until the timeout elapses, and the errors of
    /// [`push`](Self::push).
    #[inline]
    pub fn push_timeout(&self, value: T, timeout: Duration) -> Result<(), PushError<T>> {
        self.push_within(value, Wait::Timeout(timeout))
    }

    #[inline(always)]
    fn push_within(&self, value: T, wait: Wait) -> Result<(), PushError<T>> {
        match self.push_unnotified(&value, wait) {
            Ok(()) => {
                self.state().items.notify(1);
                Ok(())
            }
            Err(stop) => Err(stop.of_push(value)),
        }
    }

    /// Pushes all the values, one after the other, waiting for room as long as it takes. Who waits for values is woken once for as
    /// many as fit at a time.
    ///
    /// # Errors
    /// The errors of [`push`](Self::push), with the number of values that were pushed.
    pub fn push_slice(&self, values: &[T]) -> Result<(), PushError<usize>> {
        self.push_all(values, || Wait::Forever)
    }

    /// Pushes as many of the values as there is room for, and says how many.
    ///
    /// # Errors
    /// [`PushError::Full`] if no value fits, and the errors of [`push`](Self::push), with 0.
    pub fn try_push_slice(&self, values: &[T]) -> Result<usize, PushError<usize>> {
        self.push_batch(values, Wait::NonBlocking).map_err(|stop| stop.of_push(0))
    }

    /// Pushes all the values, waiting for room no longer than `timeout` (on the monotonic clock) in all.
    ///
    /// # Errors
    /// [`PushError::Timeout`] if not all are in when the timeout elapses, and the errors of
    /// [`push`](Self::push), with the number of values that were pushed.
    pub fn push_slice_timeout(&self, values: &[T], timeout: Duration) -> Result<(), PushError<usize>> {
        let start = Instant::now();
        self.push_all(values, || Wait::Timeout(timeout.saturating_sub(start.elapsed())))
    }

    fn push_all(&self, values: &[T], wait: impl Fn() -> Wait<'static>) -> Result<(), PushError<usize>> {
        let mut pushed = 0;
        while pushed < values.len() {
            match self.push_batch(&values[pushed..], wait()) {
                Ok(count) => pushed += count,
                Err(stop) => return Err(stop.of_push(pushed)),
            }
        }
        Ok(())
    }

    /// Pushes as many as fit, at least one.
    fn push_batch(&self, values: &[T], wait: Wait) -> Result<usize, Stop> {
        let Some((first, others)) = values.split_first() else { return Ok(0) };
        self.push_unnotified(first, wait)?;
        let count = 1 + others
            .iter()
            .take_while(|value| self.push_unnotified(value, Wait::NonBlocking).is_ok())
            .count();
        self.state().items.notify(notify_count(count));
        Ok(count)
    }

    /// Takes the next value out, waiting for one as long as it takes.
    ///
    /// # Errors
    /// [`PopError::Closed`] if the queue is closed, everything has been taken out, and no other
    /// process leases a value that may come back; [`PopError::NotAttached`] in a forked child that
    /// cannot register as a participant; [`PopError::Corrupt`] if the segment is damaged, or the
    /// value's bytes are no `T`, which then is taken out.
    #[doc(alias = "get")]
    #[doc(alias = "recv")]
    #[inline]
    pub fn pop(&self) -> Result<T, PopError> {
        self.pop_within(Wait::Forever)
    }

    /// Takes the next value out if there is one.
    ///
    /// # Errors
    /// [`PopError::Empty`] if there is no value, and the errors of [`pop`](Self::pop).
    #[doc(alias = "get_nowait")]
    #[inline]
    pub fn try_pop(&self) -> Result<T, PopError> {
        self.pop_within(Wait::NonBlocking)
    }

    /// Takes the next value out, waiting for one no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// [`PopError::Timeout`] if there is no value until the timeout elapses, and the errors of
    /// [`pop`](Self::pop).
    #[inline]
    pub fn pop_timeout(&self, timeout: Duration) -> Result<T, PopError> {
        self.pop_within(Wait::Timeout(timeout))
    }

    #[inline(always)]
    fn pop_within(&self, wait: Wait) -> Result<T, PopError> {
        self.check_value(self.pop_unnotified(wait))
    }

    /// What comes of an attempt to take a value out: wakes who waits for room.
    #[inline(always)]
    fn check_value(&self, taken: Result<Option<T>, Stop>) -> Result<T, PopError> {
        let value = taken.map_err(Stop::of_pop)?;
        self.state().space.notify(1);
        value.ok_or(PopError::Corrupt { what: NOT_A_VALUE })
    }

    /// Takes values out into the slice, as many as there are and as fit, and says how many. Waits for the first as long as it takes.
    ///
    /// # Errors
    /// The errors of [`pop`](Self::pop).
    pub fn pop_slice(&self, values: &mut [T]) -> Result<usize, PopError> {
        self.pop_batch(values, Wait::Forever)
    }

    /// The same without waiting.
    ///
    /// # Errors
    /// [`PopError::Empty`] if there is no value, and the errors of [`pop`](Self::pop).
    pub fn try_pop_slice(&self, values: &mut [T]) -> Result<usize, PopError> {
        self.pop_batch(values, Wait::NonBlocking)
    }

    /// The same, waiting for the first value no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// [`PopError::Timeout`] if there is no value until the timeout elapses, and the errors of
    /// [`pop`](Self::pop).
    pub fn pop_slice_timeout(&self, values: &mut [T], timeout: Duration) -> Result<usize, PopError> {
        self.pop_batch(values, Wait::Timeout(timeout))
    }

    fn pop_batch(&self, values: &mut [T], wait: Wait) -> Result<usize, PopError> {
        let Some((first, others)) = values.split_first_mut() else { return Ok(0) };
        *first = self.pop_within(wait)?;
        let mut count = 1;
        let mut freed = 0;
        for value in others {
            let Ok(taken) = self.pop_unnotified(Wait::NonBlocking) else { break };
            freed += 1;
            // What is not a value is left out.
            let Some(taken) = taken else { break };
            *value = taken;
            count += 1;
        }
        self.state().space.notify(notify_count(freed));
        Ok(count)
    }

    /// Closes the queue: nothing more can be pushed, and what is in it can still be taken out. `false` where it was closed.
    pub fn close(&self) -> bool {
        let closed = self.ring().close();
        self.state().items.notify(WAKE_ALL);
        self.state().space.notify(WAKE_ALL);
        closed
    }

    /// Whether the queue is closed.
    pub fn is_closed(&self) -> bool {
        self.ring().is_closed()
    }

    /// Values in the queue, about: while others push and pop, it changes. Values that are leased or were given back are not counted,
    /// and the place of a push that was killed is until consumers have come past it.
    #[doc(alias = "qsize")]
    pub fn len(&self) -> usize {
        self.ring().len() as usize
    }

    /// Whether there are none, by [`len`](Self::len).
    #[doc(alias = "empty")]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Values that fit into the queue.
    #[doc(alias = "maxsize")]
    pub fn capacity(&self) -> usize {
        self.geometry.capacity() as usize
    }
}

/// As many sleepers.
fn notify_count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(WAKE_ALL)
}

impl<T: Shareable> Object for Queue<T> {}

impl<T: Shareable> sealed::ObjectImpl for Queue<T> {
    type Plan = usize;

    fn fingerprint() -> Fingerprint {
        Fingerprint::of::<T>(Kind::Queue)
    }

    fn check(capacity: &usize) -> Result<(), SegmentError> {
        check_capacity(*capacity)
    }

    fn shape(capacity: &usize) -> Shape {
        shape(*capacity)
    }

    fn length(shape: Shape) -> Option<u64> {
        (shape.aux == 0).then(|| mpmc::length(shape.count, size_of::<T>())).flatten()
    }

    fn build(_: &usize, _: &Region) {
        // All zeros is an empty queue.
    }

    fn attach(region: Region) -> Result<Self, SegmentError> {
        barrier::register();
        Ok(Self {
            state: NonNull::from(region.state::<MpmcState>()),
            slots: NonNull::from(region.words_from(size_of::<MpmcState>() as u64)),
            geometry: MpmcGeometry::new(region.shape().count, size_of::<T>()),
            push_spin: AdaptiveSpin::default(),
            pop_spin: AdaptiveSpin::default(),
            calls: AtomicU32::new(0),
            region,
            of: PhantomData,
        })
    }

    fn region(&self) -> &Region {
        &self.region
    }
}

impl<T: Shareable> Initial<Queue<T>> for usize {}

impl<T: Shareable> sealed::IntoPlan<Queue<T>> for usize {
    fn plan(self) -> usize {
        self
    }
}

single_object!([T: Shareable] Queue<T>);
object_handle!([T: Shareable] Queue<T>);

impl<T: Shareable> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self {
            push_spin: AdaptiveSpin::default(),
            pop_spin: AdaptiveSpin::default(),
            calls: AtomicU32::new(0),
            region: self.region.clone(),
            ..*self
        }
    }
}

impl<T: Shareable> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("segment", self.segment()).finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(Queue<u64>: Send, Sync, Clone);
