//! A queue of messages of any length, with one producer and one consumer, written and read in
//! place.
//!
//! The producer [reserves](BytesProducer::reserve) a piece of the ring, writes its message there,
//! and commits the first n bytes of the piece; the consumer [reads](BytesConsumer::read) the bytes
//! where they lie. Nothing is copied on the way. Each message lies in one piece, so the longest
//! message is about half the ring: [`BytesProducer::max_message`]. Each endpoint belongs to one
//! process at a time, as the endpoints of [`spsc`](super::spsc) do.
//!
//! **When a process is killed at any instruction:** every message whose `commit` returned is
//! delivered exactly once. A message is committed by the one store of the producer's index; a
//! producer killed before leaves nothing. A message is popped by the one store of the consumer's
//! index, when its guard is dropped; if the consumer is killed before, the next consumer reads the
//! message (again). The dead process's peer gets `Disconnected` once it has read every message (a
//! parked peer, within 100 ms).
//!
//! A message that is read is a slice of shared memory. A process that opens the producer promises
//! to leave committed messages alone, and this crate keeps that promise for it.
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

pub use consumer::{BytesConsumer, Message};
pub use producer::{BytesProducer, Reservation};

use super::endpoint::Endpoint;
use crate::error::SegmentError;
use crate::layout::fingerprint::{Fingerprint, Kind};
use crate::raw::frames::HEADER;
use crate::raw::spsc::SpscState;
use crate::segment::Segment;
use crate::segment::object::{ROOT, Region, Shape};

/// Creates a segment of this name with a queue of `capacity` bytes (rounded up to a multiple of 64)
/// in it, and claims both endpoints. Each message takes its length, rounded up to a multiple of 8,
/// and 8 bytes.
///
/// # Errors
/// The errors of [`SegmentBuilder::create`](crate::segment::builder::SegmentBuilder::create).
pub fn create(name: &str, capacity: usize) -> Result<(BytesProducer, BytesConsumer), SegmentError> {
    with_consumer(BytesProducer::create(name, capacity)?)
}

/// Creates a queue of `capacity` bytes (rounded up to a multiple of 64) in memory without a name,
/// for this process and the processes that it sends an endpoint to.
///
/// # Errors
/// [`SegmentError::InvalidOption`] if `capacity` is 0; [`SegmentError::NoSpace`] if there is no
/// memory for it; [`SegmentError::Os`] if the system refuses.
#[allow(clippy::new_ret_no_self)]
pub fn new(capacity: usize) -> Result<(BytesProducer, BytesConsumer), SegmentError> {
    with_consumer(BytesProducer::new(capacity)?)
}

/// Adds a queue of `capacity` bytes (rounded up to a multiple of 64) to a segment, and claims both
/// endpoints.
///
/// # Errors
/// The errors of [`Segment::add`].
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

/// Capacities are rounded up to a multiple of this.
const CAPACITY_UNIT: u64 = 64;

fn fingerprint() -> Fingerprint {
    Fingerprint::of::<u8>(Kind::Bytes)
}

fn shape(capacity: usize) -> Shape {
    // A capacity that cannot be rounded up is too large for any memory, and is refused as it is.
    let capacity = capacity as u64;
    Shape { count: capacity.checked_next_multiple_of(CAPACITY_UNIT).unwrap_or(capacity), aux: 0 }
}

/// The length in bytes of a queue of this shape.
fn length(shape: Shape) -> Option<u64> {
    let is_sound = shape.aux == 0 && shape.count > 0 && shape.count.is_multiple_of(CAPACITY_UNIT);
    is_sound.then_some(shape.count)?.checked_add(size_of::<SpscState>() as u64)
}

/// Claims an endpoint of the queue in this region.
fn claim_endpoint<const PRODUCER: bool>(
    region: Region,
    sent: bool,
) -> Result<Endpoint<PRODUCER>, SegmentError> {
    let capacity = size_of_val(region.words_from(size_of::<SpscState>() as u64)) as u64;
    let end = Endpoint::claim(region, capacity, sent)?;
    if end.at().is_multiple_of(HEADER) { Ok(end) } else { Err(end.corrupt()) }
}

/// The address of a byte of the ring, at most its capacity.
#[inline(always)]
fn byte<const PRODUCER: bool>(end: &Endpoint<PRODUCER>, at: u64) -> *mut u8 {
    debug_assert!(at <= end.capacity());
    end.words().as_ptr().cast_mut().cast::<u8>().wrapping_add(at as usize)
}
