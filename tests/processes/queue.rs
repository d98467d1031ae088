//! The queues between processes, and after the death of one.

mod bytes;
#[cfg(feature = "serde")]
mod joinable;
#[cfg(feature = "serde")]
mod message;
mod mpmc;
mod mpmc_death;
mod spsc;
