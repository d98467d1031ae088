//! A queue with one producer and one consumer: the fastest way from one process to another.
//!
//! Wait-free: a push writes a slot and one index, a pop reads a slot and writes one index, and each
//! side keeps a copy of the other side's index in its own memory. Batches
//! ([`Producer::push_slice`], [`Consumer::pop_slice`]) write their index once.
//!
//! Each endpoint belongs to one process at a time. Opening it fails with
//! [`EndpointTaken`](crate::SegmentError::EndpointTaken) while its holder is alive. After the
//! holder's death, the next process that opens it goes on exactly where the holder stopped. To give
//! an endpoint to another process, [`release`](Producer::release) it here and open it there, or
//! send it: a serialised endpoint belongs to the process that deserialises it.
//!
//! **When a process is killed at any instruction:** every push that returned is delivered exactly
//! once. A push commits by the one store of the producer's index, after the values are written (a
//! batch commits all its values at once); a push killed before its commit leaves nothing. A pop
//! commits by the one store of the consumer's index, after the values are copied out; if it is
//! killed before, the next consumer gets them. The dead process's peer gets `Disconnected` once it
//! has popped every value: a parked peer within 100 ms, one that polls by its first call that comes
//! 50 ms after the death.
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
//!
//! # Sending an endpoint
//!
//! A serialised endpoint is given away, even if the bytes never arrive: the handle that is left
//! returns `HandedOver`, and the endpoint is *in transit* until a receiver deserialises it. While it
//! is, it belongs to the process that serialised it, and the peer waits.
//!
//! | what becomes of the bytes | what becomes of the endpoint |
//! |---|---|
//! | a receiver deserialises them | it is the receiver's |
//! | a `push` or `send` of a value that holds it fails | the value comes back, and its endpoint works again |
//! | `Process::spawn` fails, or its child dies before it has its arguments | it is gone: the peer gets `Disconnected` |
//! | their sender is killed, or exits with the segment attached | it is gone: the peer gets `Disconnected` |
//! | they are dropped otherwise, in a process that lives (a log line, a queue that is removed, a pool's task that never ran) | it stays in transit until the sender takes it back, by `Segment::get` or `open`, or ends |
//!
//! Do not serialise an endpoint to look at it.

mod consumer;
#[cfg(feature = "async")]
mod futures;
mod iter;
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
pub use iter::ConsumerIter;
pub use producer::Producer;

/// Creates a segment of this name with a queue for `capacity` values in it, and claims both
/// endpoints.
///
/// # Errors
/// The errors of [`SegmentBuilder::create`](crate::segment::builder::SegmentBuilder::create).
pub fn create<T: Shareable>(name: &str, capacity: usize) -> Result<(Producer<T>, Consumer<T>), SegmentError> {
    with_consumer(Producer::create(name, capacity)?)
}

/// Creates a queue for `capacity` values in memory without a name, for this process and the
/// processes that it sends an endpoint to.
///
/// # Errors
/// [`SegmentError::InvalidOption`] if `capacity` is 0; [`SegmentError::NoSpace`] if there is no
/// memory for it; [`SegmentError::Os`] if the system refuses.
#[allow(clippy::new_ret_no_self)]
pub fn new<T: Shareable>(capacity: usize) -> Result<(Producer<T>, Consumer<T>), SegmentError> {
    with_consumer(Producer::new(capacity)?)
}

/// Adds a queue for `capacity` values to a segment, and claims both endpoints.
///
/// # Errors
/// The errors of [`Segment::add`].
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

/// The length in bytes of a queue of this shape.
fn length<T: Shareable>(shape: Shape) -> Option<u64> {
    let slots = shape.count.checked_mul(size_of::<T>() as u64)?.checked_next_multiple_of(8)?;
    (shape.count > 0 && shape.aux == 0).then_some(())?;
    slots.checked_add(size_of::<SpscState>() as u64)
}

/// Claims an endpoint of the queue in this region.
fn claim_endpoint<const PRODUCER: bool, T: Shareable>(
    region: Region,
    sent: bool,
) -> Result<Endpoint<PRODUCER>, SegmentError> {
    let capacity = region.shape().count;
    SlotArray::<T>::check(region.words_from(size_of::<SpscState>() as u64), capacity as usize);
    Endpoint::claim(region, capacity, sent)
}

/// The slots of the ring that an endpoint, claimed by [`claim_endpoint`] of its type, belongs to.
#[inline(always)]
fn slots<const PRODUCER: bool, T: Shareable>(end: &Endpoint<PRODUCER>) -> SlotArray<'_, T> {
    SlotArray::new(end.words(), end.capacity() as usize)
}
