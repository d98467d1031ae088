//! [`SemaphoreError`]: why a permit was not acquired or released.

use thiserror::Error;

use super::NotAttached;
use super::fault::{Corrupt, from_not_attached};

/// The error of a [`Semaphore`](crate::sync::Semaphore) or a [`BoundedSemaphore`](crate::sync::BoundedSemaphore) whose
/// permits were not acquired or released. The number of permits is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SemaphoreError {
    /// No permit is free. Only `try_acquire` returns this: try again, or use a form that waits.
    #[error("the semaphore has no free permit right now")]
    WouldBlock,
    /// No permit was free until the timeout elapsed. Only `acquire_timeout` returns this.
    #[error("the semaphore still had no free permit when the time was up")]
    Timeout,
    /// The semaphore would have more permits than `limit` after the release. Only
    /// [`Semaphore::release`](crate::sync::Semaphore::release) returns this: release fewer.
    #[error("a semaphore has no more than {limit} permits: release fewer")]
    TooMany {
        /// How many permits a semaphore may have.
        limit: usize,
    },
    /// This process has no forgotten permit of the semaphore. Only
    /// [`BoundedSemaphore::release`](crate::sync::BoundedSemaphore::release) returns this: release once for each forgotten
    /// permit, and drop the others.
    #[error("this process holds no forgotten permit that it could release")]
    NotHeld,
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

from_not_attached!(SemaphoreError);
