//! Locks between processes, which pass on when their holder is killed, and the other ways in which they wait for each other.
//!
//! - [`Barrier`]: parties that wait until all of them are there
//! - [`BoundedSemaphore`]: so many at a time, and permits that know whose they are
//! - [`Condvar`]: waiting, with a mutex, for something to become true
//! - [`Event`]: a flag to wait for
//! - [`Mutex`]: one at a time
//! - [`Once`]: something to be done once
//! - `raw_sync`: a mutex or an event handed to `raw_sync` code (feature `raw_sync`)
//! - [`ReentrantMutex`]: one thread at a time, which may lock it again
//! - [`RwLock`]: one that writes at a time, or any number that read
//! - [`Semaphore`]: so many at a time, or so many things to take

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
