//! Locks between processes, which pass on when their holder is killed.
//!
//! - [`Mutex`]: one at a time
//! - `raw_sync`: a mutex handed to `raw_sync` code (feature `raw_sync`)

mod mutex;
#[cfg(feature = "raw_sync")]
mod raw_sync;

pub use mutex::{Mutex, MutexGuard};
#[cfg(feature = "raw_sync")]
pub use raw_sync::RawSyncMutex;
