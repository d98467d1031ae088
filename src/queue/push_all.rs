//! Pushing all values of a slice, batch by batch, within one timeout.

use std::time::{Duration, Instant};

use crate::error::{PushError, Stop};
use crate::raw::wait::Wait;

/// Pushes all values by calls of `push_batch`, which pushes at least one value and returns how
/// many.
///
/// All batches together wait no longer than `timeout`, and without limit if there is none. An error
/// returns the number of values that were pushed.
#[inline]
pub(super) fn push_all<T>(
    values: &[T],
    timeout: Option<Duration>,
    mut push_batch: impl FnMut(&[T], Wait) -> Result<usize, Stop>,
) -> Result<(), PushError<usize>> {
    let limit = timeout.map(|timeout| (Instant::now(), timeout));
    let mut pushed = 0;
    while pushed < values.len() {
        let wait = match limit {
            Some((start, timeout)) => Wait::Timeout(timeout.saturating_sub(start.elapsed())),
            None => Wait::Forever,
        };
        match push_batch(&values[pushed..], wait) {
            Ok(count) => pushed += count,
            Err(stop) => return Err(stop.of_push(pushed)),
        }
    }
    Ok(())
}
