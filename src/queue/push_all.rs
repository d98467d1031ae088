//! Pushing all values of a slice, batch by batch, within one timeout.

use crate::error::{PushError, Stop};
use crate::raw::wait::Wait;

/// Pushes all values by calls of `push_batch`, which pushes at least one value and returns how
/// many.
///
/// All batches together wait no longer than `wait` allows. An error returns the number of values
/// that were pushed.
#[inline]
pub(super) fn push_all<T>(
    values: &[T],
    wait: Wait<'_>,
    mut push_batch: impl FnMut(&[T], Wait) -> Result<usize, Stop>,
) -> Result<(), PushError<usize>> {
    let mut pushed = 0;
    while pushed < values.len() {
        match push_batch(&values[pushed..], wait) {
            Ok(count) => pushed += count,
            Err(stop) => return Err(stop.of_push(pushed)),
        }
    }
    Ok(())
}
