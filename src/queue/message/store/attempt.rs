//! What an attempt at the messages came to.

use crate::error::Stop;
use crate::raw::message_ring::MessageAttempt;

/// Why an attempt came to nothing.
pub(super) enum MessageStop {
    NotYet(MessageAttempt),
    /// For good.
    Stopped(Stop),
}

impl From<Stop> for MessageStop {
    fn from(stop: Stop) -> Self {
        Self::Stopped(stop)
    }
}

impl From<MessageAttempt> for MessageStop {
    fn from(attempt: MessageAttempt) -> Self {
        match attempt {
            MessageAttempt::Corrupt => Self::Stopped(Stop::Corrupt("the messages of a queue")),
            attempt => Self::NotYet(attempt),
        }
    }
}
