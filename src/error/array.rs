//! [`ArrayError`] and [`BoundsError`]: why elements of an array were not read or written.

use thiserror::Error;

use super::LockError;

/// The error of an operation on an [`Array`](crate::Array) that takes an index or a range, and the lock. No element was
/// changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ArrayError {
    /// The index, range or slice does not fit the array. The lock was not taken.
    #[error(transparent)]
    Bounds(#[from] BoundsError),
    /// The array's lock was not taken, or the elements under it are damaged.
    #[error(transparent)]
    Lock(#[from] LockError),
}

/// The error of an index, a range or a slice that does not fit the array. No element was read or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BoundsError {
    /// The index, or the end of the range, lies outside the array: stay below `len`.
    #[error("index {index} is outside of the array of {len} elements")]
    OutOfBounds {
        /// The index asked for.
        index: usize,
        /// How many elements the array has.
        len: usize,
    },
    /// The slice is longer or shorter than the range that it is copied to or from: make the lengths equal.
    #[error("the range has {range} elements and the slice {slice}: they must be equal")]
    LengthMismatch {
        /// Elements in the range.
        range: usize,
        /// Elements in the slice.
        slice: usize,
    },
}
