//! Queues between processes, which lose nothing when a process is killed.
//!
//! - [`spsc`]: one producer, one consumer, values of a fixed size; wait-free, the fastest
//! - [`bytes`]: one producer, one consumer, messages of any length, written and read in place
//! - [`Queue`]: many producers, many consumers, values of a fixed size; lock-free, with leases
//! - `MessageQueue` (feature `serde`): many producers, many consumers, messages of any type and
//!   size
//! - `JoinableQueue` (feature `serde`): jobs that are delivered again if their worker dies, and
//!   that a producer can wait for
//!
//! Each operation has three forms: `push` waits until it succeeds, `try_push` never waits, and
//! `push_timeout` waits no longer than its timeout. A waiter spins briefly and then parks; an
//! operation on a queue without parked waiters makes no system call. The feature `async` adds a
//! fourth form, `push_async`, a future that does not block its thread, and streams of queues.
//!
//! | operation | by |
//! |---|---|
//! | `push` | every queue |
//! | `pop` | every queue of values; [`read`](bytes::BytesConsumer::read) on [`bytes`] |
//! | `lease`, then `ack` | [`Queue`] and `JoinableQueue` |
//! | `join` | `JoinableQueue` |
//! | `iter` | every queue of values: items are `Result`s, the end is the end of the queue |

pub mod bytes;
mod endpoint;
mod held_leases;
#[cfg(feature = "serde")]
mod joinable;
#[cfg(feature = "serde")]
mod message;
mod mpmc;
mod push_all;
mod queue_macros;
mod slot_array;
pub mod spsc;
#[cfg(feature = "serde")]
pub(crate) mod transit;

#[cfg(feature = "serde")]
pub use joinable::{Job, JobId, JobIter, JoinableQueue};
#[cfg(feature = "serde")]
pub use message::{Limits, MessageIter, MessageQueue};
pub use mpmc::{Iter, Lease, Queue};
