//! Blocking waits as futures: waiter threads sleep for all tasks of a process.
//!
//! - [`mod@block_on`]: a future whose thread sleeps for it alone
//! - `files`: tasks that wait for file descriptors
//! - [`mod@retry`]: an operation that is tried again after each wake-up
//! - [`stream`]: one operation after the other, as a stream
//! - [`tickets`]: the waiter threads, and the tasks' registrations with them
//! - [`wait_set`]: the event counts that a waiter thread sleeps on, and the tasks that wait for each
//! - [`waiter_thread`]: a waiter thread
//! - [`waker_cell`]: where a task leaves its waker
//! - [`waker_registration`]: a task's waker cell, on the side of the task
//!
//! A waiter thread starts when a task waits for the first time, and ends once no task has waited
//! for a second. The kernel lets a thread sleep on 128 words; if tasks wait on more, there are more
//! threads. A forked child inherits none of them, and starts its own.

#[cfg(not(loom))]
mod block_on;
#[cfg(all(feature = "process", not(loom)))]
mod files;
#[cfg(not(loom))]
mod retry;
#[cfg(not(loom))]
mod stream;
#[cfg(not(loom))]
mod tickets;
mod wait_set;
#[cfg(not(loom))]
mod waiter_thread;
mod waker_cell;
#[cfg(not(loom))]
mod waker_registration;

#[cfg(not(loom))]
pub use block_on::block_on;
#[cfg(all(feature = "process", not(loom)))]
pub(crate) use files::readable;
#[cfg(not(loom))]
pub(crate) use retry::retry_until_ready;
#[cfg(not(loom))]
pub use stream::ItemStream;
#[cfg(not(loom))]
pub(crate) use stream::{StreamSource, WaitArg};
#[cfg(all(feature = "process", not(loom)))]
pub(crate) use waker_cell::WakerCell;
#[cfg(all(feature = "process", not(loom)))]
pub(crate) use waker_registration::WakerRegistration;
