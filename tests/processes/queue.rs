//! Queues of each form between processes, and what a death leaves of them.

mod bytes;
#[cfg(feature = "serde")]
mod joinable;
#[cfg(feature = "serde")]
mod message;
mod mpmc;
mod mpmc_death;
mod spsc;
