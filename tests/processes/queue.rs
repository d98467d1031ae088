//! The queues between processes, and after the death of one.

mod bytes;
mod deaths_in_time;
#[cfg(feature = "serde")]
mod joinable;
#[cfg(feature = "serde")]
mod message;
mod mpmc;
mod mpmc_closed;
mod mpmc_death;
mod spsc;
