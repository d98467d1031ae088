//! [`Queue`]: many producers, many consumers.

mod blocking;
#[cfg(feature = "async")]
mod futures;
mod iter;
mod lease;
mod slices;

use core::fmt;
use core::marker::PhantomData;
use std::time::Duration;

pub use iter::Iter;
pub use lease::Lease;

use crate::error::{PopError, PushError, SegmentError, Stop};
use crate::layout::fingerprint::{Fingerprint, Kind};
use crate::primitive::AtomicBool;
use crate::queue::queue_macros::{NOT_A_VALUE, check_capacity, shape};
use crate::raw::adaptive_spin::AdaptiveSpin;
use crate::raw::event_count::WAKE_ALL;
use crate::raw::mpmc::{self, MpmcGeometry, MpmcRing, MpmcState};
use crate::raw::wait::{Timeout, Wait};
use crate::segment::object::{Initial, Object, Region, Shape, sealed};
use crate::segment::object_macros::{object_handle, single_object};
use crate::segment::shared_ref::SharedRef;
use crate::shareable::Shareable;
use crate::sys::barrier;

/// A bounded queue with many producers and many consumers, of values of a fixed size.
///
/// Values are popped in the order in which they were pushed; the values of one producer always are.
/// A push or a pop takes one atomic read-modify-write and no lock. A process that is killed during
/// one leaves at most one slot to be repaired, which happens once its death is proven: a stopped
/// peer is alive, and keeps its slot.
///
/// **When a process is killed at any instruction:** every push that returned is delivered exactly
/// once. A push commits by the one store that marks its slot as full; killed before, it leaves
/// nothing. A pop commits by the one compare-and-swap that frees its slot, after the value is
/// copied out; if it is killed before, the next consumer gets the value; if after, the value was
/// the dead process's. (A value larger than 256 bytes is leased first, so that consumers do not
/// compete in copying it; after a death its next consumer gets it out of order.) A consumer that
/// cannot lose even that value takes a [`lease`](Self::lease); what a dead process had leased comes
/// back before newer values, within 200 ms, also where the queue is never empty.
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
///     assert_eq!(job?, 8); // until the queue is closed and empty
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Queue<T> {
    /// The state, and the slots after it.
    state: SharedRef<MpmcState>,
    geometry: MpmcGeometry,
    /// How long to spin for room.
    push_spin: AdaptiveSpin,
    /// How long to spin for a value.
    pop_spin: AdaptiveSpin,
    /// Whether a heavy barrier was run after this handle found the queue closed; see
    /// `recheck_closed`.
    is_close_fenced: AtomicBool,
    of: PhantomData<fn(T) -> T>,
}

impl<T> Queue<T> {
    #[inline(always)]
    fn ring(&self) -> MpmcRing<'_> {
        MpmcRing::new(&self.state, self.state.body(), &self.geometry)
    }

    #[inline(always)]
    fn participant_id(&self) -> Result<u32, Stop> {
        Ok(self.state.participant_id()?)
    }
}

impl<T: Shareable> Queue<T> {
    /// Whether values are so large that a pop leases one before it copies it: a copy that loses the
    /// race with another consumer's would cost more than a lease.
    const IS_LARGE: bool = size_of::<T>() > 256;

    /// Pushes a value, waiting until there is room.
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
        self.push_within(value, Wait::Until(&Timeout::new(timeout)))
    }

    #[inline(always)]
    fn push_within(&self, value: T, wait: Wait) -> Result<(), PushError<T>> {
        match self.push_unnotified(&value, wait) {
            Ok(()) => {
                self.state.items.notify(1);
                Ok(())
            }
            Err(stop) => Err(stop.of_push(value)),
        }
    }

    /// Pops the next value, waiting until there is one.
    ///
    /// # Errors
    /// [`PopError::Closed`] if the queue is closed, every value has been popped, and no value can
    /// come back: it waits while any process or thread has a lease, except those that the calling
    /// thread has taken itself; [`PopError::NotAttached`] in a forked child that cannot register as
    /// a participant; [`PopError::Corrupt`] if the segment is damaged, or if the value's bytes are
    /// not a `T`, in which case the value is popped.
    #[doc(alias = "get")]
    #[doc(alias = "recv")]
    #[inline]
    pub fn pop(&self) -> Result<T, PopError> {
        self.pop_within(Wait::Forever)
    }

    /// Pops the next value if there is one.
    ///
    /// # Errors
    /// [`PopError::Empty`] if there is no value, and the errors of [`pop`](Self::pop).
    #[doc(alias = "get_nowait")]
    #[inline]
    pub fn try_pop(&self) -> Result<T, PopError> {
        self.pop_within(Wait::NonBlocking)
    }

    /// Pops the next value, waiting for one no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// [`PopError::Timeout`] if there is no value until the timeout elapses, and the errors of
    /// [`pop`](Self::pop).
    #[inline]
    pub fn pop_timeout(&self, timeout: Duration) -> Result<T, PopError> {
        self.pop_within(Wait::Until(&Timeout::new(timeout)))
    }

    #[inline(always)]
    fn pop_within(&self, wait: Wait) -> Result<T, PopError> {
        self.check_value(self.pop_unnotified(wait))
    }

    /// Turns the result of [`pop_unnotified`](Self::pop_unnotified) into that of a pop, and
    /// notifies a producer of the room.
    #[inline(always)]
    fn check_value(&self, taken: Result<Option<T>, Stop>) -> Result<T, PopError> {
        let value = taken.map_err(Stop::of_pop)?;
        self.state.space.notify(1);
        value.ok_or(PopError::Corrupt { what: NOT_A_VALUE })
    }

    /// Closes the queue for all processes: later pushes fail, and pops fail once the queue is empty
    /// and no lease is out that may give a value back. Returns `false` if it was closed already.
    pub fn close(&self) -> bool {
        let closed = self.ring().close();
        self.state.items.notify(WAKE_ALL);
        self.state.space.notify(WAKE_ALL);
        closed
    }

    /// Whether the queue is closed.
    pub fn is_closed(&self) -> bool {
        self.ring().is_closed()
    }

    /// The number of values in the queue: those that a pop would get, and those that are being
    /// pushed. It is exact while no process pushes or pops, and a moment's number otherwise.
    ///
    /// Values that are leased are not counted; those that were given back are. The slot of a killed
    /// push is counted until its process is found dead.
    #[doc(alias = "qsize")]
    pub fn len(&self) -> usize {
        self.ring().len() as usize
    }

    /// Whether [`len`](Self::len) is 0.
    #[doc(alias = "empty")]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of values that fit into the queue.
    #[doc(alias = "maxsize")]
    pub fn capacity(&self) -> usize {
        self.geometry.capacity() as usize
    }
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
            geometry: MpmcGeometry::new(region.shape().count, size_of::<T>()),
            state: SharedRef::new(region),
            push_spin: AdaptiveSpin::default(),
            pop_spin: AdaptiveSpin::default(),
            is_close_fenced: AtomicBool::new(false),
            of: PhantomData,
        })
    }

    fn region(&self) -> &Region {
        self.state.region()
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

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self {
            state: self.state.clone(),
            geometry: self.geometry,
            push_spin: AdaptiveSpin::default(),
            pop_spin: AdaptiveSpin::default(),
            is_close_fenced: AtomicBool::new(false),
            of: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("segment", self.state.region().segment()).finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(Queue<u64>: Send, Sync, Clone);
