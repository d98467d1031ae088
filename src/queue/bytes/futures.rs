//! The ends of a queue of bytes for tasks.

use super::{BytesConsumer, BytesProducer, Message, Reservation};
use crate::error::{PopError, PushError};
use crate::reactor::retry_until_ready;

/// For tasks, with the feature `async`.
impl BytesProducer {
    /// Reserves a piece of `len` bytes for a message; a task waits for room without holding up its thread.
    ///
    /// # Errors
    /// Those of [`reserve`](Self::reserve).
    pub async fn reserve_async(&mut self, len: usize) -> Result<Reservation<'_>, PushError<()>> {
        retry_until_ready(
            &mut *self,
            |end| end.segment(),
            |end, wait| end.reserve_within(len, wait).map(drop),
        )
        .await?;
        // The room is this end's: nobody else takes it.
        self.try_reserve(len)
    }

    /// Pushes a message: reserves, copies, commits. A task waits for room without holding up its thread.
    ///
    /// Dropped before it is done, it has pushed nothing.
    ///
    /// # Errors
    /// Those of [`reserve`](Self::reserve).
    pub async fn push_async(&mut self, message: &[u8]) -> Result<(), PushError<()>> {
        self.reserve_async(message.len()).await.map(|reserved| reserved.fill(message))
    }
}

/// For tasks, with the feature `async`.
impl BytesConsumer {
    /// The next message; a task waits for one without holding up its thread.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub async fn read_async(&mut self) -> Result<Message<'_>, PopError> {
        retry_until_ready(&mut *self, |end| end.segment(), |end, wait| end.wait_for_message(wait)).await?;
        // It is this end's: nobody else takes it.
        self.try_read()
    }
}
