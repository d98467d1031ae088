//! How long an operation of several steps may wait.

use crate::raw::wait::Wait;
use crate::sys::clock::Deadline;

/// How long the next step of an operation may wait.
#[derive(Clone, Copy, Debug)]
pub(super) enum WaitBudget<'a> {
    /// Each step may wait as the whole operation may.
    PerStep(Wait<'a>),
    /// All steps together may wait until this deadline.
    Until(Deadline),
}

impl<'a> WaitBudget<'a> {
    #[inline]
    pub(super) fn new(wait: Wait<'a>) -> Self {
        match wait {
            Wait::Timeout(duration) => Self::Until(Deadline::after(duration)),
            Wait::NonBlocking | Wait::Forever | Wait::Task(_) => Self::PerStep(wait),
        }
    }

    /// How long the next step may wait.
    #[inline]
    pub(super) fn remaining(self) -> Wait<'a> {
        match self {
            Self::PerStep(wait) => wait,
            Self::Until(deadline) => Wait::Timeout(deadline.remaining()),
        }
    }

    pub(super) fn is_exhausted(self) -> bool {
        matches!(self, Self::Until(deadline) if deadline.has_passed())
    }

    /// Whether a task that has moved this many bytes leaves the rest to its next poll, for which it
    /// is woken at once: a peer that never pauses must not keep other tasks of the thread waiting.
    pub(super) fn should_yield(self, moved: usize, capacity: usize) -> bool {
        match self {
            Self::PerStep(Wait::Task(waiter)) if moved > capacity => {
                waiter.wake_now();
                true
            }
            _ => false,
        }
    }

    /// Whether no step may wait.
    pub(super) fn is_non_blocking(self) -> bool {
        matches!(self, Self::PerStep(Wait::NonBlocking))
    }
}
