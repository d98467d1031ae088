//! A [`MessageQueue`] for tasks.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{MessageQueue, codec};
use crate::error::{PopError, PushError};
use crate::reactor::{ItemStream, StreamSource, WaitArg, retry_until_ready};
use crate::segment::Segment;

/// For tasks, with the feature `async`.
impl<T: Serialize + DeserializeOwned> MessageQueue<T> {
    /// Puts a message in; a task waits for room without holding up its thread.
    ///
    /// Dropped before it is done, it has put nothing in, and the value is dropped with it.
    ///
    /// # Errors
    /// Those of [`push`](Self::push).
    pub async fn push_async(&self, value: T) -> Result<(), PushError<T>> {
        codec::push_async(&self.store, value).await
    }

    /// Takes the oldest message out; a task waits for one without holding up its thread.
    ///
    /// Dropped before it is done, it has taken nothing out.
    ///
    /// # Errors
    /// Those of [`pop`](Self::pop).
    pub async fn pop_async(&self) -> Result<T, PopError> {
        retry_until_ready(self, |queue| queue.store.region().segment(), |queue, wait| queue.pop_within(wait))
            .await
    }

    /// The messages, each as it comes, until the queue is closed and empty.
    pub fn stream(&self) -> ItemStream<Self> {
        ItemStream::new(self.clone())
    }
}

impl<T: Serialize + DeserializeOwned> StreamSource for MessageQueue<T> {
    type Item = T;

    fn segment(&self) -> &Segment {
        self.store.region().segment()
    }

    fn next(&mut self, WaitArg(wait): WaitArg<'_>) -> Result<T, PopError> {
        self.pop_within(wait)
    }
}
