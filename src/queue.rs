//! Queues between processes, which lose nothing when one of them is killed.
//!
//! - [`MessageQueue`]: messages of any type and size
//! - [`JoinableQueue`]: jobs, which come back when their worker dies

#[cfg(feature = "serde")]
mod joinable;
#[cfg(feature = "serde")]
mod message;

#[cfg(feature = "serde")]
pub use joinable::{Job, JobId, JoinableQueue};
#[cfg(feature = "serde")]
pub use message::{Limits, MessageQueue, Messages};
