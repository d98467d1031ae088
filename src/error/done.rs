//! [`DoneError`]: why a lease was not acknowledged, or a queue not joined.

use thiserror::Error;

use super::NotAttached;
use super::fault::Corrupt;

/// The error of an acknowledgement of a lease or a job, or of a wait for all of a queue's jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DoneError {
    /// The lease is not this process's: the job was acknowledged already, was given back to the
    /// queue, or is leased to the process that this one was forked from. What was done for it may be
    /// done again. Acknowledge each lease once, in the process that took it.
    #[error("the job was acknowledged already, or given back: its process acknowledges each job once")]
    NotHeld,
    /// A job was still unfinished when the timeout elapsed. Only `_timeout` forms return this.
    #[error("some jobs were still unfinished when the time was up")]
    Timeout,
    /// This forked child could not register as a participant of the segment: the segment has no
    /// place left, or the child may not open its file. Open the segment anew.
    #[error("{}", NotAttached)]
    NotAttached,
    /// The bytes in the segment cannot be what a breezeway process left there. Recreate the
    /// segment.
    #[error("{}", Corrupt(.what))]
    Corrupt {
        /// What is damaged.
        what: &'static str,
    },
}
