//! [`DoneError`]: why a job was not called done.

use thiserror::Error;

use super::NotAttached;
use super::fault::Corrupt;

/// The error of a job that was not called done, or of a wait for all of a queue's jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DoneError {
    /// The job was called done already, went back to the queue, or belongs to the process that this one was forked from: call
    /// each job done once, in the process that got it.
    #[error("the job was done already, or was given back: each is done once, by the process that got it")]
    NotHeld,
    /// The queue still had unfinished jobs when the timeout elapsed. Only `_timeout` forms return this.
    #[error("some jobs were still unfinished when the time was up")]
    Timeout,
    /// This forked child could not register as a participant of the segment, because the segment has no place left or the
    /// child may not open its file: open the segment anew.
    #[error("{}", NotAttached)]
    NotAttached,
    /// The bytes in the segment cannot be what a breezeway process left there: recreate the segment.
    #[error("{}", Corrupt(.what))]
    Corrupt {
        /// What is damaged.
        what: &'static str,
    },
}
