//! [`PipeBuilder`]: the options of a pipe.

use super::reader::FrameReader;
use super::writer::FrameWriter;
use super::{Connection, Receiver, Sender};
use crate::error::SegmentError;
use crate::layout::header::Tables;
use crate::queue::bytes::{self, BytesConsumer, BytesProducer};
use crate::segment::Segment;

/// The options of a pipe; see [`builder`](super::builder()).
///
/// ```
/// use breezeway::pipe;
///
/// let (mut tx, mut rx) = pipe::builder().capacity(1 << 20).max_message(64 << 20).simplex::<Vec<u8>>()?;
/// tx.send(vec![7; 100_000])?;
/// assert_eq!(rx.recv()?.len(), 100_000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct PipeBuilder {
    capacity: usize,
    max_message: u64,
}

/// The capacity of an OS pipe: room for hundreds of short messages, and a small part of a CPU's own
/// cache, through which long messages then stream.
const DEFAULT_CAPACITY: usize = 64 << 10;

impl Default for PipeBuilder {
    fn default() -> Self {
        Self { capacity: DEFAULT_CAPACITY, max_message: u64::MAX }
    }
}

/// Processes that may have a pipe's segment attached at a time: those that have an end, and those
/// that have sent one away.
const MAX_PARTICIPANTS: u32 = 128;

/// An upper bound of the bytes that a ring takes beyond its capacity.
const RING_OVERHEAD: u64 = 4096;

/// The names of the rings: first the one that the first end sends into.
const RING_NAMES: [&str; 2] = ["there", "back"];

impl PipeBuilder {
    /// Sets the bytes of the ring, each way, rounded up to a multiple of 64. The default is 64 KiB.
    /// A message of up to a quarter of that is written in one piece.
    pub fn capacity(mut self, bytes: usize) -> Self {
        self.capacity = bytes;
        self
    }

    /// Sets the bytes of the longest encoded message. The default is no limit. Sending a longer
    /// message is [`PushError::TooLarge`](crate::PushError::TooLarge); a ring that claims one is
    /// damaged, and receiving is [`PopError::Corrupt`](crate::PopError::Corrupt).
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.max_message = bytes as u64;
        self
    }

    /// Creates a one-way pipe in an anonymous segment.
    ///
    /// # Errors
    /// - [`SegmentError::InvalidOption`] if the capacity is 0.
    /// - [`SegmentError::NoSpace`] if there is no memory for the ring.
    /// - [`SegmentError::Os`] if the operating system refuses.
    pub fn simplex<T>(&self) -> Result<(Sender<T>, Receiver<T>), SegmentError> {
        let (tx, rx) = bytes::new(self.capacity)?;
        Ok(self.endpoints(tx, rx))
    }

    /// Creates a two-way pipe in an anonymous segment.
    ///
    /// # Errors
    /// Those of [`simplex`](Self::simplex).
    #[allow(clippy::type_complexity)]
    pub fn duplex<A, B>(&self) -> Result<(Connection<A, B>, Connection<B, A>), SegmentError> {
        let ring = (self.capacity as u64).saturating_add(RING_OVERHEAD);
        let tables = Tables::new(MAX_PARTICIPANTS, RING_NAMES.len() as u32);
        let options = Segment::builder().participants(MAX_PARTICIPANTS).objects(tables.directory_capacity);
        let segment = options
            .create_anonymous(ring.saturating_mul(RING_NAMES.len() as u64).saturating_add(tables.arena_at))?;
        let [there, back] = RING_NAMES.map(|name| bytes::add(&segment, name, self.capacity));
        let ((a_tx, b_rx), (b_tx, a_rx)) = (there?, back?);
        let ((a_tx, b_rx), (b_tx, a_rx)) = (self.endpoints(a_tx, b_rx), self.endpoints(b_tx, a_rx));
        Ok((Connection::new(a_tx, a_rx), Connection::new(b_tx, b_rx)))
    }

    fn endpoints<T>(&self, tx: BytesProducer, rx: BytesConsumer) -> (Sender<T>, Receiver<T>) {
        let (tx, rx) = (FrameWriter::new(tx, self.max_message), FrameReader::new(rx, self.max_message));
        (Sender::new(tx), Receiver::new(rx))
    }
}
