//! [`JoinableQueue`]: its operations as futures.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Job, JoinableQueue};
use crate::error::{DoneError, PopError, PushError};
use crate::queue::message::codec;
use crate::reactor::retry_until_ready;

/// Operations as futures (feature `async`).
impl<T: Serialize + DeserializeOwned> JoinableQueue<T> {
    /// Pushes a job; the task waits until there is room, without blocking its thread.
    ///
    /// If the future is dropped before it completes, nothing is pushed and the value is dropped.
    ///
    /// # Errors
    /// The errors of [`push`](Self::push).
    #[doc(alias = "put")]
    pub async fn push_async(&self, value: T) -> Result<(), PushError<T>> {
        codec::push_async(&self.store, value).await
    }

    /// Leases the oldest job to this process; the task waits until there is one, without blocking
    /// its thread.
    ///
    /// If the future is dropped before it completes, no job is leased. On a closed queue the task
    /// waits for every job that is leased, its own included: acknowledge or drop those first.
    ///
    /// # Errors
    /// The errors of [`lease`](Self::lease).
    #[doc(alias = "get")]
    pub async fn lease_async(&self) -> Result<Job<T>, PopError> {
        retry_until_ready(
            self,
            |queue| queue.store.region().segment(),
            |queue, wait| queue.lease_within(wait),
        )
        .await
    }

    /// Pops the oldest job (leases it and acknowledges it at once); the task waits until there is
    /// one, without blocking its thread.
    ///
    /// If the future is dropped before it completes, no job is popped.
    ///
    /// # Errors
    /// The errors of [`lease`](Self::lease).
    pub async fn pop_async(&self) -> Result<T, PopError> {
        retry_until_ready(self, |queue| queue.store.region().segment(), |queue, wait| queue.pop_within(wait))
            .await
    }

    /// Waits until every job that was pushed is acknowledged; the task waits without blocking its
    /// thread.
    ///
    /// # Errors
    /// The errors of [`join`](Self::join).
    pub async fn join_async(&self) -> Result<(), DoneError> {
        retry_until_ready(
            self,
            |queue| queue.store.region().segment(),
            |queue, wait| queue.wait_until_idle(wait),
        )
        .await
    }
}
