//! [`BytesProducer`]: the end that writes messages.

#![allow(unsafe_code)]

use core::fmt;
use core::ops::{Deref, DerefMut};
use std::time::Duration;

use super::{RingBytes, claim_endpoint, fingerprint, length, shape};
use crate::error::PushError;
use crate::queue::endpoint::Endpoint;
use crate::queue::queue_macros::{endpoint_handle, endpoint_object};
use crate::raw::frames::{FramePlacement, HEADER, frame, longest};
use crate::raw::wait::Wait;
use crate::segment::object_macros::single_object;

/// The producing end of a [queue of bytes](super): one process's at a time.
///
/// Dropped, it tells the consumer that nothing more comes, unless another process opens this end.
pub struct BytesProducer {
    end: Endpoint<true>,
    words: RingBytes,
}

/// A piece of the ring, to be written. Dropped without [`commit`](Self::commit), it leaves nothing.
///
/// What is in it beforehand is whatever was there.
#[must_use = "what is not committed is not sent"]
pub struct Reservation<'a> {
    producer: &'a mut BytesProducer,
    placement: FramePlacement,
    len: usize,
}

impl BytesProducer {
    /// Reserves a piece of `len` bytes for a message, waiting for room as long as it takes.
    ///
    /// # Errors
    /// `TooLarge` beyond [`max_message`](Self::max_message), `Closed`, `Disconnected`, `HandedOver`, `Corrupt`.
    pub fn reserve(&mut self, len: usize) -> Result<Reservation<'_>, PushError<()>> {
        self.reserve_within(len, Wait::Forever)
    }

    /// Reserves a piece if there is room.
    ///
    /// # Errors
    /// `Full`, and those of [`reserve`](Self::reserve).
    pub fn try_reserve(&mut self, len: usize) -> Result<Reservation<'_>, PushError<()>> {
        self.reserve_within(len, Wait::NonBlocking)
    }

    /// Reserves a piece, waiting for room no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// `Timeout`, and those of [`reserve`](Self::reserve).
    pub fn reserve_timeout(
        &mut self,
        len: usize,
        timeout: Duration,
    ) -> Result<Reservation<'_>, PushError<()>> {
        self.reserve_within(len, Wait::Timeout(timeout))
    }

    pub(crate) fn reserve_within(
        &mut self,
        len: usize,
        wait: Wait,
    ) -> Result<Reservation<'_>, PushError<()>> {
        if len > self.max_message() {
            return Err(PushError::TooLarge { value: (), len, max: self.max_message() });
        }
        let placement = FramePlacement::of(len as u64, self.end.at(), self.words.capacity());
        let wanted = placement.pad + frame(len as u64);
        match self.end.room(wanted, self.words.byte(placement.start), wait) {
            Ok(_) => Ok(Reservation { producer: self, placement, len }),
            Err(stop) => Err(stop.of_push(())),
        }
    }

    /// Pushes a message: reserves, copies, commits. Waits for room as long as it takes.
    ///
    /// # Errors
    /// Those of [`reserve`](Self::reserve).
    #[doc(alias = "send")]
    pub fn push(&mut self, message: &[u8]) -> Result<(), PushError<()>> {
        self.reserve(message.len()).map(|reserved| reserved.fill(message))
    }

    /// Pushes a message if there is room.
    ///
    /// # Errors
    /// Those of [`try_reserve`](Self::try_reserve).
    pub fn try_push(&mut self, message: &[u8]) -> Result<(), PushError<()>> {
        self.try_reserve(message.len()).map(|reserved| reserved.fill(message))
    }

    /// Pushes a message, waiting for room no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// Those of [`reserve_timeout`](Self::reserve_timeout).
    pub fn push_timeout(&mut self, message: &[u8], timeout: Duration) -> Result<(), PushError<()>> {
        self.reserve_timeout(message.len(), timeout).map(|reserved| reserved.fill(message))
    }

    /// Sees whether the consumer lives.
    #[cfg(feature = "process")]
    pub(crate) fn check_peers(&self) {
        self.end.check_peers();
    }

    /// The longest message, in bytes: it fits into the empty queue.
    pub fn max_message(&self) -> usize {
        longest(self.words.capacity()) as usize
    }

    /// Bytes of the ring, which messages and their headers share.
    pub fn capacity(&self) -> usize {
        self.words.capacity() as usize
    }
}

impl Reservation<'_> {
    /// Sends the first `len` bytes as a message. **The commit is the store of the producer's index.**
    ///
    /// # Panics
    /// If `len` is more than was reserved.
    pub fn commit(self, len: usize) {
        assert!(len <= self.len, "a message of {len} bytes in a reservation of {}", self.len);
        let Self { producer: BytesProducer { end, words }, placement, .. } = self;
        if !end.is_ours() {
            return; // A forked child's copy.
        }
        // SAFETY: taken from the region's words, which the end keeps mapped.
        let ring = unsafe { words.0.as_ref() };
        let taken = placement.write(ring, end.at(), len as u64);
        end.commit(taken);
    }

    pub(super) fn fill(mut self, message: &[u8]) {
        self.copy_from_slice(message);
        self.commit(message.len());
    }

    fn start(&self) -> *mut u8 {
        self.producer.words.byte(self.placement.start + HEADER)
    }
}

impl Deref for Reservation<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        if !self.producer.end.is_ours() {
            return &[]; // A forked child's copy: the piece may be committed.
        }
        // SAFETY: room for a frame of `len` bytes was found there, in one piece and inside the mapping, which the producer keeps. It
        // is the producer's until it commits: no consumer reads or writes it, and this borrows the producer.
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

endpoint_handle!([] BytesProducer, "consumer", "Bytes, headers included,");
endpoint_object!([] BytesProducer, words, fingerprint, shape, length);
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
