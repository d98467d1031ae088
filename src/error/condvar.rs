//! [`CondvarError`]: why a wait on a condition variable failed.

use thiserror::Error;

use super::fault::{Corrupt, from_not_attached};
use super::{LockError, NotAttached};

/// The error of a wait on a [`Condvar`](crate::sync::Condvar). The waiter's guard was dropped. That a timeout elapsed is no
/// error: see [`WaitTimeoutResult`](crate::sync::WaitTimeoutResult).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CondvarError {
    /// The guard is the parent's, and this is a forked child that does not hold the mutex: lock the mutex here.
    #[error("the guard belongs to the process that this one was forked from: lock the mutex here")]
    NotHeld,
    /// As many waiters as there is room for wait already, including those killed in the last 100 ms: try again later.
    #[error("{limit} waiters wait at the condition variable already: try again later")]
    TooMany {
        /// How many waiters there is room for.
        limit: usize,
    },
    /// This forked child could not register as a participant of the condition variable's segment, because the segment has no
    /// place left or the child may not open its file: open the segment anew.
    #[error("{}", NotAttached)]
    NotAttached,
    /// The bytes in the condition variable's segment cannot be what a breezeway process left there: recreate the segment.
    #[error("{}", Corrupt(.what))]
    Corrupt {
        /// What is damaged.
        what: &'static str,
    },
    /// The mutex was not locked again after the wait.
    #[error(transparent)]
    Lock(#[from] LockError),
}

from_not_attached!(CondvarError);
