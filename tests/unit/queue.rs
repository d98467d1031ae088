//! The queues in one process.

mod bytes;
#[cfg(feature = "serde")]
mod joinable;
#[cfg(feature = "serde")]
mod message;
mod mpmc;
mod spsc;
mod wakes;
