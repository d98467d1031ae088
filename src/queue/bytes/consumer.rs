//! [`BytesConsumer`]: the end that reads messages.

#![allow(unsafe_code)]

use core::fmt;
use core::ops::Deref;
use std::time::Duration;

use super::{RingBytes, claim_endpoint, fingerprint, length, shape};
use crate::error::{PopError, Stop};
use crate::queue::endpoint::Endpoint;
use crate::queue::queue_macros::{endpoint_handle, endpoint_object};
#[cfg(feature = "process")]
use crate::raw::event_count::EventCount;
use crate::raw::frames::{self, FoundFrame, HEADER, longest};
use crate::raw::wait::Wait;
use crate::segment::object_macros::single_object;

/// The consuming end of a [queue of bytes](super): one process's at a time.
///
/// Dropped, it tells the producer that nobody listens, unless another process opens this end.
pub struct BytesConsumer {
    end: Endpoint<false>,
    words: RingBytes,
}

/// A message where it lies. Dropping it takes it out of the queue, which is **the commit: the store of the consumer's index**.
/// Forgotten instead, it is read again.
#[must_use = "dropping a message takes it out of the queue"]
pub struct Message<'a> {
    consumer: &'a mut BytesConsumer,
    found: FoundFrame,
}

impl BytesConsumer {
    /// The next message, waiting for one as long as it takes.
    ///
    /// # Errors
    /// `Closed` or `Disconnected`, once everything has been taken out; `HandedOver`; `Corrupt`.
    #[doc(alias = "recv")]
    pub fn read(&mut self) -> Result<Message<'_>, PopError> {
        self.read_within(Wait::Forever)
    }

    /// The next message, if there is one.
    ///
    /// # Errors
    /// `Empty`, and those of [`read`](Self::read).
    pub fn try_read(&mut self) -> Result<Message<'_>, PopError> {
        self.read_within(Wait::NonBlocking)
    }

    /// The next message, waiting for one no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// `Timeout`, and those of [`read`](Self::read).
    pub fn read_timeout(&mut self, timeout: Duration) -> Result<Message<'_>, PopError> {
        self.read_within(Wait::Timeout(timeout))
    }

    pub(crate) fn read_within(&mut self, wait: Wait) -> Result<Message<'_>, PopError> {
        let at = self.end.at();
        let room = self.end.room(HEADER, self.words.byte(at), wait).map_err(Stop::of_pop)?;
        // SAFETY: taken from the region's words, which the end keeps mapped.
        let ring = unsafe { self.words.0.as_ref() };
        match frames::find(ring, at, room) {
            Some(found) => Ok(Message { consumer: self, found }),
            None => Err(PopError::Corrupt { what: "the header of a message" }),
        }
    }

    /// Waits until there is a message.
    #[cfg(feature = "async")]
    pub(super) fn wait_for_message(&mut self, wait: Wait) -> Result<(), PopError> {
        let next = self.words.byte(self.end.at());
        self.end.room(HEADER, next, wait).map(drop).map_err(Stop::of_pop)
    }

    /// Whether this end is this process's.
    #[cfg(feature = "process")]
    #[inline]
    pub(crate) fn is_ours(&self) -> bool {
        self.end.is_ours()
    }

    /// What is notified when something has come to pass at the other end.
    #[cfg(feature = "process")]
    pub(crate) fn event(&self) -> &EventCount {
        self.end.own_event()
    }

    /// Sees whether the producer lives.
    #[cfg(feature = "process")]
    pub(crate) fn check_peers(&self) {
        self.end.check_peers();
    }

    /// The longest message, in bytes.
    pub fn max_message(&self) -> usize {
        longest(self.words.capacity()) as usize
    }

    /// Bytes of the ring, which messages and their headers share.
    pub fn capacity(&self) -> usize {
        self.words.capacity() as usize
    }
}

impl Deref for Message<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        if !self.consumer.end.is_ours() {
            return &[]; // A forked child's copy: the message may be gone.
        }
        let start = self.consumer.words.byte(self.found.start);
        // SAFETY: `find` found a message of so many bytes there, in one piece and inside the mapping, which the consumer keeps. It is
        // committed: by the queue's protocol the producer does not write it until the consumer, which this borrows, has
        // committed in its turn. A `u8` is valid whatever lies there.
        unsafe { core::slice::from_raw_parts(start, self.found.len as usize) }
    }
}

impl Drop for Message<'_> {
    fn drop(&mut self) {
        // A forked child's copy takes nothing out.
        if self.consumer.end.is_ours() {
            self.consumer.end.commit(self.found.taken);
        }
    }
}

endpoint_handle!([] BytesConsumer, "producer", "Bytes, headers included,");
endpoint_object!([] BytesConsumer, words, fingerprint, shape, length);
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
