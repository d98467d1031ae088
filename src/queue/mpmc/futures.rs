//! [`Queue`]: its operations as futures.

use super::{Lease, Queue};
use crate::error::{PopError, PushError};
use crate::reactor::{ItemStream, StreamSource, WaitArg, retry_until_ready};
use crate::segment::Segment;
use crate::shareable::Shareable;

/// Operations as futures (feature `async`).
impl<T: Shareable> Queue<T> {
    /// Pushes a value; the task waits until there is room, without blocking its thread.
    ///
    /// If the future is dropped before it completes, nothing is pushed and the value is dropped.
    ///
    /// # Errors
    /// The errors of [`push`](Self::push).
    pub async fn push_async(&self, value: T) -> Result<(), PushError<T>> {
        let put = retry_until_ready(
            self,
            |queue| queue.segment(),
            |queue, wait| queue.push_unnotified(&value, wait),
        );
        match put.await {
            Ok(()) => {
                self.state.items.notify(1);
                Ok(())
            }
            Err(stop) => Err(stop.of_push(value)),
        }
    }

    /// Pops the next value; the task waits until there is one, without blocking its thread.
    ///
    /// If the future is dropped before it completes, nothing is popped. On a closed queue the task
    /// waits for every lease that is out, its own included.
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
    /// The errors of [`pop`](Self::pop).
    pub async fn pop_async(&self) -> Result<T, PopError> {
        let value =
            retry_until_ready(self, |queue| queue.segment(), |queue, wait| queue.pop_unnotified(wait)).await;
        self.check_value(value)
    }

    /// Leases the next value to this process, as [`lease`](Self::lease) does; the task waits until
    /// there is one, without blocking its thread.
    ///
    /// If the future is dropped before it completes, nothing is leased. On a closed queue the task
    /// waits for every lease that is out, its own included: acknowledge or drop those first.
    ///
    /// # Errors
    /// The errors of [`lease`](Self::lease).
    pub async fn lease_async(&self) -> Result<Lease<'_, T>, PopError> {
        retry_until_ready(self, |queue| queue.segment(), |queue, wait| queue.lease_within(wait)).await
    }

    /// A stream that pops value after value, until the queue is closed and empty.
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
