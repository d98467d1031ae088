//! Cells for tasks.

use super::{Array, ArrayGuard, Value, ValueGuard};
use crate::error::LockError;
use crate::reactor::retry_until_ready;
use crate::shareable::Shareable;

/// For tasks, with the feature `async`.
impl<T: Shareable> Value<T> {
    /// Begins a locked section; a task waits for the lock without holding up its thread.
    ///
    /// The lock belongs to the thread that polled this when it was free: what
    /// [`Mutex::lock_async`](crate::sync::Mutex::lock_async) says of its guard goes for this one.
    ///
    /// Dropped before it is done, it does not hold the lock.
    ///
    /// # Errors
    /// `NotAttached`, `Corrupt`.
    pub async fn lock_async(&self) -> Result<ValueGuard<'_, T>, LockError> {
        retry_until_ready(self, |value| value.segment(), |value, wait| value.lock_within(wait)).await
    }
}

/// For tasks, with the feature `async`.
impl<T: Shareable> Array<T> {
    /// Begins a locked section over all elements; a task waits for the lock without holding up its thread.
    ///
    /// The lock belongs to the thread that polled this when it was free: what
    /// [`Mutex::lock_async`](crate::sync::Mutex::lock_async) says of its guard goes for this one.
    ///
    /// Dropped before it is done, it does not hold the lock.
    ///
    /// # Errors
    /// `NotAttached`, `Corrupt`.
    pub async fn lock_async(&self) -> Result<ArrayGuard<'_, T>, LockError> {
        retry_until_ready(
            self,
            |array| array.segment(),
            |array, wait| array.lock_within(0..array.len(), wait),
        )
        .await
    }
}
