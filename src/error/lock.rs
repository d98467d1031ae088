//! [`LockError`]: why a lock was not taken.

use thiserror::Error;

use super::NotAttached;
use super::fault::{Corrupt, from_not_attached};

/// The error of a lock that was not taken: of a mutex, a read-write lock, a [`Value`](crate::Value), an
/// [`Array`](crate::Array) or a [`Once`](crate::sync::Once). What the lock protects was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another thread or process holds the lock. Only `try_` forms return this: try again, or use a form that waits.
    #[error("the lock is held by another thread or process right now")]
    WouldBlock,
    /// Another thread or process held the lock until the timeout elapsed. Only `_timeout` forms return this.
    #[error("the lock was still held when the time was up")]
    Timeout,
    /// This thread holds the lock already, and would wait for itself for ever: drop the guard first.
    #[error("this thread already holds the lock: drop its guard first")]
    Deadlock,
    /// This thread holds a [`ReentrantMutex`](crate::sync::ReentrantMutex) `limit` times already: drop a guard first.
    #[error("this thread already holds the lock {limit} times: drop a guard first")]
    TooDeep {
        /// How many guards a thread may have.
        limit: usize,
    },
    /// This forked child could not register as a participant of the segment, because the segment has no place left or the
    /// child may not open its file: open the segment anew.
    #[error("{}", NotAttached)]
    NotAttached,
    /// The bytes in the segment cannot be what a breezeway process left there: recreate the segment.
    #[error("{}", Corrupt(.what))]
    Corrupt {
        /// What is damaged.
        what: &'static str,
    },
}

from_not_attached!(LockError);
