//! [`Queue`]: many producers, many consumers.

#![allow(unsafe_code)]

mod attempt;
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
use crate::queue::forms::{NOT_A_VALUE, check_capacity, shape};
use crate::raw::event_word::EVERYBODY;
use crate::raw::mpmc::{self, Geometry, Ring, State};
use crate::raw::patience::{Patience, Spin};
use crate::segment::forms::{handle_forms, short_forms};
use crate::segment::object::{Initial, Object, Region, Shape, sealed};
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
    state: NonNull<State>,
    slots: NonNull<[AtomicU64]>,
    geometry: Geometry,
    /// How long to spin for room.
    spin_to_push: Spin,
    /// How long to spin for a value.
    spin_to_pop: Spin,
    /// Of those that are counted; see `care_now_and_then`.
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
    fn state(&self) -> &State {
        // SAFETY: taken from a reference into the mapping, which `self.region` keeps mapped.
        unsafe { self.state.as_ref() }
    }

    #[inline(always)]
    fn ring(&self) -> Ring<'_> {
        // SAFETY: as in `state`.
        Ring::new(self.state(), unsafe { self.slots.as_ref() }, &self.geometry)
    }

    #[inline(always)]
    fn me(&self) -> Result<u32, Stop> {
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
        self.push_within(value, Patience::Forever)
    }

    /// Pushes a value if there is room.
    ///
    /// # Errors
    /// [`PushError::Full`] if there is no room, and the errors of [`push`](Self::push).
    #[doc(alias = "put_nowait")]
    #[inline]
    pub fn try_push(&self, value: T) -> Result<(), PushError<T>> {
        self.push_within(value, Patience::None)
    }

    /// Pushes a value, waiting for room no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// [`PushError::Timeout`] if there is no room until the timeout elapses, and the errors of
    /// [`push`](Self::push).
    #[inline]
    pub fn push_timeout(&self, value: T, timeout: Duration) -> Result<(), PushError<T>> {
        self.push_within(value, Patience::For(timeout))
    }

    #[inline(always)]
    fn push_within(&self, value: T, patience: Patience) -> Result<(), PushError<T>> {
        match self.put(&value, patience) {
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
        self.push_all(values, || Patience::Forever)
    }

    /// Pushes as many of the values as there is room for, and says how many.
    ///
    /// # Errors
    /// [`PushError::Full`] if no value fits, and the errors of [`push`](Self::push), with 0.
    pub fn try_push_slice(&self, values: &[T]) -> Result<usize, PushError<usize>> {
        self.push_some(values, Patience::None).map_err(|stop| stop.of_push(0))
    }

    /// Pushes all the values, waiting for room no longer than `timeout` (on the monotonic clock) in all.
    ///
    /// # Errors
    /// [`PushError::Timeout`] if not all are in when the timeout elapses, and the errors of
    /// [`push`](Self::push), with the number of values that were pushed.
    pub fn push_slice_timeout(&self, values: &[T], timeout: Duration) -> Result<(), PushError<usize>> {
        let start = Instant::now();
        self.push_all(values, || Patience::For(timeout.saturating_sub(start.elapsed())))
    }

    fn push_all(
        &self,
        values: &[T],
        patience: impl Fn() -> Patience<'static>,
    ) -> Result<(), PushError<usize>> {
        let mut pushed = 0;
        while pushed < values.len() {
            match self.push_some(&values[pushed..], patience()) {
                Ok(count) => pushed += count,
                Err(stop) => return Err(stop.of_push(pushed)),
            }
        }
        Ok(())
    }

    /// Pushes as many as fit, at least one.
    fn push_some(&self, values: &[T], patience: Patience) -> Result<usize, Stop> {
        let Some((first, others)) = values.split_first() else { return Ok(0) };
        self.put(first, patience)?;
        let count = 1 + others.iter().take_while(|value| self.put(value, Patience::None).is_ok()).count();
        self.state().items.notify(many(count));
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
        self.pop_within(Patience::Forever)
    }

    /// Takes the next value out if there is one.
    ///
    /// # Errors
    /// [`PopError::Empty`] if there is no value, and the errors of [`pop`](Self::pop).
    #[doc(alias = "get_nowait")]
    #[inline]
    pub fn try_pop(&self) -> Result<T, PopError> {
        self.pop_within(Patience::None)
    }

    /// Takes the next value out, waiting for one no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// [`PopError::Timeout`] if there is no value until the timeout elapses, and the errors of
    /// [`pop`](Self::pop).
    #[inline]
    pub fn pop_timeout(&self, timeout: Duration) -> Result<T, PopError> {
        self.pop_within(Patience::For(timeout))
    }

    #[inline(always)]
    fn pop_within(&self, patience: Patience) -> Result<T, PopError> {
        self.taken(self.take(patience))
    }

    /// What comes of an attempt to take a value out: wakes who waits for room.
    #[inline(always)]
    fn taken(&self, taken: Result<Option<T>, Stop>) -> Result<T, PopError> {
        let value = taken.map_err(Stop::of_pop)?;
        self.state().space.notify(1);
        value.ok_or(PopError::Corrupt { what: NOT_A_VALUE })
    }

    /// Takes values out into the slice, as many as there are and as fit, and says how many. Waits for the first as long as it takes.
    ///
    /// # Errors
    /// The errors of [`pop`](Self::pop).
    pub fn pop_slice(&self, values: &mut [T]) -> Result<usize, PopError> {
        self.pop_some(values, Patience::Forever)
    }

    /// The same without waiting.
    ///
    /// # Errors
    /// [`PopError::Empty`] if there is no value, and the errors of [`pop`](Self::pop).
    pub fn try_pop_slice(&self, values: &mut [T]) -> Result<usize, PopError> {
        self.pop_some(values, Patience::None)
    }

    /// The same, waiting for the first value no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// [`PopError::Timeout`] if there is no value until the timeout elapses, and the errors of
    /// [`pop`](Self::pop).
    pub fn pop_slice_timeout(&self, values: &mut [T], timeout: Duration) -> Result<usize, PopError> {
        self.pop_some(values, Patience::For(timeout))
    }

    fn pop_some(&self, values: &mut [T], patience: Patience) -> Result<usize, PopError> {
        let Some((first, others)) = values.split_first_mut() else { return Ok(0) };
        *first = self.pop_within(patience)?;
        let mut count = 1;
        let mut freed = 0;
        for value in others {
            let Ok(taken) = self.take(Patience::None) else { break };
            freed += 1;
            // What is not a value is left out.
            let Some(taken) = taken else { break };
            *value = taken;
            count += 1;
        }
        self.state().space.notify(many(freed));
        Ok(count)
    }

    /// Closes the queue: nothing more can be pushed, and what is in it can still be taken out. `false` where it was closed.
    pub fn close(&self) -> bool {
        let closed = self.ring().close();
        self.state().items.notify(EVERYBODY);
        self.state().space.notify(EVERYBODY);
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
fn many(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(EVERYBODY)
}

impl<T: Shareable> sealed::Sealed for Queue<T> {}

impl<T: Shareable> Object for Queue<T> {
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
        (shape.flags == 0).then(|| mpmc::length(shape.count, size_of::<T>())).flatten()
    }

    fn build(_: &usize, _: &Region) {
        // All zeros is an empty queue.
    }

    fn attach(region: Region) -> Result<Self, SegmentError> {
        barrier::register();
        Ok(Self {
            state: NonNull::from(region.state::<State>()),
            slots: NonNull::from(region.words_from(size_of::<State>() as u64)),
            geometry: Geometry::new(region.shape().count, size_of::<T>()),
            spin_to_push: Spin::default(),
            spin_to_pop: Spin::default(),
            calls: AtomicU32::new(0),
            region,
            of: PhantomData,
        })
    }

    fn region(&self) -> &Region {
        &self.region
    }
}

impl<T: Shareable> Initial<Queue<T>> for usize {
    fn plan(self) -> usize {
        self
    }
}

short_forms!([T: Shareable] Queue<T>);
handle_forms!([T: Shareable] Queue<T>);

impl<T: Shareable> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self {
            spin_to_push: Spin::default(),
            spin_to_pop: Spin::default(),
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
