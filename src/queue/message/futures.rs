//! [`MessageQueue`]: its operations as futures.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{MessageQueue, codec};
use crate::error::{PopError, PushError};
use crate::reactor::{ItemStream, StreamSource, WaitArg, retry_until_ready};
use crate::segment::Segment;

/// Operations as futures (feature `async`).
impl<T: Serialize + DeserializeOwned> MessageQueue<T> {
    /// Pushes a message; the task waits until there is room, without blocking its thread.
    ///
    /// If the future is dropped before it completes, nothing is pushed and the value is dropped.
    ///
    /// # Errors
    /// The errors of [`push`](Self::push).
    pub async fn push_async(&self, value: T) -> Result<(), PushError<T>> {
        codec::push_async(&self.store, value).await
    }

    /// Pops the oldest message; the task waits until there is one, without blocking its thread.
    ///
    /// If the future is dropped before it completes, nothing is popped.
    ///
    /// # Errors
    /// The errors of [`pop`](Self::pop).
    pub async fn pop_async(&self) -> Result<T, PopError> {
        retry_until_ready(self, |queue| queue.store.region().segment(), |queue, wait| queue.pop_within(wait))
            .await
    }

    /// A stream that pops message after message, until the queue is closed and empty.
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
