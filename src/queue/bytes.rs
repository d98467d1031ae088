//! A queue of messages of any length, with one producer and one consumer, written and read where they lie.
//!
//! The producer [reserves](BytesProducer::reserve) a piece of the ring, writes its message there, and commits as much of it as it needs;
//! the consumer [reads](BytesConsumer::read) the bytes where they are. Nothing is copied on the way. Each message lies in one piece, so
//! the longest one is about half the ring: [`BytesProducer::max_message`]. The ends belong to one process each, as those of
//! [`spsc`](super::spsc) do.
//!
//! **When a process is killed at any instruction:** every message whose `commit` returned is delivered exactly once. A commit is
//! the one store of the producer's index; killed before, it leaves nothing. A message is taken out by the one store of the
//! consumer's index, when its guard is dropped; killed before, the next consumer reads it (again). The peer of the dead is told
//! `Disconnected` (within 100 ms, where it sleeps), once it has taken out what there was.
//!
//! A message that is read is a slice of shared memory: whoever has the producer's end has promised, by opening it, to leave committed
//! messages alone, and so does this crate.
//!
//! ```
//! use breezeway::queue::bytes;
//!
//! # let name = format!("breezeway-doc-bytes-{}", std::process::id());
//! # let name = name.as_str();
//! let (mut tx, mut rx) = bytes::create(name, 1 << 20)?;
//! let mut frame = tx.reserve(4096)?;
//! frame[..5].copy_from_slice(b"hello");
//! frame.commit(5);
//! assert_eq!(&*rx.read()?, b"hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod consumer;
#[cfg(feature = "async")]
mod futures;
mod producer;

use core::ptr::NonNull;

pub use consumer::{BytesConsumer, Message};
pub use producer::{BytesProducer, Reservation};

use super::endpoint::Endpoint;
use crate::error::SegmentError;
use crate::layout::fingerprint::{Fingerprint, Kind};
use crate::primitive::AtomicU64;
use crate::raw::frames::HEADER;
use crate::raw::spsc::SpscState;
use crate::segment::Segment;
use crate::segment::object::{ROOT, Region, Shape};

/// Makes a segment of this name with a queue of `capacity` bytes (rounded up to a multiple of 64) in it, and takes both its ends.
/// Each message takes its length, rounded up to a multiple of 8, and 8 bytes.
///
/// # Errors
/// See [`SegmentBuilder::create`](crate::segment::builder::SegmentBuilder::create).
pub fn create(name: &str, capacity: usize) -> Result<(BytesProducer, BytesConsumer), SegmentError> {
    with_consumer(BytesProducer::create(name, capacity)?)
}

/// Makes a queue in memory without a name, for this process and those it sends an end to.
///
/// # Errors
/// `InvalidOption`, `NoSpace`, `Os`.
#[allow(clippy::new_ret_no_self)]
pub fn new(capacity: usize) -> Result<(BytesProducer, BytesConsumer), SegmentError> {
    with_consumer(BytesProducer::new(capacity)?)
}

/// Adds a queue of `capacity` bytes to a segment, and takes both its ends.
///
/// # Errors
/// Those of [`Segment::add`].
pub fn add(
    segment: &Segment,
    name: &str,
    capacity: usize,
) -> Result<(BytesProducer, BytesConsumer), SegmentError> {
    let producer = segment.add::<BytesProducer>(name, capacity)?;
    Ok((producer, segment.get(name)?))
}

fn with_consumer(producer: BytesProducer) -> Result<(BytesProducer, BytesConsumer), SegmentError> {
    let consumer = producer.segment().get(ROOT)?;
    Ok((producer, consumer))
}

/// What capacities are rounded up to.
const CAPACITY_UNIT: u64 = 64;

fn fingerprint() -> Fingerprint {
    Fingerprint::of::<u8>(Kind::Bytes)
}

fn shape(capacity: usize) -> Shape {
    // One that cannot be rounded up is too large for any memory; the number stays such.
    let capacity = capacity as u64;
    Shape { count: capacity.checked_next_multiple_of(CAPACITY_UNIT).unwrap_or(capacity), aux: 0 }
}

/// Bytes of a queue of this shape.
fn length(shape: Shape) -> Option<u64> {
    let is_sound = shape.aux == 0 && shape.count > 0 && shape.count.is_multiple_of(CAPACITY_UNIT);
    is_sound.then_some(shape.count)?.checked_add(size_of::<SpscState>() as u64)
}

/// Takes an end of the queue in this region.
fn claim_endpoint<const PRODUCER: bool>(
    region: Region,
    sent: bool,
) -> Result<(Endpoint<PRODUCER>, RingBytes), SegmentError> {
    let words = RingBytes::of(&region);
    let end = Endpoint::claim(region, words.capacity(), sent)?;
    if end.at().is_multiple_of(HEADER) { Ok((end, words)) } else { Err(end.corrupt()) }
}

/// The ring's words, which outlive this where the region does.
#[derive(Clone, Copy)]
struct RingBytes(NonNull<[AtomicU64]>);

// SAFETY: an address of atomics in shared memory.
#[allow(unsafe_code)]
unsafe impl Send for RingBytes {}
// SAFETY: as above.
#[allow(unsafe_code)]
unsafe impl Sync for RingBytes {}

impl RingBytes {
    fn of(region: &Region) -> Self {
        Self(NonNull::from(region.words_from(size_of::<SpscState>() as u64)))
    }

    fn capacity(self) -> u64 {
        self.0.len() as u64 * HEADER
    }

    /// The address of a byte below the capacity.
    #[allow(unsafe_code)]
    fn byte(self, at: u64) -> *mut u8 {
        debug_assert!(at <= self.capacity());
        // SAFETY: inside the words, or right behind them.
        unsafe { self.0.as_ptr().cast::<u8>().add(at as usize) }
    }
}
