//! Locks between processes, which pass on when their holder is killed.
//!
//! - [`BoundedSemaphore`]: so many at a time, and permits that know whose they are
//! - [`Mutex`]: one at a time
//! - [`RwLock`]: one that writes at a time, or any number that read
//! - `raw_sync`: a mutex handed to `raw_sync` code (feature `raw_sync`)

mod bounded_semaphore;
mod mutex;
#[cfg(feature = "raw_sync")]
mod raw_sync;
mod rwlock;

pub use bounded_semaphore::{BoundedSemaphore, Permit};
pub use mutex::{Mutex, MutexGuard};
#[cfg(feature = "raw_sync")]
pub use raw_sync::RawSyncMutex;
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
