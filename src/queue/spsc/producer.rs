//! [`Producer`]: the end that pushes.

#![allow(unsafe_code)]

use core::fmt;
use std::time::Duration;

use super::{claim_endpoint, fingerprint, length};
use crate::error::{PushError, Stop};
use crate::queue::endpoint::Endpoint;
use crate::queue::queue_macros::{endpoint_handle, endpoint_object, shape};
use crate::queue::slot_array::SlotArray;
use crate::raw::wait::Wait;
use crate::segment::object_macros::single_object;
use crate::shareable::Shareable;

/// The producing end of a [queue](super): one process's at a time.
///
/// Dropped, it tells the consumer that nothing more comes, unless another process opens this end.
pub struct Producer<T: Shareable> {
    end: Endpoint<true>,
    slots: SlotArray<T>,
}

impl<T: Shareable> Producer<T> {
    /// Pushes a value, waiting for room as long as it takes. **The commit is the store of the producer's index.**
    ///
    /// # Errors
    /// `Closed`, `Disconnected`, `HandedOver`, `Corrupt`, each with the value.
    #[doc(alias = "put")]
    #[doc(alias = "send")]
    #[inline]
    pub fn push(&mut self, value: T) -> Result<(), PushError<T>> {
        self.push_within(value, Wait::Forever)
    }

    /// Pushes a value if there is room.
    ///
    /// # Errors
    /// `Full`, and those of [`push`](Self::push).
    #[inline]
    pub fn try_push(&mut self, value: T) -> Result<(), PushError<T>> {
        self.push_within(value, Wait::NonBlocking)
    }

    /// Pushes a value, waiting for room no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// `Timeout`, and those of [`push`](Self::push).
    #[inline]
    pub fn push_timeout(&mut self, value: T, timeout: Duration) -> Result<(), PushError<T>> {
        self.push_within(value, Wait::Timeout(timeout))
    }

    /// Values that fit into the queue.
    pub fn capacity(&self) -> usize {
        self.slots.capacity()
    }

    #[inline(always)]
    pub(super) fn push_within(&mut self, value: T, wait: Wait) -> Result<(), PushError<T>> {
        match self.end.room(1, self.slots.slot(self.end.at() as usize), wait) {
            Ok(_) => {
                // SAFETY: the side is below its capacity, and the slot is the producer's until it commits; there is one producer.
                unsafe { self.slots.write(self.end.at() as usize, &value) };
                self.end.commit(1);
                Ok(())
            }
            Err(stop) => Err(stop.of_push(value)),
        }
    }

    /// Pushes all the values, waiting for room as long as it takes. Whenever there is room, as many as fit are pushed at once, by
    /// one commit.
    ///
    /// # Errors
    /// Those of [`push`](Self::push), with the number of values that were pushed.
    pub fn push_slice(&mut self, values: &[T]) -> Result<(), PushError<usize>> {
        self.push_all(values, || Wait::Forever)
    }

    /// Pushes as many of the values as there is room for, by one commit, and says how many.
    ///
    /// # Errors
    /// `Full` where there is room for none, and those of [`push`](Self::push), with 0.
    #[inline]
    pub fn try_push_slice(&mut self, values: &[T]) -> Result<usize, PushError<usize>> {
        self.push_batch(values, Wait::NonBlocking).map_err(|stop| stop.of_push(0))
    }

    /// Pushes all the values, waiting for room no longer than `timeout` (on the monotonic clock) in all.
    ///
    /// # Errors
    /// `Timeout`, and those of [`push`](Self::push), with the number of values that were pushed.
    pub fn push_slice_timeout(&mut self, values: &[T], timeout: Duration) -> Result<(), PushError<usize>> {
        let start = std::time::Instant::now();
        self.push_all(values, || Wait::Timeout(timeout.saturating_sub(start.elapsed())))
    }

    fn push_all(&mut self, values: &[T], wait: impl Fn() -> Wait<'static>) -> Result<(), PushError<usize>> {
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
    #[inline(always)]
    fn push_batch(&mut self, values: &[T], wait: Wait) -> Result<usize, Stop> {
        if values.is_empty() {
            return Ok(0);
        }
        let wanted = values.len().min(self.slots.capacity());
        let room =
            self.end.room_up_to(wanted as u64, self.slots.slot(self.end.at() as usize), wait)? as usize;
        let count = room.min(values.len());
        // SAFETY: the side is below its capacity, and as many slots as there is room for are the producer's until it commits.
        unsafe { self.slots.write_run(self.end.at() as usize, &values[..count]) };
        self.end.commit(count as u64);
        Ok(count)
    }
}

endpoint_handle!([T: Shareable] Producer<T>, "consumer", "Values");
endpoint_object!([T: Shareable] Producer<T>, slots, fingerprint::<T>, shape, length::<T>);
single_object!([T: Shareable] Producer<T>);

impl<T: Shareable> fmt::Debug for Producer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").field("segment", self.segment()).finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(Producer<u64>: Send, Sync);
static_assertions::assert_not_impl_any!(Producer<u64>: Clone);
