//! [`BytesProducer`] and [`BytesConsumer`]: their operations as futures.

use super::{BytesConsumer, BytesProducer, Message, Reservation};
use crate::error::{PopError, PushError};
use crate::reactor::retry_until_ready;

/// Operations as futures (feature `async`).
impl BytesProducer {
    /// Reserves a piece of `len` bytes for a message; the task waits until there is room, without
    /// blocking its thread.
    ///
    /// # Errors
    /// The errors of [`reserve`](Self::reserve).
    pub async fn reserve_async(&mut self, len: usize) -> Result<Reservation<'_>, PushError<()>> {
        retry_until_ready(
            &mut *self,
            |end| end.segment(),
            |end, wait| end.reserve_within(len, wait).map(drop),
        )
        .await?;
        // The room is still there: only this producer uses it.
        self.try_reserve(len)
    }

    /// Pushes a message (reserves, copies and commits it); the task waits until there is room,
    /// without blocking its thread.
    ///
    /// If the future is dropped before it completes, nothing is pushed.
    ///
    /// # Errors
    /// The errors of [`reserve`](Self::reserve).
    pub async fn push_async(&mut self, message: &[u8]) -> Result<(), PushError<()>> {
        self.reserve_async(message.len()).await.map(|reserved| reserved.fill(message))
    }
}

/// Operations as futures (feature `async`).
impl BytesConsumer {
    /// Returns the next message; the task waits until there is one, without blocking its thread.
    ///
    /// # Errors
    /// The errors of [`read`](Self::read).
    pub async fn read_async(&mut self) -> Result<Message<'_>, PopError> {
        retry_until_ready(&mut *self, |end| end.segment(), |end, wait| end.wait_for_message(wait)).await?;
        // The message is still there: only this consumer pops it.
        self.try_read()
    }
}
