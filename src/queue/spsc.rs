//! A queue with one producer and one consumer: the fastest way from one process to another.
//!
//! Wait-free: a push writes a slot and one index, a pop reads a slot and writes one index, and each side keeps what it knows of
//! the other in its own memory. Batches ([`Producer::push_slice`], [`Consumer::pop_slice`]) write their index once.
//!
//! Each end belongs to one process at a time. Opening it is [`EndpointTaken`](crate::SegmentError::EndpointTaken) while its holder
//! lives. Whoever opens it after the holder's death goes on exactly where that one stopped. To give an end to another process,
//! [`release`](Producer::release) it here and open it there, or send it: an end that is serialised belongs to who reads it.
//!
//! **When a process is killed at any instruction:** every push that returned is delivered exactly once. A push commits by the one
//! store of the producer's index (a batch, all its values at once), behind the values; killed before, it leaves nothing. A pop
//! commits by the one store of the consumer's index, when the values are copied out; killed before, the next consumer gets them.
//! The peer of the dead is told `Disconnected` (within 100 ms, where it sleeps), once it has taken out what there was.
//!
//! ```
//! use breezeway::queue::spsc;
//!
//! # let name = format!("breezeway-doc-spsc-{}", std::process::id());
//! # let name = name.as_str();
//! let (mut tx, rx) = spsc::create::<u64>(name, 1024)?;
//! rx.release(); // for another process to open
//!
//! // Any other process of this user:
//! let mut rx = spsc::Consumer::<u64>::open(name)?;
//! tx.push(7)?;
//! tx.push_slice(&[8, 9])?;
//! assert_eq!(rx.pop()?, 7);
//! let mut batch = [0; 64];
//! assert_eq!(rx.pop_slice(&mut batch)?, 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod consumer;
#[cfg(feature = "async")]
mod futures;
mod producer;

use super::endpoint::Endpoint;
use super::slot_array::SlotArray;
use crate::error::SegmentError;
use crate::layout::fingerprint::{Fingerprint, Kind};
use crate::raw::spsc::SpscState;
use crate::segment::Segment;
use crate::segment::object::{ROOT, Region, Shape};
use crate::shareable::Shareable;

pub use consumer::Consumer;
pub use producer::Producer;

/// Makes a segment of this name with a queue for `capacity` values in it, and takes both its ends.
///
/// # Errors
/// See [`SegmentBuilder::create`](crate::segment::builder::SegmentBuilder::create).
pub fn create<T: Shareable>(name: &str, capacity: usize) -> Result<(Producer<T>, Consumer<T>), SegmentError> {
    with_consumer(Producer::create(name, capacity)?)
}

/// Makes a queue in memory without a name, for this process and those it sends an end to.
///
/// # Errors
/// `InvalidOption`, `NoSpace`, `Os`.
#[allow(clippy::new_ret_no_self)]
pub fn new<T: Shareable>(capacity: usize) -> Result<(Producer<T>, Consumer<T>), SegmentError> {
    with_consumer(Producer::new(capacity)?)
}

/// Adds a queue for `capacity` values to a segment, and takes both its ends.
///
/// # Errors
/// Those of [`Segment::add`].
pub fn add<T: Shareable>(
    segment: &Segment,
    name: &str,
    capacity: usize,
) -> Result<(Producer<T>, Consumer<T>), SegmentError> {
    let producer = segment.add::<Producer<T>>(name, capacity)?;
    Ok((producer, segment.get(name)?))
}

fn with_consumer<T: Shareable>(producer: Producer<T>) -> Result<(Producer<T>, Consumer<T>), SegmentError> {
    let consumer = producer.segment().get(ROOT)?;
    Ok((producer, consumer))
}

fn fingerprint<T: Shareable>() -> Fingerprint {
    Fingerprint::of::<T>(Kind::Spsc)
}

/// Bytes of a queue of this shape.
fn length<T: Shareable>(shape: Shape) -> Option<u64> {
    let slots = shape.count.checked_mul(size_of::<T>() as u64)?.checked_next_multiple_of(8)?;
    (shape.count > 0 && shape.aux == 0).then_some(())?;
    slots.checked_add(size_of::<SpscState>() as u64)
}

/// Takes an end of the queue in this region.
fn claim_endpoint<const PRODUCER: bool, T: Shareable>(
    region: Region,
    sent: bool,
) -> Result<(Endpoint<PRODUCER>, SlotArray<T>), SegmentError> {
    let slots =
        SlotArray::new(region.words_from(size_of::<SpscState>() as u64), region.shape().count as usize);
    Ok((Endpoint::claim(region, slots.capacity() as u64, sent)?, slots))
}
