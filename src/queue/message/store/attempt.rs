//! What an attempt at the messages came to, and what the operation waits on.

use crate::error::Stop;
use crate::raw::event_count::EventCount;
use crate::raw::message_ring::MessageAttempt;
use crate::raw::wait::{AdaptiveSpin, Wait, WakePolicy};
use crate::raw::wait_stats::WaitStats;

/// What an operation waits on, and how far its side has come.
pub(super) struct WaitContext<'a, P> {
    pub(super) event: &'a EventCount,
    pub(super) stats: &'a WaitStats,
    pub(super) spin: &'a AdaptiveSpin,
    pub(super) policy: WakePolicy,
    pub(super) position: P,
    pub(super) wait: Wait<'a>,
}

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
