//! Children that have looked for the dead before their operation.
//!
//! A process looks for the dead in its first attempt that fails and in its first lease, and again
//! when it is time. That takes thousands of instructions, and is no part of the operation.

use breezeway::queue::Queue;
use breezeway::{Segment, Shareable};

const IDLE: &str = "idle";

/// Adds the queue that [`settled`] needs. The caller's thread takes a lease there, so that what a
/// first lease sets up in a thread is there in every child.
pub(super) fn add_idle_queue(segment: &Segment) {
    let idle = segment.add::<Queue<u8>>(IDLE, 1).unwrap();
    idle.push(0).unwrap();
    idle.lease().unwrap().ack().unwrap();
}

/// The handle, after this process has looked for the dead.
pub(super) fn settled<T: Shareable>(queue: Queue<T>) -> Queue<T> {
    let idle = queue.segment().get::<Queue<u8>>(IDLE).unwrap();
    assert!(idle.try_lease().is_err(), "it is empty");
    queue
}
