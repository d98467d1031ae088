//! [`Consumer`]: the endpoint that pops.

#![allow(unsafe_code)]

use core::fmt;
use core::marker::PhantomData;
use std::time::Duration;

use super::{fingerprint, length, slots};
use crate::error::{PopError, SegmentError, Stop};
use crate::queue::endpoint::Endpoint;
use crate::queue::queue_macros::{NOT_A_VALUE, endpoint_handle, endpoint_object, shape};
use crate::queue::slot_array::SlotArray;
use crate::raw::wait::{Timeout, Wait};
use crate::segment::object::Region;
use crate::segment::object_macros::single_object;
use crate::shareable::Shareable;

/// The consumer of a [queue with one producer and one consumer](super); it belongs to one process
/// at a time.
///
/// When it is dropped, the producer's pushes fail with
/// [`Disconnected`](crate::PushError::Disconnected), until another process opens this endpoint.
pub struct Consumer<T> {
    end: Endpoint<false>,
    of: PhantomData<fn(T) -> T>,
}

impl<T: Shareable> Consumer<T> {
    fn claim_endpoint(region: Region, sent: bool) -> Result<Self, SegmentError> {
        Ok(Self { end: super::claim_endpoint::<false, T>(region, sent)?, of: PhantomData })
    }

    #[inline(always)]
    fn slots(&self) -> SlotArray<'_, T> {
        slots(&self.end)
    }

    /// The address of the next slot, for a prefetch while this side waits.
    #[inline(always)]
    fn next_slot(&self) -> *const u8 {
        self.slots().slot(self.end.at() as usize)
    }

    /// Pops the next value, waiting until there is one. **The commit point is the store of the
    /// consumer's index.**
    ///
    /// # Errors
    /// [`PopError::Closed`] if the queue is closed, or [`PopError::Disconnected`] if the producer
    /// is gone, once every value has been popped; [`PopError::HandedOver`] if another process has
    /// this consumer; [`PopError::Corrupt`] if the segment is damaged, or if the value's bytes are
    /// not a `T`, in which case the value is popped.
    #[doc(alias = "get")]
    #[doc(alias = "recv")]
    #[inline]
    pub fn pop(&mut self) -> Result<T, PopError> {
        self.pop_within(Wait::Forever)
    }

    /// Pops the next value if there is one.
    ///
    /// # Errors
    /// [`PopError::Empty`] if there is no value, and the errors of [`pop`](Self::pop).
    #[doc(alias = "get_nowait")]
    #[inline]
    pub fn try_pop(&mut self) -> Result<T, PopError> {
        self.pop_within(Wait::NonBlocking)
    }

    /// Pops the next value, waiting for one no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// [`PopError::Timeout`] if there is no value until the timeout elapses, and the errors of
    /// [`pop`](Self::pop).
    #[inline]
    pub fn pop_timeout(&mut self, timeout: Duration) -> Result<T, PopError> {
        self.pop_within(Wait::Until(&Timeout::new(timeout)))
    }

    /// The number of values that fit into the queue.
    #[doc(alias = "maxsize")]
    pub fn capacity(&self) -> usize {
        self.end.capacity() as usize
    }

    #[inline(always)]
    pub(super) fn pop_within(&mut self, wait: Wait) -> Result<T, PopError> {
        let next = self.next_slot();
        self.end.room(1, next, wait).map_err(Stop::of_pop)?;
        // SAFETY: the slots were checked when the endpoint was claimed, `at` is below the capacity,
        // and the slot is the consumer's until it commits; there is one consumer.
        let value = unsafe { self.slots().read(self.end.at() as usize) };
        self.end.commit(1);
        value.ok_or(PopError::Corrupt { what: NOT_A_VALUE })
    }

    /// Pops values into the slice, as many as there are and as fit, by one commit, and returns how
    /// many. Waits until there is one.
    ///
    /// # Errors
    /// The errors of [`pop`](Self::pop).
    #[inline]
    pub fn pop_slice(&mut self, values: &mut [T]) -> Result<usize, PopError> {
        self.pop_batch(values, Wait::Forever)
    }

    /// Pops values into the slice, as many as there are and as fit, by one commit, without waiting,
    /// and returns how many.
    ///
    /// # Errors
    /// [`PopError::Empty`] if there is no value, and the errors of [`pop`](Self::pop).
    #[inline]
    pub fn try_pop_slice(&mut self, values: &mut [T]) -> Result<usize, PopError> {
        self.pop_batch(values, Wait::NonBlocking)
    }

    /// Pops values into the slice, as many as there are and as fit, by one commit, and returns how
    /// many. Waits for the first no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// [`PopError::Timeout`] if there is no value until the timeout elapses, and the errors of
    /// [`pop`](Self::pop).
    #[inline]
    pub fn pop_slice_timeout(&mut self, values: &mut [T], timeout: Duration) -> Result<usize, PopError> {
        self.pop_batch(values, Wait::Until(&Timeout::new(timeout)))
    }

    #[inline(always)]
    pub(super) fn pop_batch(&mut self, values: &mut [T], wait: Wait) -> Result<usize, PopError> {
        if values.is_empty() {
            return Ok(0);
        }
        let next = self.next_slot();
        let room = self.end.room_up_to(values.len() as u64, next, wait).map_err(Stop::of_pop)?;
        let count = values.len().min(room as usize);
        // SAFETY: as in `pop_within`, for `count` slots, of which this side may read `room`.
        let good = unsafe { self.slots().read_run(self.end.at() as usize, &mut values[..count]) } as u64;
        // A slot that is not a value ends the batch. It is popped when it is the batch's first.
        self.end.commit(good.max(1));
        if good > 0 { Ok(good as usize) } else { Err(PopError::Corrupt { what: NOT_A_VALUE }) }
    }
}

endpoint_handle!([T: Shareable] Consumer<T>, "producer", "The number of values");
endpoint_object!([T: Shareable] Consumer<T>, fingerprint::<T>, shape, length::<T>);
single_object!([T: Shareable] Consumer<T>);

impl<T> fmt::Debug for Consumer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer").field("segment", self.end.region().segment()).finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(Consumer<u64>: Send, Sync);
static_assertions::assert_not_impl_any!(Consumer<u64>: Clone);
