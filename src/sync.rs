//! Synchronisation between processes: locks that pass on when their holder is killed, and waits
//! that no death makes endless.
//!
//! - [`Barrier`]: a number of parties that wait for each other
//! - [`BoundedSemaphore`]: a fixed number of permits, each of which records its owner
//! - [`ByThread`], [`ByTask`]: what a guard belongs to
//! - [`Condvar`]: waiting, with a mutex, until a condition is true
//! - [`Event`]: a flag that processes wait for
//! - [`Mutex`]: a lock that one thread of one process holds at a time
//! - [`Once`]: an initialisation that one process does, before the others go on
//! - `RawSyncMutex`: a mutex for code that expects `raw_sync`'s traits (feature `raw_sync`)
//! - [`ReentrantMutex`]: a lock that the thread which holds it may lock again
//! - [`RwLock`]: a lock for one writer at a time, or any number of readers
//! - [`Semaphore`]: a number of permits, which any process may release

mod barrier;
mod bounded_semaphore;
mod condvar;
mod event;
#[cfg(feature = "async")]
mod futures;
mod mutex;
mod once;
#[cfg(feature = "raw_sync")]
mod raw_sync;
mod reentrant_mutex;
mod rwlock;
mod semaphore;

pub use crate::segment::lock::owner::{ByTask, ByThread};
pub use barrier::{Barrier, BarrierWaitResult};
pub use bounded_semaphore::{BoundedSemaphore, BoundedSemaphorePermit};
pub use condvar::{Condvar, WaitGuard, WaitTimeoutResult};
pub use event::Event;
pub use mutex::{Mutex, MutexGuard};
pub use once::{Once, OnceState};
#[cfg(feature = "raw_sync")]
pub use raw_sync::RawSyncMutex;
pub use reentrant_mutex::{ReentrantMutex, ReentrantMutexGuard};
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use semaphore::{Semaphore, SemaphorePermit};
