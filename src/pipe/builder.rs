//! How large a pipe is.

use super::reader::FrameReader;
use super::writer::FrameWriter;
use super::{Connection, Receiver, Sender};
use crate::error::SegmentError;
use crate::layout::header::Tables;
use crate::queue::bytes::{self, BytesConsumer, BytesProducer};
use crate::segment::Segment;

/// How to make a pipe; see [`builder`](super::builder()).
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

/// As much as an OS pipe holds: hundreds of short messages, and still no more than a part of a CPU's own cache, through which long
/// ones then go.
const DEFAULT_CAPACITY: usize = 64 << 10;

impl Default for PipeBuilder {
    fn default() -> Self {
        Self { capacity: DEFAULT_CAPACITY, max_message: u64::MAX }
    }
}

/// Processes that may have a pipe's memory attached at a time: those that have an end, and those that have sent one away.
const MAX_PARTICIPANTS: u32 = 128;

/// Bytes that a ring takes beyond its capacity, at most.
const RING_OVERHEAD: u64 = 4096;

/// The ring that the first end sends into, and the other.
const RING_NAMES: [&str; 2] = ["there", "back"];

impl PipeBuilder {
    /// Bytes of the ring, each way (rounded up to a multiple of 64); 64 KiB unless said otherwise. Messages of up to a quarter of that
    /// are written in one piece.
    pub fn capacity(mut self, bytes: usize) -> Self {
        self.capacity = bytes;
        self
    }

    /// Bytes of the longest message, as it is encoded; any number unless said otherwise. A longer one is refused where it is sent, and
    /// for damage where it is received.
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.max_message = bytes as u64;
        self
    }

    /// Makes a pipe that goes one way.
    ///
    /// # Errors
    /// `InvalidOption` for a capacity of 0, `NoSpace`, `Os`.
    pub fn simplex<T>(&self) -> Result<(Sender<T>, Receiver<T>), SegmentError> {
        let (tx, rx) = bytes::new(self.capacity)?;
        Ok(self.endpoints(tx, rx))
    }

    /// Makes a pipe that goes both ways.
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
