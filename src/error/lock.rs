//! [`LockError`]: why a lock was not taken.

use core::fmt;

/// Why a lock, or an operation that takes one, did not happen. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LockError {
    /// Somebody holds the lock; only the `try_` forms say so.
    WouldBlock,
    /// Somebody held the lock until the time was up; only the `_timeout` forms say so.
    Timeout,
    /// This thread holds the lock already and would wait for itself for ever.
    Deadlock,
    /// This is a forked child that could not register as a participant of the segment: its places are all taken, or the child
    /// may not open the segment's file.
    NotAttached,
    /// The barrier is broken: a party died, ran out of time or panicked, or somebody aborted it. Reset it.
    Broken,
    /// More permits than a semaphore may have, or more who wait at once than there is room for.
    TooMany {
        /// As many as there may be.
        limit: usize,
    },
    /// This process holds none of the permits that it would release.
    NotHeld,
    /// The index, or the end of the range, is outside of the array.
    OutOfBounds {
        /// The index asked for.
        index: usize,
        /// How many elements there are.
        len: usize,
    },
    /// The slice has another length than the range of the array it goes with.
    LengthMismatch {
        /// Elements in the range.
        range: usize,
        /// Elements in the slice.
        slice: usize,
    },
    /// The bytes in the segment cannot be what a breezeway process left there. Recreate the segment.
    Corrupt {
        /// What is damaged.
        what: &'static str,
    },
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WouldBlock => f.write_str("the lock is held by someone else right now"),
            Self::Timeout => f.write_str("the lock was still held when the time was up"),
            Self::Deadlock => f.write_str("this thread already holds the lock: drop its guard first"),
            Self::NotAttached => {
                f.write_str("this forked process could not register as a participant of the segment: open the segment anew")
            }
            Self::Broken => f.write_str("the barrier is broken: reset it, once everybody knows"),
            Self::TooMany { limit } => write!(f, "there may be no more than {limit}"),
            Self::NotHeld => f.write_str("this process holds no permit that it could release"),
            Self::OutOfBounds { index, len } => write!(f, "index {index} is outside of the array of {len} elements"),
            Self::LengthMismatch { range, slice } => {
                write!(f, "the range has {range} elements and the slice {slice}: they must be equal")
            }
            Self::Corrupt { what } => write!(f, "the shared memory is corrupt ({what}): recreate the segment"),
        }
    }
}

impl core::error::Error for LockError {}
