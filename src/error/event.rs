//! [`EventError`]: why a wait for an event ended before the event was set.

use thiserror::Error;

use super::NotAttached;
use super::fault::from_not_attached;

/// The error of a wait for an [`Event`](crate::sync::Event) that ended before the event was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EventError {
    /// The event is not set. Only [`try_wait`](crate::sync::Event::try_wait) returns this.
    #[error("the event is not set right now")]
    WouldBlock,
    /// The event was not set until the timeout elapsed. Only [`wait_timeout`](crate::sync::Event::wait_timeout) returns this.
    #[error("the event was still not set when the time was up")]
    Timeout,
    /// This forked child could not register as a participant of the segment, because the segment has no place left or the
    /// child may not open its file: open the segment anew.
    #[error("{}", NotAttached)]
    NotAttached,
}

from_not_attached!(EventError);
