//! Queues between processes, which lose nothing when one of them is killed.
//!
//! - [`spsc`]: one producer, one consumer, values of a fixed size; wait-free, the fastest
//! - [`bytes`]: one producer, one consumer, messages of any length, written and read where they lie
//! - [`Queue`]: many producers, many consumers, values of a fixed size; lock-free, with leases
//! - `MessageQueue` (feature `serde`): many producers, many consumers, messages of any type and size
//! - `JoinableQueue` (feature `serde`): jobs, which come back when their worker dies, and can be waited for
//!
//! Each operation comes in three forms: `push` waits as long as it takes, `try_push` not at all, `push_timeout` so long. A wait
//! spins briefly, then sleeps; nothing is spent on waking where nobody sleeps. With the feature `async` there is a fourth, `push_async`,
//! for a task that waits without holding up its thread; and queues are streams.

pub mod bytes;
mod endpoint;
#[cfg(feature = "serde")]
mod joinable;
#[cfg(feature = "serde")]
mod message;
mod mpmc;
mod queue_macros;
mod slot_array;
pub mod spsc;

#[cfg(feature = "process")]
pub(crate) use message::codec;

#[cfg(feature = "serde")]
pub use joinable::{Job, JobId, JoinableQueue};
#[cfg(feature = "serde")]
pub use message::{Limits, MessageIter, MessageQueue};
pub use mpmc::{Iter, Lease, Queue};
