//! A [`Queue`] for tasks.

use super::{Lease, Queue};
use crate::error::{PopError, PushError};
use crate::reactor::{ItemStream, StreamSource, WaitArg, retry_until_ready};
use crate::segment::Segment;
use crate::shareable::Shareable;

/// For tasks, with the feature `async`.
impl<T: Shareable> Queue<T> {
    /// Pushes a value; a task waits for room without holding up its thread.
    ///
    /// Dropped before it is done, it has pushed nothing, and the value is dropped with it.
    ///
    /// # Errors
    /// Those of [`push`](Self::push).
    pub async fn push_async(&self, value: T) -> Result<(), PushError<T>> {
        let put = retry_until_ready(
            self,
            |queue| queue.segment(),
            |queue, wait| queue.push_unnotified(&value, wait),
        );
        match put.await {
            Ok(()) => {
                self.state().items.notify(1);
                Ok(())
            }
            Err(stop) => Err(stop.of_push(value)),
        }
    }

    /// Takes the next value out; a task waits for one without holding up its thread.
    ///
    /// Dropped before it is done, it has taken nothing out.
    ///
    /// ```
    /// use breezeway::queue::Queue;
    ///
    /// let jobs = Queue::<u64>::new(16)?;
    /// // In a task of any executor:
    /// breezeway::block_on(async {
    ///     jobs.push_async(7).await?;
    ///     assert_eq!(jobs.pop_async().await?, 7);
    ///     # Ok::<(), Box<dyn std::error::Error>>(())
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`pop`](Self::pop).
    pub async fn pop_async(&self) -> Result<T, PopError> {
        let value =
            retry_until_ready(self, |queue| queue.segment(), |queue, wait| queue.pop_unnotified(wait)).await;
        self.check_value(value)
    }

    /// Takes the next value into this process's hands, as [`lease`](Self::lease) does; a task waits for one without holding up its
    /// thread.
    ///
    /// Dropped before it is done, it has taken nothing.
    ///
    /// # Errors
    /// Those of [`lease`](Self::lease).
    pub async fn lease_async(&self) -> Result<Lease<'_, T>, PopError> {
        retry_until_ready(self, |queue| queue.segment(), |queue, wait| queue.lease_until(wait)).await
    }

    /// The values, each as it comes, until the queue is closed and empty.
    pub fn stream(&self) -> ItemStream<Self> {
        ItemStream::new(self.clone())
    }
}

impl<T: Shareable> StreamSource for Queue<T> {
    type Item = T;

    fn segment(&self) -> &Segment {
        self.segment()
    }

    fn next(&mut self, WaitArg(wait): WaitArg<'_>) -> Result<T, PopError> {
        self.pop_within(wait)
    }
}
