//! [`BytesConsumer`]: the endpoint that reads messages.

#![allow(unsafe_code)]

use core::fmt;
use core::ops::Deref;
use std::time::Duration;

use super::{byte, claim_endpoint, fingerprint, length, shape};
use crate::error::{PopError, SegmentError, Stop};
use crate::queue::endpoint::Endpoint;
use crate::queue::queue_macros::{endpoint_handle, endpoint_object};
#[cfg(feature = "process")]
use crate::raw::event_count::EventCount;
use crate::raw::frames::{self, FoundFrame, HEADER, longest};
use crate::raw::wait::{Timeout, Wait};
use crate::segment::object::Region;
use crate::segment::object_macros::single_object;

/// The consumer of a [queue of bytes](super); it belongs to one process at a time.
///
/// When it is dropped, the producer's pushes fail with
/// [`Disconnected`](crate::PushError::Disconnected), until another process opens this endpoint.
pub struct BytesConsumer {
    end: Endpoint<false>,
}

/// A message, read in place. Dropping it pops it from the queue. **The commit point is the store of
/// the consumer's index.**
///
/// A message that is forgotten (`mem::forget`) stays in the queue, and the next read returns it
/// again.
#[must_use = "dropping a message pops it from the queue"]
pub struct Message<'a> {
    consumer: &'a mut BytesConsumer,
    found: FoundFrame,
}

impl BytesConsumer {
    fn claim_endpoint(region: Region, sent: bool) -> Result<Self, SegmentError> {
        Ok(Self { end: claim_endpoint(region, sent)? })
    }

    /// Returns the next message, waiting until there is one.
    ///
    /// # Errors
    /// [`PopError::Closed`] if the queue is closed, or [`PopError::Disconnected`] if the producer
    /// is gone, once every message has been read; [`PopError::HandedOver`] if another process has
    /// this consumer; [`PopError::Corrupt`] if the segment is damaged.
    #[doc(alias = "get")]
    #[doc(alias = "recv")]
    pub fn read(&mut self) -> Result<Message<'_>, PopError> {
        self.read_within(Wait::Forever)
    }

    /// Returns the next message if there is one.
    ///
    /// # Errors
    /// [`PopError::Empty`] if there is no message, and the errors of [`read`](Self::read).
    pub fn try_read(&mut self) -> Result<Message<'_>, PopError> {
        self.read_within(Wait::NonBlocking)
    }

    /// Returns the next message, waiting for one no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// [`PopError::Timeout`] if there is no message until the timeout elapses, and the errors of
    /// [`read`](Self::read).
    pub fn read_timeout(&mut self, timeout: Duration) -> Result<Message<'_>, PopError> {
        self.read_within(Wait::Until(&Timeout::new(timeout)))
    }

    pub(crate) fn read_within(&mut self, wait: Wait) -> Result<Message<'_>, PopError> {
        let at = self.end.at();
        let next = byte(&self.end, at);
        let room = self.end.room(HEADER, next, wait).map_err(Stop::of_pop)?;
        match frames::find(self.end.words(), at, room) {
            Some(found) => Ok(Message { consumer: self, found }),
            None => Err(PopError::Corrupt { what: "the header of a message" }),
        }
    }

    /// Waits until there is a message.
    #[cfg(feature = "async")]
    pub(super) fn wait_for_message(&mut self, wait: Wait) -> Result<(), PopError> {
        let next = byte(&self.end, self.end.at());
        self.end.room(HEADER, next, wait).map(drop).map_err(Stop::of_pop)
    }

    /// Whether this process holds the endpoint, rather than its parent or a process it was sent to.
    #[cfg(feature = "process")]
    #[inline]
    pub(crate) fn is_ours(&self) -> bool {
        self.end.is_ours()
    }

    /// The event count that the producer notifies, and that this side parks on.
    #[cfg(feature = "process")]
    pub(crate) fn event(&self) -> &EventCount {
        self.end.own_event()
    }

    /// Asks the kernel whether the producer is alive, and disconnects it if it is not.
    #[cfg(feature = "process")]
    pub(crate) fn check_peers(&self) {
        self.end.check_peers();
    }

    /// The length in bytes of the longest message, which fits into the empty queue.
    pub fn max_message(&self) -> usize {
        longest(self.end.capacity()) as usize
    }

    /// The number of bytes of the ring, which messages and their headers share.
    pub fn capacity(&self) -> usize {
        self.end.capacity() as usize
    }
}

impl Deref for Message<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // To a forked child's copy the message is lost: the parent may have popped it.
        if !self.consumer.end.is_ours() {
            return &[];
        }
        let start = byte(&self.consumer.end, self.found.start);
        // SAFETY: `find` found a message of `len` bytes there, in one piece and inside the mapping,
        // which the consumer keeps. It is committed: by the queue's protocol the producer does not
        // write it until the consumer, which this borrows, has committed in its turn. Any bytes are
        // valid `u8`s.
        unsafe { core::slice::from_raw_parts(start, self.found.len as usize) }
    }
}

impl Drop for Message<'_> {
    fn drop(&mut self) {
        // A forked child's copy pops nothing: the message is its parent's.
        if self.consumer.end.is_ours() {
            self.consumer.end.commit(self.found.taken);
        }
    }
}

endpoint_handle!([] BytesConsumer, "producer", "The number of bytes, headers included,");
endpoint_object!([] BytesConsumer, fingerprint, shape, length);
single_object!([] BytesConsumer);

impl fmt::Debug for BytesConsumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BytesConsumer").field("segment", self.segment()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("len", &self.found.len).finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(BytesConsumer: Send, Sync);
static_assertions::assert_not_impl_any!(BytesConsumer: Clone);
