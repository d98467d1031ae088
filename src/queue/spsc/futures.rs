//! The ends of a queue for tasks.

use super::{Consumer, Producer};
use crate::error::{PopError, PushError};
use crate::reactor::{Items, Moment, Source, later};
use crate::segment::Segment;
use crate::shareable::Shareable;

/// For tasks, with the feature `async`.
impl<T: Shareable> Producer<T> {
    /// Pushes a value; a task waits for room without holding up its thread.
    ///
    /// Dropped before it is done, it has pushed nothing, and the value is dropped with it.
    ///
    /// # Errors
    /// The errors of [`push`](Self::push).
    pub async fn push_async(&mut self, value: T) -> Result<(), PushError<T>> {
        later(self, |end| end.segment(), |end, patience| end.push_within(value, patience)).await
    }
}

/// For tasks, with the feature `async`.
impl<T: Shareable> Consumer<T> {
    /// Takes the next value out; a task waits for one without holding up its thread.
    ///
    /// Dropped before it is done, it has taken nothing out.
    ///
    /// # Errors
    /// The errors of [`pop`](Self::pop).
    pub async fn pop_async(&mut self) -> Result<T, PopError> {
        later(self, |end| end.segment(), |end, patience| end.pop_within(patience)).await
    }

    /// Takes values out into the slice, as many as there are and as fit, by one commit, and says how many. A task waits for the
    /// first without holding up its thread.
    ///
    /// Dropped before it is done, it has taken nothing out.
    ///
    /// # Errors
    /// The errors of [`pop`](Self::pop).
    pub async fn pop_slice_async(&mut self, values: &mut [T]) -> Result<usize, PopError> {
        later(self, |end| end.segment(), |end, patience| end.pop_some(values, patience)).await
    }

    /// The values, each as it comes, until the queue is closed or its producer gone.
    pub fn stream(&mut self) -> Items<&mut Self> {
        Items::new(self)
    }

    /// The same, for good.
    pub fn into_stream(self) -> Items<Self> {
        Items::new(self)
    }
}

impl<T: Shareable> Source for Consumer<T> {
    type Item = T;

    fn segment(&self) -> &Segment {
        self.segment()
    }

    fn next(&mut self, Moment(patience): Moment<'_>) -> Result<T, PopError> {
        self.pop_within(patience)
    }
}
