//! Locks between processes, which pass on when their holder is killed.
//!
//! - [`Event`]: a flag to wait for
//! - [`Barrier`]: parties that wait until all of them are there
//! - [`Mutex`]: one at a time
//! - [`Once`]: something to be done once
//! - [`Semaphore`]: so many at a time, or so many things to take
//! - `raw_sync`: a mutex handed to `raw_sync` code (feature `raw_sync`)

mod event;
//! - [`BoundedSemaphore`]: so many at a time, and permits that know whose they are
//! - [`Mutex`]: one at a time
//! - [`RwLock`]: one that writes at a time, or any number that read
//! - `raw_sync`: a mutex handed to `raw_sync` code (feature `raw_sync`)

mod bounded_semaphore;
//! - [`ReentrantMutex`]: one thread at a time, which may lock it again
//! - [`Condvar`]: waiting, with a mutex, for something to become true
//! - `raw_sync`: a mutex handed to `raw_sync` code (feature `raw_sync`)

mod condvar;
mod barrier;
mod mutex;
mod once;
#[cfg(feature = "raw_sync")]
mod raw_sync;
mod semaphore;

pub use event::Event;
mod rwlock;

pub use bounded_semaphore::{BoundedSemaphore, BoundedSemaphorePermit};
mod reentrant_mutex;

pub use condvar::{Condvar, WaitGuard, WaitTimeoutResult};
pub use barrier::{Barrier, BarrierWaitResult};
pub use mutex::{Mutex, MutexGuard};
pub use once::{Once, OnceState};
#[cfg(feature = "raw_sync")]
pub use raw_sync::RawSyncMutex;
pub use semaphore::{Semaphore, SemaphorePermit};
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use reentrant_mutex::{ReentrantMutex, ReentrantMutexGuard};
