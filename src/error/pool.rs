//! [`PoolError`]: why there is no pool, or why it cannot be waited for.

use core::fmt;
use std::io;

use super::{SegmentError, SpawnError};

/// Why there is no pool, or why it cannot be waited for.
#[derive(Debug)]
#[non_exhaustive]
pub enum PoolError {
    /// A pool cannot be made like that.
    InvalidOption {
        /// Which of its options.
        option: &'static str,
        /// What may be.
        allowed: &'static str,
    },
    /// Its first workers could not be started.
    Spawn(SpawnError),
    /// The memory that workers share could not be had.
    Segment(SegmentError),
    /// It still takes tasks, so there may be no end to wait for: close it before.
    StillOpen,
    /// This is a forked child, and the pool its parent's.
    NotOurs,
    /// The operating system refused.
    Os {
        /// What was tried.
        operation: &'static str,
        /// Its answer.
        source: io::Error,
    },
}

impl PoolError {
    /// An [`Os`](Self::Os) error, ready for `map_err`.
    pub(crate) fn os<E: Into<io::Error>>(operation: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::Os { operation, source: source.into() }
    }
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidOption { option, allowed } => write!(f, "{option} of a pool: {allowed}"),
            Self::Spawn(_) => f.write_str("the pool's workers could not be started"),
            Self::Segment(_) => f.write_str("the pool's shared memory could not be had"),
            Self::StillOpen => {
                f.write_str("the pool still takes tasks: close or terminate it before joining it")
            }
            Self::NotOurs => f.write_str("the pool belongs to the process that this one was forked from"),
            Self::Os { operation, .. } => write!(f, "could not {operation}"),
        }
    }
}

impl core::error::Error for PoolError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Spawn(source) => Some(source),
            Self::Segment(source) => Some(source),
            Self::Os { source, .. } => Some(source),
            _ => None,
        }
    }
}
