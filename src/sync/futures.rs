//! Waits for locks, semaphores and events as futures.

use super::{BoundedSemaphore, BoundedSemaphorePermit, Event, Mutex, MutexGuard, Semaphore, SemaphorePermit};
use crate::error::{EventError, LockError, SemaphoreError};
use crate::reactor::retry_until_ready;

/// With the feature `async`.
impl Mutex {
    /// Locks the mutex. The task waits for it without blocking its thread.
    ///
    /// The lock belongs to the *thread* that polled this future when the lock was free, so the
    /// guard is not `Send`. A task that may move between threads can hold the guard between two
    /// `await`s, but not across one. A task that stays in its thread (of a runtime with one thread,
    /// or of a local set) can. Other tasks of that thread that lock this way wait meanwhile; a
    /// [`lock`](Self::lock) in that thread returns [`LockError::Deadlock`]. A task that locks twice
    /// waits for itself.
    ///
    /// A future that is dropped before it is ready does not hold the lock.
    ///
    /// # Errors
    /// [`LockError::NotAttached`] in a forked child that cannot register as a participant;
    /// [`LockError::Corrupt`] if the segment is damaged.
    pub async fn lock_async(&self) -> Result<MutexGuard<'_>, LockError> {
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
