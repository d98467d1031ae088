//! [`BarrierError`]: why a barrier was not passed.

use thiserror::Error;

use super::NotAttached;
use super::fault::{Corrupt, from_not_attached};

/// The error of a party that did not pass a [`Barrier`](crate::sync::Barrier).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BarrierError {
    /// The barrier is broken: a party died, timed out or panicked, or the barrier was aborted or reset while this party
    /// waited. Every party gets this until [`reset`](crate::sync::Barrier::reset).
    #[error("the barrier is broken: reset it, once every party knows")]
    Broken,
    /// Another party is still missing. Only [`try_wait`](crate::sync::Barrier::try_wait) returns this: the caller has not
    /// arrived, and the barrier is not broken by it.
    #[error("other parties are still missing at the barrier: try again, or wait for them")]
    WouldBlock,
    /// Another party was still missing when the timeout elapsed. Only `_timeout` forms return this. If the caller had
    /// arrived, the barrier is broken by it, for all parties.
    #[error("other parties were still missing at the barrier when the time was up")]
    Timeout,
    /// This forked child could not register as a participant of the segment, or was forked inside the action that the
    /// leader runs, and so is no party: open the segment anew.
    #[error("{}", NotAttached)]
    NotAttached,
    /// The bytes in the segment cannot be what a breezeway process left there: recreate the segment.
    #[error("{}", Corrupt(.what))]
    Corrupt {
        /// What is damaged.
        what: &'static str,
    },
}

from_not_attached!(BarrierError);
