//! [`Consumer`]: the end that pops.

#![allow(unsafe_code)]

use core::fmt;
use std::time::Duration;

use super::{claim_endpoint, fingerprint, length};
use crate::error::{PopError, Stop};
use crate::queue::endpoint::Endpoint;
use crate::queue::queue_macros::{NOT_A_VALUE, endpoint_handle, endpoint_object, shape};
use crate::queue::slot_array::SlotArray;
use crate::raw::wait::Wait;
use crate::segment::object_macros::single_object;
use crate::shareable::Shareable;

/// The consuming end of a [queue](super): one process's at a time.
///
/// Dropped, it tells the producer that nobody listens, unless another process opens this end.
pub struct Consumer<T: Shareable> {
    end: Endpoint<false>,
    slots: SlotArray<T>,
}

impl<T: Shareable> Consumer<T> {
    /// Takes the next value out, waiting for one as long as it takes. **The commit is the store of the consumer's index.**
    ///
    /// # Errors
    /// `Closed` or `Disconnected`, once everything has been taken out; `HandedOver`; `Corrupt`, also for a value whose bytes are not a
    /// `T`, which then is taken out.
    #[doc(alias = "get")]
    #[doc(alias = "recv")]
    #[inline]
    pub fn pop(&mut self) -> Result<T, PopError> {
        self.pop_within(Wait::Forever)
    }

    /// Takes the next value out if there is one.
    ///
    /// # Errors
    /// `Empty`, and those of [`pop`](Self::pop).
    #[inline]
    pub fn try_pop(&mut self) -> Result<T, PopError> {
        self.pop_within(Wait::NonBlocking)
    }

    /// Takes the next value out, waiting for one no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// `Timeout`, and those of [`pop`](Self::pop).
    #[inline]
    pub fn pop_timeout(&mut self, timeout: Duration) -> Result<T, PopError> {
        self.pop_within(Wait::Timeout(timeout))
    }

    /// Values that fit into the queue.
    pub fn capacity(&self) -> usize {
        self.slots.capacity()
    }

    #[inline(always)]
    pub(super) fn pop_within(&mut self, wait: Wait) -> Result<T, PopError> {
        self.end.room(1, self.slots.slot(self.end.at() as usize), wait).map_err(Stop::of_pop)?;
        // SAFETY: the side is below its capacity, and the slot is the consumer's until it commits; there is one consumer.
        let value = unsafe { self.slots.read(self.end.at() as usize) };
        self.end.commit(1);
        value.ok_or(PopError::Corrupt { what: NOT_A_VALUE })
    }

    /// Takes values out into the slice, as many as there are and as fit, by one commit, and says how many. Waits for the first as
    /// long as it takes.
    ///
    /// # Errors
    /// Those of [`pop`](Self::pop).
    #[inline]
    pub fn pop_slice(&mut self, values: &mut [T]) -> Result<usize, PopError> {
        self.pop_batch(values, Wait::Forever)
    }

    /// The same without waiting.
    ///
    /// # Errors
    /// `Empty`, and those of [`pop`](Self::pop).
    #[inline]
    pub fn try_pop_slice(&mut self, values: &mut [T]) -> Result<usize, PopError> {
        self.pop_batch(values, Wait::NonBlocking)
    }

    /// The same, waiting for the first value no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// `Timeout`, and those of [`pop`](Self::pop).
    #[inline]
    pub fn pop_slice_timeout(&mut self, values: &mut [T], timeout: Duration) -> Result<usize, PopError> {
        self.pop_batch(values, Wait::Timeout(timeout))
    }

    #[inline(always)]
    pub(super) fn pop_batch(&mut self, values: &mut [T], wait: Wait) -> Result<usize, PopError> {
        if values.is_empty() {
            return Ok(0);
        }
        let room = self.end.room_up_to(values.len() as u64, self.slots.slot(self.end.at() as usize), wait);
        let room = room.map_err(Stop::of_pop)?;
        let count = values.len().min(room as usize);
        // SAFETY: as in `pop_within`, for the slots from there on, of which there are `room`.
        let good = unsafe { self.slots.read_run(self.end.at() as usize, &mut values[..count]) } as u64;
        // One that is not a value ends the batch, and is the next batch's first.
        self.end.commit(good.max(1));
        if good > 0 { Ok(good as usize) } else { Err(PopError::Corrupt { what: NOT_A_VALUE }) }
    }

    /// The values, each as it comes, until the queue is closed or its producer gone. An iterator over what is there already is
    /// made by [`try_iter`](Self::try_iter).
    pub fn iter(&mut self) -> impl Iterator<Item = T> {
        core::iter::from_fn(|| self.pop().ok())
    }

    /// The values that are there already.
    pub fn try_iter(&mut self) -> impl Iterator<Item = T> {
        core::iter::from_fn(|| self.try_pop().ok())
    }
}

endpoint_handle!([T: Shareable] Consumer<T>, "producer", "Values");
endpoint_object!([T: Shareable] Consumer<T>, slots, fingerprint::<T>, shape, length::<T>);
single_object!([T: Shareable] Consumer<T>);

impl<T: Shareable> fmt::Debug for Consumer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer").field("segment", self.segment()).finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(Consumer<u64>: Send, Sync);
static_assertions::assert_not_impl_any!(Consumer<u64>: Clone);
