//! [`Stop`]: why an attempt on a queue failed, before it is one of the public errors.

use super::fault::from_not_attached;
use super::{DoneError, PopError, PushError};

/// Why an operation on a queue failed. The public errors of pushes, pops and jobs are made from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The operation would have to wait, and may not.
    WouldBlock,
    /// The timeout elapsed, or a task's attempt is not ready yet.
    Timeout,
    Closed,
    Disconnected,
    HandedOver,
    NotAttached,
    Corrupt(&'static str),
}

from_not_attached!(Stop);

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

    #[cold]
    #[cfg_attr(not(feature = "serde"), allow(dead_code))]
    pub(crate) fn of_done(self) -> DoneError {
        match self {
            Self::Timeout => DoneError::Timeout,
            Self::NotAttached => DoneError::NotAttached,
            Self::Corrupt(what) => DoneError::Corrupt { what },
            // An acknowledgement meets none of these.
            Self::WouldBlock | Self::Closed | Self::Disconnected | Self::HandedOver => DoneError::NotHeld,
        }
    }
}
