//! [`PoolError`]: why a pool was not created, or cannot be joined.

use std::io;

use thiserror::Error;

use super::{SegmentError, SpawnError};

/// The error of a pool that was not created, or cannot be joined.
///
/// It has no `PartialEq`, because its sources have none: match the variant.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PoolError {
    /// An option of the pool is out of its range.
    #[error("{option} of a pool: {allowed}")]
    InvalidOption {
        /// Which option.
        option: &'static str,
        /// What it may be.
        allowed: &'static str,
    },
    /// The pool's first workers could not be started.
    #[error("the pool's workers could not be started")]
    Spawn(#[source] SpawnError),
    /// The memory that the workers share could not be created.
    #[error("the pool's shared memory could not be had")]
    Segment(#[source] SegmentError),
    /// The pool still takes tasks, so a wait for it may have no end: close or terminate it first.
    #[error("the pool still takes tasks: close or terminate it before joining it")]
    StillOpen,
    /// This is a forked child, and the pool is its parent's.
    #[error("the pool belongs to the process that this one was forked from")]
    NotOurs,
    /// The operating system refused.
    #[error("could not {operation}")]
    Os {
        /// What was tried.
        operation: &'static str,
        /// The system's answer.
        source: io::Error,
    },
}

impl PoolError {
    /// An [`Os`](Self::Os) error, ready for `map_err`.
    pub(crate) fn os<E: Into<io::Error>>(operation: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::Os { operation, source: source.into() }
    }
}
