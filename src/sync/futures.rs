//! Locks, semaphores and events for tasks.

use super::{BoundedSemaphore, BoundedSemaphorePermit, Event, Mutex, MutexGuard, Semaphore, SemaphorePermit};
use crate::error::LockError;
use crate::reactor::retry_until_ready;

/// For tasks, with the feature `async`.
impl Mutex {
    /// Locks; a task waits for the lock without holding up its thread.
    ///
    /// The lock belongs to the *thread* that polled this when it was free, and so its guard is not `Send`. A task that may go from
    /// thread to thread can hold it between two `await`s, and not over one. One that stays in its thread (of a runtime with one thread,
    /// or of a local set) can; other tasks of that thread wait meanwhile, also those that lock it this way, while a
    /// [`lock`](Self::lock) there is a [`Deadlock`](LockError::Deadlock). A task that locks it twice waits for itself.
    ///
    /// Dropped before it is done, it does not hold the lock.
    ///
    /// # Errors
    /// `NotAttached`, `Corrupt`.
    pub async fn lock_async(&self) -> Result<MutexGuard<'_>, LockError> {
        retry_until_ready(self, |mutex| mutex.segment(), |mutex, wait| mutex.lock_within(wait)).await
    }
}

/// For tasks, with the feature `async`.
impl Event {
    /// Waits until the event is set, without holding up the task's thread.
    ///
    /// It also gets through where the event is set and cleared again before the task is polled, if it was polled once before.
    ///
    /// # Errors
    /// Those of [`wait`](Self::wait).
    pub async fn wait_async(&self) -> Result<(), LockError> {
        let Some(unset) = self.begin() else { return Ok(()) };
        retry_until_ready(self, |event| event.segment(), |event, wait| event.wait_on(unset, wait)).await
    }
}

/// For tasks, with the feature `async`.
impl Semaphore {
    /// Takes a permit; a task waits for one without holding up its thread.
    ///
    /// Dropped before it is done, it has taken none.
    ///
    /// # Errors
    /// Those of [`acquire`](Self::acquire).
    pub async fn acquire_async(&self) -> Result<SemaphorePermit<'_>, LockError> {
        retry_until_ready(
            self,
            |semaphore| semaphore.segment(),
            |semaphore, wait| semaphore.acquire_within(wait),
        )
        .await
    }
}

/// For tasks, with the feature `async`.
impl BoundedSemaphore {
    /// Takes a permit; a task waits for one without holding up its thread.
    ///
    /// Dropped before it is done, it has taken none.
    ///
    /// # Errors
    /// Those of [`acquire`](Self::acquire).
    pub async fn acquire_async(&self) -> Result<BoundedSemaphorePermit<'_>, LockError> {
        retry_until_ready(
            self,
            |semaphore| semaphore.segment(),
            |semaphore, wait| semaphore.acquire_within(wait),
        )
        .await
    }
}
