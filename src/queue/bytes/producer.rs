//! [`BytesProducer`]: the endpoint that writes messages.

#![allow(unsafe_code)]

use core::fmt;
use core::ops::{Deref, DerefMut};
use std::time::Duration;

use super::{byte, claim_endpoint, fingerprint, length, shape};
use crate::error::{PushError, SegmentError};
use crate::queue::endpoint::Endpoint;
use crate::queue::queue_macros::{endpoint_handle, endpoint_object};
use crate::raw::frames::{FramePlacement, HEADER, frame, longest};
use crate::raw::wait::{Timeout, Wait};
use crate::segment::object::Region;
use crate::segment::object_macros::single_object;

/// The producer of a [queue of bytes](super); it belongs to one process at a time.
///
/// When it is dropped, the consumer's reads fail with
/// [`Disconnected`](crate::PopError::Disconnected) once the queue is empty, until another process
/// opens this endpoint.
pub struct BytesProducer {
    end: Endpoint<true>,
}

/// A piece of the ring, to be written and then [committed](Self::commit) as a message. Dropped
/// without a commit, it leaves nothing.
///
/// Its initial bytes are unspecified.
#[must_use = "what is not committed is not sent"]
pub struct Reservation<'a> {
    producer: &'a mut BytesProducer,
    placement: FramePlacement,
    len: usize,
}

impl BytesProducer {
    fn claim_endpoint(region: Region, sent: bool) -> Result<Self, SegmentError> {
        Ok(Self { end: claim_endpoint(region, sent)? })
    }

    /// Reserves a piece of `len` bytes for a message, waiting until there is room.
    ///
    /// # Errors
    /// [`PushError::TooLarge`] if `len` exceeds [`max_message`](Self::max_message);
    /// [`PushError::Closed`] if the queue is closed; [`PushError::Disconnected`] if the consumer is
    /// gone; [`PushError::HandedOver`] if another process has this producer; [`PushError::Corrupt`]
    /// if the segment is damaged.
    pub fn reserve(&mut self, len: usize) -> Result<Reservation<'_>, PushError<()>> {
        self.reserve_within(len, Wait::Forever)
    }

    /// Reserves a piece of `len` bytes for a message if there is room.
    ///
    /// # Errors
    /// [`PushError::Full`] if there is no room, and the errors of [`reserve`](Self::reserve).
    pub fn try_reserve(&mut self, len: usize) -> Result<Reservation<'_>, PushError<()>> {
        self.reserve_within(len, Wait::NonBlocking)
    }

    /// Reserves a piece of `len` bytes for a message, waiting for room no longer than `timeout` (on
    /// the monotonic clock).
    ///
    /// # Errors
    /// [`PushError::Timeout`] if there is no room until the timeout elapses, and the errors of
    /// [`reserve`](Self::reserve).
    pub fn reserve_timeout(
        &mut self,
        len: usize,
        timeout: Duration,
    ) -> Result<Reservation<'_>, PushError<()>> {
        self.reserve_within(len, Wait::Until(&Timeout::new(timeout)))
    }

    pub(crate) fn reserve_within(
        &mut self,
        len: usize,
        wait: Wait,
    ) -> Result<Reservation<'_>, PushError<()>> {
        if len > self.max_message() {
            return Err(PushError::TooLarge { value: (), len, max: self.max_message() });
        }
        let placement = FramePlacement::of(len as u64, self.end.at(), self.end.capacity());
        let wanted = placement.pad + frame(len as u64);
        let next = byte(&self.end, placement.start);
        match self.end.room(wanted, next, wait) {
            Ok(_) => Ok(Reservation { producer: self, placement, len }),
            Err(stop) => Err(stop.of_push(())),
        }
    }

    /// Pushes a message (reserves, copies and commits it), waiting until there is room.
    ///
    /// # Errors
    /// The errors of [`reserve`](Self::reserve).
    #[doc(alias = "put")]
    #[doc(alias = "send")]
    pub fn push(&mut self, message: &[u8]) -> Result<(), PushError<()>> {
        self.reserve(message.len()).map(|reserved| reserved.fill(message))
    }

    /// Pushes a message if there is room.
    ///
    /// # Errors
    /// The errors of [`try_reserve`](Self::try_reserve).
    pub fn try_push(&mut self, message: &[u8]) -> Result<(), PushError<()>> {
        self.try_reserve(message.len()).map(|reserved| reserved.fill(message))
    }

    /// Pushes a message, waiting for room no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// The errors of [`reserve_timeout`](Self::reserve_timeout).
    pub fn push_timeout(&mut self, message: &[u8], timeout: Duration) -> Result<(), PushError<()>> {
        self.reserve_timeout(message.len(), timeout).map(|reserved| reserved.fill(message))
    }

    /// Asks the kernel whether the consumer is alive, and disconnects it if it is not.
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

impl Reservation<'_> {
    /// Pushes the first `len` bytes as a message. **The commit point is the store of the producer's
    /// index.**
    ///
    /// # Panics
    /// If `len` exceeds the length that was reserved.
    pub fn commit(self, len: usize) {
        assert!(len <= self.len, "a message of {len} bytes in a reservation of {}", self.len);
        let Self { producer: BytesProducer { end }, placement, .. } = self;
        // A forked child's copy commits nothing: the reservation is its parent's.
        if !end.is_ours() {
            return;
        }
        let taken = placement.write(end.words(), end.at(), len as u64);
        end.commit(taken);
    }

    pub(super) fn fill(mut self, message: &[u8]) {
        self.copy_from_slice(message);
        self.commit(message.len());
    }

    fn start(&self) -> *mut u8 {
        byte(&self.producer.end, self.placement.start + HEADER)
    }
}

impl Deref for Reservation<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // To a forked child's copy the piece is lost: the parent may have committed it.
        if !self.producer.end.is_ours() {
            return &[];
        }
        // SAFETY: room for a frame of `len` bytes was found there, in one piece and inside the
        // mapping, which the producer keeps. It is the producer's until it commits: no consumer
        // reads or writes it, and this borrows the producer.
        unsafe { core::slice::from_raw_parts(self.start(), self.len) }
    }
}

impl DerefMut for Reservation<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        if !self.producer.end.is_ours() {
            return &mut [];
        }
        // SAFETY: as in `deref`.
        unsafe { core::slice::from_raw_parts_mut(self.start(), self.len) }
    }
}

endpoint_handle!([] BytesProducer, "consumer", "The number of bytes, headers included,");
endpoint_object!([] BytesProducer, fingerprint, shape, length);
single_object!([] BytesProducer);

impl fmt::Debug for BytesProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BytesProducer").field("segment", self.segment()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Reservation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reservation").field("len", &self.len).finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(BytesProducer: Send, Sync);
static_assertions::assert_not_impl_any!(BytesProducer: Clone);
