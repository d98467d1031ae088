//! [`Producer`]: the endpoint that pushes.

#![allow(unsafe_code)]

use core::fmt;
use core::marker::PhantomData;
use std::time::Duration;

use super::{fingerprint, length, slots};
use crate::error::{PushError, SegmentError, Stop};
use crate::queue::endpoint::Endpoint;
use crate::queue::push_all::push_all;
use crate::queue::queue_macros::{endpoint_handle, endpoint_object, shape};
use crate::queue::slot_array::SlotArray;
use crate::raw::wait::{Timeout, Wait};
use crate::segment::object::Region;
use crate::segment::object_macros::single_object;
use crate::shareable::Shareable;

/// The producer of a [queue with one producer and one consumer](super); it belongs to one process
/// at a time.
///
/// When it is dropped, the consumer's pops fail with
/// [`Disconnected`](crate::PopError::Disconnected) once the queue is empty, until another process
/// opens this endpoint.
pub struct Producer<T> {
    end: Endpoint<true>,
    of: PhantomData<fn(T) -> T>,
}

impl<T: Shareable> Producer<T> {
    fn claim_endpoint(region: Region, sent: bool) -> Result<Self, SegmentError> {
        Ok(Self { end: super::claim_endpoint::<true, T>(region, sent)?, of: PhantomData })
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

    /// Pushes a value, waiting until there is room. **The commit point is the store of the
    /// producer's index.**
    ///
    /// # Errors
    /// Each returns the value. [`PushError::Closed`] if the queue is closed;
    /// [`PushError::Disconnected`] if the consumer is gone; [`PushError::HandedOver`] if another
    /// process has this producer; [`PushError::Corrupt`] if the segment is damaged.
    #[doc(alias = "put")]
    #[doc(alias = "send")]
    #[inline]
    pub fn push(&mut self, value: T) -> Result<(), PushError<T>> {
        self.push_within(value, Wait::Forever)
    }

    /// Pushes a value if there is room.
    ///
    /// # Errors
    /// [`PushError::Full`] if there is no room, and the errors of [`push`](Self::push).
    #[doc(alias = "put_nowait")]
    #[inline]
    pub fn try_push(&mut self, value: T) -> Result<(), PushError<T>> {
        self.push_within(value, Wait::NonBlocking)
    }

    /// Pushes a value, waiting for room no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// [`PushError::Timeout`] if there is no room until the timeout elapses, and the errors of
    /// [`push`](Self::push).
    #[inline]
    pub fn push_timeout(&mut self, value: T, timeout: Duration) -> Result<(), PushError<T>> {
        self.push_within(value, Wait::Until(&Timeout::new(timeout)))
    }

    /// The number of values that fit into the queue.
    #[doc(alias = "maxsize")]
    pub fn capacity(&self) -> usize {
        self.end.capacity() as usize
    }

    #[inline(always)]
    pub(super) fn push_within(&mut self, value: T, wait: Wait) -> Result<(), PushError<T>> {
        let next = self.next_slot();
        match self.end.room(1, next, wait) {
            Ok(_) => {
                // SAFETY: the slots were checked when the endpoint was claimed, `at` is below the
                // capacity, and the slot is the producer's until it commits; there is one producer.
                unsafe { self.slots().write(self.end.at() as usize, &value) };
                self.end.commit(1);
                Ok(())
            }
            Err(stop) => Err(stop.of_push(value)),
        }
    }

    /// Pushes all values, waiting for room as long as it takes. Whenever there is room, as many
    /// values as fit are pushed by one commit.
    ///
    /// # Errors
    /// The errors of [`push`](Self::push), with the number of values that were pushed.
    pub fn push_slice(&mut self, values: &[T]) -> Result<(), PushError<usize>> {
        push_all(values, Wait::Forever, |rest, wait| self.push_batch(rest, wait))
    }

    /// Pushes as many of the values as there is room for, by one commit, and returns how many.
    ///
    /// # Errors
    /// [`PushError::Full`] if no value fits, and the errors of [`push`](Self::push), with 0.
    #[inline]
    pub fn try_push_slice(&mut self, values: &[T]) -> Result<usize, PushError<usize>> {
        self.push_batch(values, Wait::NonBlocking).map_err(|stop| stop.of_push(0))
    }

    /// Pushes all values, waiting for room no longer than `timeout` (on the monotonic clock) in
    /// all. Whenever there is room, as many values as fit are pushed by one commit.
    ///
    /// # Errors
    /// [`PushError::Timeout`] if not all values are in when the timeout elapses, and the errors of
    /// [`push`](Self::push), with the number of values that were pushed.
    pub fn push_slice_timeout(&mut self, values: &[T], timeout: Duration) -> Result<(), PushError<usize>> {
        push_all(values, Wait::Until(&Timeout::new(timeout)), |rest, wait| self.push_batch(rest, wait))
    }

    /// Pushes as many of the values as fit, at least one, and returns how many.
    #[inline(always)]
    fn push_batch(&mut self, values: &[T], wait: Wait) -> Result<usize, Stop> {
        if values.is_empty() {
            return Ok(0);
        }
        let wanted = values.len().min(self.capacity());
        let next = self.next_slot();
        let room = self.end.room_up_to(wanted as u64, next, wait)? as usize;
        let count = room.min(values.len());
        // SAFETY: the slots were checked when the endpoint was claimed, `at` is below the capacity,
        // and the `room` slots from there on are the producer's until it commits.
        unsafe { self.slots().write_run(self.end.at() as usize, &values[..count]) };
        self.end.commit(count as u64);
        Ok(count)
    }
}

endpoint_handle!([T: Shareable] Producer<T>, "consumer", "The number of values");
endpoint_object!([T: Shareable] Producer<T>, fingerprint::<T>, shape, length::<T>);
single_object!([T: Shareable] Producer<T>);

impl<T> fmt::Debug for Producer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").field("segment", self.end.region().segment()).finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(Producer<u64>: Send, Sync);
static_assertions::assert_not_impl_any!(Producer<u64>: Clone);
