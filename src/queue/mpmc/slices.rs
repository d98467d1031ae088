//! Pushing and popping many values at a time.

use std::time::Duration;

use super::Queue;
use crate::error::{PopError, PushError, Stop};
use crate::queue::push_all::push_all;
use crate::raw::event_count::WAKE_ALL;
use crate::raw::wait::{Timeout, Wait};
use crate::shareable::Shareable;

impl<T: Shareable> Queue<T> {
    /// Pushes all values, one after the other, waiting for room as long as it takes. Consumers are
    /// notified once for as many values as fit at a time.
    ///
    /// # Errors
    /// The errors of [`push`](Self::push), with the number of values that were pushed.
    pub fn push_slice(&self, values: &[T]) -> Result<(), PushError<usize>> {
        push_all(values, Wait::Forever, |rest, wait| self.push_batch(rest, wait))
    }

    /// Pushes as many of the values as there is room for, and returns how many.
    ///
    /// # Errors
    /// [`PushError::Full`] if no value fits, and the errors of [`push`](Self::push), with 0.
    pub fn try_push_slice(&self, values: &[T]) -> Result<usize, PushError<usize>> {
        self.push_batch(values, Wait::NonBlocking).map_err(|stop| stop.of_push(0))
    }

    /// Pushes all values, one after the other, waiting for room no longer than `timeout` (on the
    /// monotonic clock) in all.
    ///
    /// # Errors
    /// [`PushError::Timeout`] if not all values are in when the timeout elapses, and the errors of
    /// [`push`](Self::push), with the number of values that were pushed.
    pub fn push_slice_timeout(&self, values: &[T], timeout: Duration) -> Result<(), PushError<usize>> {
        push_all(values, Wait::Until(&Timeout::new(timeout)), |rest, wait| self.push_batch(rest, wait))
    }

    /// Pushes as many of the values as fit, at least one, and returns how many.
    fn push_batch(&self, values: &[T], wait: Wait) -> Result<usize, Stop> {
        let Some((first, others)) = values.split_first() else { return Ok(0) };
        self.push_unnotified(first, wait)?;
        let count = 1 + others
            .iter()
            .take_while(|value| self.push_unnotified(value, Wait::NonBlocking).is_ok())
            .count();
        self.state.items.notify(notify_count(count));
        Ok(count)
    }

    /// Pops values into the slice, as many as there are and as fit, and returns how many. Waits
    /// until there is one.
    ///
    /// # Errors
    /// The errors of [`pop`](Self::pop).
    pub fn pop_slice(&self, values: &mut [T]) -> Result<usize, PopError> {
        self.pop_batch(values, Wait::Forever)
    }

    /// Pops values into the slice, as many as there are and as fit, without waiting, and returns
    /// how many.
    ///
    /// # Errors
    /// [`PopError::Empty`] if there is no value, and the errors of [`pop`](Self::pop).
    pub fn try_pop_slice(&self, values: &mut [T]) -> Result<usize, PopError> {
        self.pop_batch(values, Wait::NonBlocking)
    }

    /// Pops values into the slice, as many as there are and as fit, and returns how many. Waits for
    /// the first no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// [`PopError::Timeout`] if there is no value until the timeout elapses, and the errors of
    /// [`pop`](Self::pop).
    pub fn pop_slice_timeout(&self, values: &mut [T], timeout: Duration) -> Result<usize, PopError> {
        self.pop_batch(values, Wait::Until(&Timeout::new(timeout)))
    }

    fn pop_batch(&self, values: &mut [T], wait: Wait) -> Result<usize, PopError> {
        let Some((first, others)) = values.split_first_mut() else { return Ok(0) };
        *first = self.pop_within(wait)?;
        let mut count = 1;
        let mut freed = 0;
        for value in others {
            let Ok(taken) = self.pop_unnotified(Wait::NonBlocking) else { break };
            freed += 1;
            // A slot that is not a value was popped, and ends the batch.
            let Some(taken) = taken else { break };
            *value = taken;
            count += 1;
        }
        self.state.space.notify(notify_count(freed));
        Ok(count)
    }
}

/// The number of waiters to wake for this many values.
fn notify_count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(WAKE_ALL)
}
