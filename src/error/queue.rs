//! [`PushError`] and [`PopError`]: why nothing was put into a queue, or taken out.

use core::fmt;

type Source = Box<dyn core::error::Error + Send + Sync>;

/// Why something was not pushed. What was to be pushed comes back, and nothing of it is in the queue.
#[non_exhaustive]
pub enum PushError<T> {
    /// There is no room right now; only the `try_` forms say so.
    Full(T),
    /// There was no room until the time was up; only the `_timeout` forms say so.
    Timeout(T),
    /// The queue is closed.
    Closed(T),
    /// The consumer is gone, and no other has taken its place.
    Disconnected(T),
    /// This end belongs to another process by now, or to the one that this one was forked from.
    HandedOver(T),
    /// This is a forked child that could not register as a participant of the segment.
    NotAttached(T),
    /// It is larger than the queue could ever hold.
    TooLarge {
        /// What was to be pushed.
        value: T,
        /// Its length in bytes.
        len: usize,
        /// The largest length.
        max: usize,
    },
    /// It could not be encoded.
    Encode {
        /// What was to be pushed.
        value: T,
        /// What the encoder says.
        source: Source,
    },
    /// The bytes in the segment cannot be what a breezeway process left there. Recreate the segment.
    Corrupt {
        /// What was to be pushed.
        value: T,
        /// What is damaged.
        what: &'static str,
    },
}

impl<T> PushError<T> {
    /// What was to be pushed.
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
    /// The same error about this value.
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

/// The name of the variant: what was to be pushed is nobody's business.
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

impl<T> fmt::Display for PushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("the queue is full right now"),
            Self::Timeout(_) => f.write_str("the queue was still full when the time was up"),
            Self::Closed(_) => f.write_str(CLOSED),
            Self::Disconnected(_) => f.write_str("the consumer is gone, and no other has taken its place"),
            Self::HandedOver(_) => f.write_str(HANDED_OVER),
            Self::NotAttached(_) => f.write_str(NOT_ATTACHED),
            Self::TooLarge { len, max, .. } => {
                write!(f, "{len} bytes are more than the queue's largest message of {max}: create it larger")
            }
            Self::Encode { .. } => f.write_str("the message could not be encoded"),
            Self::Corrupt { what, .. } => corrupt(f, what),
        }
    }
}

impl<T> core::error::Error for PushError<T> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Encode { source, .. } => Some(&**source),
            _ => None,
        }
    }
}

/// Why nothing was taken out of a queue.
#[derive(Debug)]
#[non_exhaustive]
pub enum PopError {
    /// There is nothing right now; only the `try_` forms say so.
    Empty,
    /// There was nothing until the time was up; only the `_timeout` forms say so.
    Timeout,
    /// The queue is closed, and everything that was in it has been taken out.
    Closed,
    /// The producer is gone, no other has taken its place, and everything it pushed has been taken out.
    Disconnected,
    /// This end belongs to another process by now, or to the one that this one was forked from.
    HandedOver,
    /// This is a forked child that could not register as a participant of the segment.
    NotAttached,
    /// The sender of a [pipe](mod@crate::pipe) went away, or gave up, in the middle of this message. Nothing of it is delivered.
    #[cfg(feature = "process")]
    Truncated,
    /// What a message of a [pipe](mod@crate::pipe) was to be put into is shorter than the message, which can still be received.
    #[cfg(feature = "process")]
    TooShort {
        /// The message's length in bytes.
        len: usize,
    },
    /// A message was taken out, and is not of the type that it should be of.
    Decode {
        /// What the decoder says.
        source: Source,
    },
    /// The bytes in the segment cannot be what a breezeway process left there. Recreate the segment.
    Corrupt {
        /// What is damaged.
        what: &'static str,
    },
}

impl PopError {
    /// Whether it is no use to try again: unlike that one message is not what it should be.
    #[cfg(any(feature = "serde", feature = "async"))]
    pub(crate) fn is_final(&self) -> bool {
        match self {
            Self::Decode { .. } => false,
            #[cfg(feature = "process")]
            Self::Truncated => false,
            _ => true,
        }
    }

    /// Whether it is the end that everything comes to.
    #[cfg(any(feature = "serde", feature = "async"))]
    pub(crate) fn is_end(&self) -> bool {
        matches!(self, Self::Closed | Self::Disconnected)
    }
}

impl fmt::Display for PopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the queue is empty right now"),
            Self::Timeout => f.write_str("the queue was still empty when the time was up"),
            Self::Closed => f.write_str(CLOSED),
            Self::Disconnected => f.write_str("the producer is gone, and no other has taken its place"),
            Self::HandedOver => f.write_str(HANDED_OVER),
            Self::NotAttached => f.write_str(NOT_ATTACHED),
            #[cfg(feature = "process")]
            Self::Truncated => f.write_str("the sender went away in the middle of a message"),
            #[cfg(feature = "process")]
            Self::TooShort { len } => write!(f, "the message is of {len} bytes: receive it into as many"),
            Self::Decode { .. } => f.write_str("the message could not be decoded"),
            Self::Corrupt { what } => corrupt(f, what),
        }
    }
}

impl core::error::Error for PopError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Decode { source } => Some(&**source),
            _ => None,
        }
    }
}

const CLOSED: &str = "the queue is closed";
const HANDED_OVER: &str = "this end of the queue belongs to another process: open one here";
const NOT_ATTACHED: &str =
    "this forked process could not register as a participant of the segment: open the segment anew";

fn corrupt(f: &mut fmt::Formatter<'_>, what: &str) -> fmt::Result {
    write!(f, "the shared memory is corrupt ({what}): recreate the segment")
}

/// Why an operation on a queue has come to nothing, before it is said in terms of a push or a pop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It would have to wait, and was not to.
    WouldBlock,
    /// It has waited long enough.
    Timeout,
    Closed,
    Disconnected,
    HandedOver,
    NotAttached,
    Corrupt(&'static str),
}

impl Stop {
    #[cold]
    pub(crate) fn of_push<T>(self, value: T) -> PushError<T> {
        match self {
            Self::WouldBlock => PushError::Full(value),
            Self::Timeout => PushError::Timeout(value),
            Self::Closed => PushError::Closed(value),
            Self::Disconnected => PushError::Disconnected(value),
            Self::HandedOver => PushError::HandedOver(value),
            Self::NotAttached => PushError::NotAttached(value),
            Self::Corrupt(what) => PushError::Corrupt { value, what },
        }
    }

    #[cold]
    pub(crate) fn of_pop(self) -> PopError {
        match self {
            Self::WouldBlock => PopError::Empty,
            Self::Timeout => PopError::Timeout,
            Self::Closed => PopError::Closed,
            Self::Disconnected => PopError::Disconnected,
            Self::HandedOver => PopError::HandedOver,
            Self::NotAttached => PopError::NotAttached,
            Self::Corrupt(what) => PopError::Corrupt { what },
        }
    }
}
