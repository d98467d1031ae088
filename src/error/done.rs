//! [`DoneError`]: why a job was not called done.

use core::fmt;

use super::Stop;

/// Why a job, or all of a queue's jobs, could not be called done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DoneError {
    /// The job is not this process's to be done: it was done already, or was given back.
    NotHeld,
    /// There were unfinished jobs until the time was up; only the `_timeout` forms say so.
    Timeout,
    /// This is a forked child that could not register as a participant of the segment.
    NotAttached,
    /// The bytes in the segment cannot be what a breezeway process left there. Recreate the segment.
    Corrupt {
        /// What is damaged.
        what: &'static str,
    },
}

impl fmt::Display for DoneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHeld => f.write_str("the job was done already, or was given back: each is done once, by who got it"),
            Self::Timeout => f.write_str("some jobs were still unfinished when the time was up"),
            Self::NotAttached => {
                f.write_str("this forked process could not register as a participant of the segment: open the segment anew")
            }
            Self::Corrupt { what } => write!(f, "the shared memory is corrupt ({what}): recreate the segment"),
        }
    }
}

impl core::error::Error for DoneError {}

impl Stop {
    #[cold]
    #[cfg_attr(not(feature = "serde"), allow(dead_code))]
    pub(crate) fn of_done(self) -> DoneError {
        match self {
            Self::Timeout => DoneError::Timeout,
            Self::NotAttached => DoneError::NotAttached,
            Self::Corrupt(what) => DoneError::Corrupt { what },
            // None of these stops it.
            Self::WouldBlock | Self::Closed | Self::Disconnected | Self::HandedOver => DoneError::NotHeld,
        }
    }
}
