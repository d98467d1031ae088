//! Waits for locks, semaphores and events as futures.

use super::{BoundedSemaphore, BoundedSemaphorePermit, Event, Mutex, MutexGuard, Semaphore, SemaphorePermit};
use crate::error::{EventError, LockError, SemaphoreError};
use crate::reactor::retry_until_ready;
use crate::segment::lock::owner::ByTask;

/// With the feature `async`.
impl Mutex {
    /// Locks the mutex. The task waits for it without blocking its thread.
    ///
    /// The guard belongs to the task. It is [`Send`], so a task can hold it across an `await` on any
    /// executor. A task that locks twice waits for itself, and so does a thread that locks by
    /// [`lock`](Self::lock) what its own task holds.
    ///
    /// A future that is dropped before it is ready does not hold the lock.
    ///
    /// # Errors
    /// [`LockError::NotAttached`] in a forked child that cannot register as a participant;
    /// [`LockError::Corrupt`] if the segment is damaged.
    pub async fn lock_async(&self) -> Result<MutexGuard<'_, ByTask>, LockError> {
        retry_until_ready(self, |mutex| mutex.segment(), |mutex, wait| mutex.lock_within(wait)).await
    }
}

/// With the feature `async`.
impl Event {
    /// Waits until the event is set. The task waits without blocking its thread.
    ///
    /// A future that was polled once is also ready if the event was set and cleared again before
    /// its next poll.
    ///
    /// # Errors
    /// The errors of [`wait`](Self::wait).
    pub async fn wait_async(&self) -> Result<(), EventError> {
        let Some(unset) = self.begin() else { return Ok(()) };
        retry_until_ready(self, |event| event.segment(), |event, wait| event.wait_on(unset, wait)).await
    }
}

/// With the feature `async`.
impl Semaphore {
    /// Acquires a permit. The task waits for one without blocking its thread.
    ///
    /// A future that is dropped before it is ready has acquired none.
    ///
    /// # Errors
    /// The errors of [`acquire`](Self::acquire).
    pub async fn acquire_async(&self) -> Result<SemaphorePermit<'_>, SemaphoreError> {
        retry_until_ready(
            self,
            |semaphore| semaphore.segment(),
            |semaphore, wait| semaphore.acquire_within(wait),
        )
        .await
    }
}

/// With the feature `async`.
impl BoundedSemaphore {
    /// Acquires a permit. The task waits for one without blocking its thread.
    ///
    /// A future that is dropped before it is ready has acquired none.
    ///
    /// # Errors
    /// The errors of [`acquire`](Self::acquire).
    pub async fn acquire_async(&self) -> Result<BoundedSemaphorePermit<'_>, SemaphoreError> {
        retry_until_ready(
            self,
            |semaphore| semaphore.segment(),
            |semaphore, wait| semaphore.acquire_within(wait),
        )
        .await
    }
}
