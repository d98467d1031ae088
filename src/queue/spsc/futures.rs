//! [`Producer`] and [`Consumer`]: their operations as futures.

use super::{Consumer, Producer};
use crate::error::{PopError, PushError};
use crate::reactor::{ItemStream, StreamSource, WaitArg, retry_until_ready};
use crate::segment::Segment;
use crate::shareable::Shareable;

/// Operations as futures (feature `async`).
impl<T: Shareable> Producer<T> {
    /// Pushes a value; the task waits until there is room, without blocking its thread.
    ///
    /// If the future is dropped before it completes, nothing is pushed and the value is dropped.
    ///
    /// # Errors
    /// The errors of [`push`](Self::push).
    pub async fn push_async(&mut self, value: T) -> Result<(), PushError<T>> {
        retry_until_ready(self, |end| end.segment(), |end, wait| end.push_within(value, wait)).await
    }
}

/// Operations as futures (feature `async`).
impl<T: Shareable> Consumer<T> {
    /// Pops the next value; the task waits until there is one, without blocking its thread.
    ///
    /// If the future is dropped before it completes, nothing is popped.
    ///
    /// # Errors
    /// The errors of [`pop`](Self::pop).
    pub async fn pop_async(&mut self) -> Result<T, PopError> {
        retry_until_ready(self, |end| end.segment(), |end, wait| end.pop_within(wait)).await
    }

    /// Pops values into the slice, as many as there are and as fit, by one commit, and returns how
    /// many; the task waits until there is one, without blocking its thread.
    ///
    /// If the future is dropped before it completes, nothing is popped.
    ///
    /// # Errors
    /// The errors of [`pop`](Self::pop).
    pub async fn pop_slice_async(&mut self, values: &mut [T]) -> Result<usize, PopError> {
        retry_until_ready(self, |end| end.segment(), |end, wait| end.pop_batch(values, wait)).await
    }

    /// A stream that pops value after value, until the queue is closed or its producer gone, and
    /// empty.
    pub fn stream(&mut self) -> ItemStream<&mut Self> {
        ItemStream::new(self)
    }

    /// A stream that owns the consumer and pops value after value, until the queue is closed or its
    /// producer gone, and empty.
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
