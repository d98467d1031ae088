//! The primitives of [`breezeway::sync`] between processes, and after the death of one.

mod barrier;
mod bounded_semaphore;
mod condvar;
mod event;
mod mutex;
mod mutex_death;
mod once;
mod polling;
#[cfg(feature = "raw_sync")]
mod raw_sync;
mod reentrant_mutex;
mod rwlock;
mod semaphore;
