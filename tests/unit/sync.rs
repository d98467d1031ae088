//! The primitives of [`breezeway::sync`] in one process.

mod barrier;
mod bounded_semaphore;
mod condvar;
mod event;
mod mutex;
mod once;
mod reentrant_mutex;
mod rwlock;
mod semaphore;
