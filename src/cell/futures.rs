//! Locked sections of cells as futures.

use super::{Array, ArrayGuard, Value, ValueGuard};
use crate::error::LockError;
use crate::reactor::retry_until_ready;
use crate::segment::lock::owner::ByTask;
use crate::shareable::Shareable;

/// With the feature `async`.
impl<T: Shareable> Value<T> {
    /// Begins a locked section. The task waits for the lock without blocking its thread.
    ///
    /// The guard belongs to the task, as that of
    /// [`Mutex::lock_async`](crate::sync::Mutex::lock_async).
    ///
    /// A future that is dropped before it is ready does not hold the lock.
    ///
    /// # Errors
    /// [`LockError::NotAttached`] in a forked child that cannot register as a participant;
    /// [`LockError::Corrupt`] if the segment is damaged.
    pub async fn lock_async(&self) -> Result<ValueGuard<'_, T, ByTask>, LockError> {
        retry_until_ready(self, |value| value.segment(), |value, wait| value.lock_within(wait)).await
    }
}

/// With the feature `async`.
impl<T: Shareable> Array<T> {
    /// Begins a locked section over all elements. The task waits for the lock without blocking its
    /// thread.
    ///
    /// The guard belongs to the task, as that of
    /// [`Mutex::lock_async`](crate::sync::Mutex::lock_async).
    ///
    /// A future that is dropped before it is ready does not hold the lock.
    ///
    /// # Errors
    /// [`LockError::NotAttached`] in a forked child that cannot register as a participant;
    /// [`LockError::Corrupt`] if the segment is damaged.
    pub async fn lock_async(&self) -> Result<ArrayGuard<'_, T, ByTask>, LockError> {
        retry_until_ready(
            self,
            |array| array.segment(),
            |array, wait| array.lock_within(0..array.len(), wait),
        )
        .await
    }
}
