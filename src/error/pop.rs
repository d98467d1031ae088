//! [`PopError`]: why no value was popped from a queue.

use thiserror::Error;

use super::fault::Corrupt;
use super::{CodecError, NotAttached};

/// The error of a pop or a lease that returned no value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PopError {
    /// The queue is empty. Only `try_` forms return this. Try again, or use a form that waits.
    #[error("the queue is empty right now")]
    Empty,
    /// The queue was empty until the timeout elapsed. Only `_timeout` forms return this.
    #[error("the queue was still empty when the time was up")]
    Timeout,
    /// The queue is closed, and every value has been popped. Iterators end here.
    #[error("{}", CLOSED)]
    Closed,
    /// The producer is gone, no successor has opened its endpoint, and every value that it pushed
    /// has been popped. Iterators end here.
    #[error("the producer is gone, and no other has taken its place")]
    Disconnected,
    /// This consumer was sent to another process, or belongs to the process that this one was
    /// forked from. Open one here.
    #[error("{}", HANDED_OVER)]
    HandedOver,
    /// This forked child could not register as a participant of the segment: the segment has no
    /// place left, or the child may not open its file. Open the segment anew.
    #[error("{}", NotAttached)]
    NotAttached,
    /// The sender of a [pipe](mod@crate::pipe) died or timed out in the middle of this message, no
    /// part of which is delivered. The next message can be received.
    #[cfg(feature = "process")]
    #[error("the sender went away in the middle of a message")]
    Truncated,
    /// The buffer is shorter than the message of a [pipe](mod@crate::pipe), which is still there.
    /// Receive it with a buffer of `len` bytes.
    #[cfg(feature = "process")]
    #[error("the message is of {len} bytes: receive it into as many")]
    TooShort {
        /// The message's length in bytes.
        len: usize,
    },
    /// The message that was popped is not a value of the queue's type. The next one can be popped.
    #[error("the message could not be decoded")]
    Decode {
        /// The decoder's error.
        source: CodecError,
    },
    /// The bytes in the segment cannot be what a breezeway process left there. Recreate the
    /// segment.
    #[error("{}", Corrupt(.what))]
    Corrupt {
        /// What is damaged.
        what: &'static str,
    },
}

impl PopError {
    /// Whether later pops fail as well; `false` if the error concerns one message only.
    pub(crate) fn is_final(&self) -> bool {
        match self {
            Self::Decode { .. } => false,
            #[cfg(feature = "process")]
            Self::Truncated => false,
            _ => true,
        }
    }

    /// Whether this is the regular end of an iterator or a stream.
    pub(crate) fn is_end(&self) -> bool {
        matches!(self, Self::Closed | Self::Disconnected)
    }

    /// The item that an iterator or a stream makes of a pop's result; sets `is_over` after the
    /// last.
    ///
    /// The regular end makes no item, and any other final error makes the last one.
    pub(crate) fn next_item<T>(popped: Result<T, Self>, is_over: &mut bool) -> Option<Result<T, Self>> {
        match popped {
            Err(error) if error.is_final() => {
                *is_over = true;
                (!error.is_end()).then_some(Err(error))
            }
            item => Some(item),
        }
    }
}

pub(super) const CLOSED: &str = "the queue is closed";
pub(super) const HANDED_OVER: &str = "this end of the queue belongs to another process: open one here";
