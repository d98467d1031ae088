//! Locks between processes, which pass on when their holder is killed.
//!
//! - [`Barrier`]: parties that wait until all of them are there
//! - [`Mutex`]: one at a time
//! - `raw_sync`: a mutex handed to `raw_sync` code (feature `raw_sync`)

mod barrier;
mod mutex;
#[cfg(feature = "raw_sync")]
mod raw_sync;

pub use barrier::{Barrier, BarrierWaitResult};
pub use mutex::{Mutex, MutexGuard};
#[cfg(feature = "raw_sync")]
pub use raw_sync::RawSyncMutex;
