//! A [`MessageQueue`] for tasks.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{MessageQueue, codec};
use crate::error::{PopError, PushError};
use crate::reactor::{Items, Moment, Source, later};
use crate::segment::Segment;

/// For tasks, with the feature `async`.
impl<T: Serialize + DeserializeOwned> MessageQueue<T> {
    /// Puts a message in; a task waits for room without holding up its thread.
    ///
    /// Dropped before it is done, it has put nothing in, and the value is dropped with it.
    ///
    /// # Errors
    /// The errors of [`push`](Self::push).
    pub async fn push_async(&self, value: T) -> Result<(), PushError<T>> {
        codec::push_async(&self.store, value).await
    }

    /// Takes the oldest message out; a task waits for one without holding up its thread.
    ///
    /// Dropped before it is done, it has taken nothing out.
    ///
    /// # Errors
    /// The errors of [`pop`](Self::pop).
    pub async fn pop_async(&self) -> Result<T, PopError> {
        later(self, |queue| queue.store.region().segment(), |queue, patience| queue.take(patience)).await
    }

    /// The messages, each as it comes, until the queue is closed and empty.
    pub fn stream(&self) -> Items<Self> {
        Items::new(self.clone())
    }
}

impl<T: Serialize + DeserializeOwned> Source for MessageQueue<T> {
    type Item = T;

    fn segment(&self) -> &Segment {
        self.store.region().segment()
    }

    fn next(&mut self, Moment(patience): Moment<'_>) -> Result<T, PopError> {
        self.take(patience)
    }
}
