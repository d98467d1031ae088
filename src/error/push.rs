//! [`PushError`]: why a value was not pushed into a queue.

use core::fmt;

use thiserror::Error;

use super::fault::Corrupt;
use super::pop::{CLOSED, HANDED_OVER};
use super::{CodecError, NotAttached};

/// The error of a push. It holds the value, of which no part is in the queue.
#[derive(Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PushError<T> {
    /// The queue has no room. Only `try_` forms return this. Try again, or use a form that waits.
    #[error("the queue is full right now")]
    Full(T),
    /// The queue had no room until the timeout elapsed. Only `_timeout` forms return this.
    #[error("the queue was still full when the time was up")]
    Timeout(T),
    /// The queue was closed before the value was in. It stays closed.
    #[error("{}", CLOSED)]
    Closed(T),
    /// The consumer is gone, and no successor has opened its endpoint, so the value would not be
    /// popped.
    #[error("the consumer is gone, and no other has taken its place")]
    Disconnected(T),
    /// This producer was sent to another process, or belongs to the process that this one was
    /// forked from. Open one here.
    #[error("{}", HANDED_OVER)]
    HandedOver(T),
    /// This forked child could not register as a participant of the segment: the segment has no
    /// place left, or the child may not open its file. Open the segment anew.
    #[error("{}", NotAttached)]
    NotAttached(T),
    /// The message is longer than the queue's largest message. Create the queue with larger limits,
    /// or push less at once.
    #[error("{len} bytes are more than the queue's largest message of {max}: create it larger")]
    TooLarge {
        /// The value.
        value: T,
        /// The message's length in bytes.
        len: usize,
        /// The largest length.
        max: usize,
    },
    /// The value could not be encoded. The queue was not touched.
    #[error("the message could not be encoded")]
    Encode {
        /// The value.
        value: T,
        /// The encoder's error.
        source: CodecError,
    },
    /// The bytes in the segment cannot be what a breezeway process left there. Recreate the
    /// segment.
    #[error("{}", Corrupt(.what))]
    Corrupt {
        /// The value.
        value: T,
        /// What is damaged.
        what: &'static str,
    },
}

impl<T> PushError<T> {
    /// The value that was not pushed.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(value)
            | Self::Timeout(value)
            | Self::Closed(value)
            | Self::Disconnected(value)
            | Self::HandedOver(value)
            | Self::NotAttached(value)
            | Self::TooLarge { value, .. }
            | Self::Encode { value, .. }
            | Self::Corrupt { value, .. } => value,
        }
    }
}

#[cfg(feature = "process")]
impl PushError<()> {
    /// This error with a value to return.
    #[cold]
    pub(crate) fn with<T>(self, value: T) -> PushError<T> {
        match self {
            Self::Full(()) => PushError::Full(value),
            Self::Timeout(()) => PushError::Timeout(value),
            Self::Closed(()) => PushError::Closed(value),
            Self::Disconnected(()) => PushError::Disconnected(value),
            Self::HandedOver(()) => PushError::HandedOver(value),
            Self::NotAttached(()) => PushError::NotAttached(value),
            Self::TooLarge { len, max, .. } => PushError::TooLarge { value, len, max },
            Self::Encode { source, .. } => PushError::Encode { value, source },
            Self::Corrupt { what, .. } => PushError::Corrupt { value, what },
        }
    }
}

/// Prints the variant without the value, which may be large or secret and need not be `Debug`.
impl<T> fmt::Debug for PushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("Full(..)"),
            Self::Timeout(_) => f.write_str("Timeout(..)"),
            Self::Closed(_) => f.write_str("Closed(..)"),
            Self::Disconnected(_) => f.write_str("Disconnected(..)"),
            Self::HandedOver(_) => f.write_str("HandedOver(..)"),
            Self::NotAttached(_) => f.write_str("NotAttached(..)"),
            Self::TooLarge { len, max, .. } => write!(f, "TooLarge {{ len: {len}, max: {max}, .. }}"),
            Self::Encode { source, .. } => write!(f, "Encode {{ source: {source:?}, .. }}"),
            Self::Corrupt { what, .. } => write!(f, "Corrupt {{ what: {what:?}, .. }}"),
        }
    }
}
