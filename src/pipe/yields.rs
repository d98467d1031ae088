//! When a task leaves the rest of a long message to its next poll.

use crate::raw::wait::Wait;

/// Whether a task that has moved this many bytes leaves the rest to its next poll, for which it is
/// woken at once: a peer that never pauses must not keep other tasks of the thread waiting.
pub(super) fn should_yield(wait: Wait, moved: usize, capacity: usize) -> bool {
    match wait {
        Wait::Task(waiter) if moved > capacity => {
            waiter.wake_now();
            true
        }
        _ => false,
    }
}
