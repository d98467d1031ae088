//! A [`JoinableQueue`] for tasks.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Job, JoinableQueue};
use crate::error::{DoneError, PopError, PushError};
use crate::queue::message::codec;
use crate::reactor::retry_until_ready;

/// For tasks, with the feature `async`.
impl<T: Serialize + DeserializeOwned> JoinableQueue<T> {
    /// Puts a job in; a task waits for room without holding up its thread.
    ///
    /// Dropped before it is done, it has put nothing in, and the value is dropped with it.
    ///
    /// # Errors
    /// Those of [`push`](Self::push).
    pub async fn push_async(&self, value: T) -> Result<(), PushError<T>> {
        codec::push_async(&self.store, value).await
    }

    /// Gets the oldest job; a task waits for one without holding up its thread.
    ///
    /// Dropped before it is done, it has got none.
    ///
    /// # Errors
    /// Those of [`get`](Self::get).
    pub async fn get_async(&self) -> Result<Job<T>, PopError> {
        retry_until_ready(self, |queue| queue.store.region().segment(), |queue, wait| queue.get_within(wait))
            .await
    }

    /// Waits until every job that was pushed is done, without holding up the task's thread.
    ///
    /// # Errors
    /// Those of [`join`](Self::join).
    pub async fn join_async(&self) -> Result<(), DoneError> {
        retry_until_ready(
            self,
            |queue| queue.store.region().segment(),
            |queue, wait| queue.wait_until_idle(wait),
        )
        .await
    }
}
