//! Locks between processes, which pass on when their holder is killed.
//!
//! - [`Mutex`]: one at a time
//! - [`ReentrantMutex`]: one thread at a time, which may lock it again
//! - [`Condvar`]: waiting, with a mutex, for something to become true
//! - `raw_sync`: a mutex handed to `raw_sync` code (feature `raw_sync`)

mod condvar;
mod mutex;
#[cfg(feature = "raw_sync")]
mod raw_sync;
mod reentrant_mutex;

pub use condvar::{Condvar, WaitGuard, WaitTimeoutResult};
pub use mutex::{Mutex, MutexGuard};
#[cfg(feature = "raw_sync")]
pub use raw_sync::RawSyncMutex;
pub use reentrant_mutex::{ReentrantMutex, ReentrantMutexGuard};
