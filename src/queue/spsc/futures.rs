//! The ends of a queue for tasks.

use super::{Consumer, Producer};
use crate::error::{PopError, PushError};
use crate::reactor::{ItemStream, StreamSource, WaitArg, retry_until_ready};
use crate::segment::Segment;
use crate::shareable::Shareable;

/// For tasks, with the feature `async`.
impl<T: Shareable> Producer<T> {
    /// Pushes a value; a task waits for room without holding up its thread.
    ///
    /// Dropped before it is done, it has pushed nothing, and the value is dropped with it.
    ///
    /// # Errors
    /// Those of [`push`](Self::push).
    pub async fn push_async(&mut self, value: T) -> Result<(), PushError<T>> {
        retry_until_ready(self, |end| end.segment(), |end, wait| end.push_within(value, wait)).await
    }
}

/// For tasks, with the feature `async`.
impl<T: Shareable> Consumer<T> {
    /// Takes the next value out; a task waits for one without holding up its thread.
    ///
    /// Dropped before it is done, it has taken nothing out.
    ///
    /// # Errors
    /// Those of [`pop`](Self::pop).
    pub async fn pop_async(&mut self) -> Result<T, PopError> {
        retry_until_ready(self, |end| end.segment(), |end, wait| end.pop_within(wait)).await
    }

    /// Takes values out into the slice, as many as there are and as fit, by one commit, and says how many. A task waits for the
    /// first without holding up its thread.
    ///
    /// Dropped before it is done, it has taken nothing out.
    ///
    /// # Errors
    /// Those of [`pop`](Self::pop).
    pub async fn pop_slice_async(&mut self, values: &mut [T]) -> Result<usize, PopError> {
        retry_until_ready(self, |end| end.segment(), |end, wait| end.pop_batch(values, wait)).await
    }

    /// The values, each as it comes, until the queue is closed or its producer gone.
    pub fn stream(&mut self) -> ItemStream<&mut Self> {
        ItemStream::new(self)
    }

    /// The same, for good.
    pub fn into_stream(self) -> ItemStream<Self> {
        ItemStream::new(self)
    }
}

impl<T: Shareable> StreamSource for Consumer<T> {
    type Item = T;

    fn segment(&self) -> &Segment {
        self.segment()
    }

    fn next(&mut self, WaitArg(wait): WaitArg<'_>) -> Result<T, PopError> {
        self.pop_within(wait)
    }
}
