//! How long an operation of several steps may wait.

use crate::raw::patience::Patience;
use crate::sys::clock::Deadline;

/// What is left of a patience.
#[derive(Clone, Copy, Debug)]
pub(super) enum Clock<'a> {
    /// Each step may wait as the whole may.
    Stopped(Patience<'a>),
    Until(Deadline),
}

impl<'a> Clock<'a> {
    #[inline]
    pub(super) fn start(patience: Patience<'a>) -> Self {
        match patience {
            Patience::For(duration) => Self::Until(Deadline::after(duration)),
            Patience::None | Patience::Forever | Patience::Later(_) => Self::Stopped(patience),
        }
    }

    /// How long the next step may wait.
    #[inline]
    pub(super) fn left(self) -> Patience<'a> {
        match self {
            Self::Stopped(patience) => patience,
            Self::Until(deadline) => Patience::For(deadline.remaining()),
        }
    }

    pub(super) fn is_over(self) -> bool {
        matches!(self, Self::Until(deadline) if deadline.has_passed())
    }

    /// Whether a task that has moved so many bytes leaves the rest to its next call, which comes at once: a peer that goes on and on
    /// must not keep it from others of its thread.
    pub(super) fn makes_way(self, moved: usize, capacity: usize) -> bool {
        match self {
            Self::Stopped(Patience::Later(turn)) if moved > capacity => {
                turn.call_again();
                true
            }
            _ => false,
        }
    }

    /// Whether there is no waiting at all.
    pub(super) fn is_impatient(self) -> bool {
        matches!(self, Self::Stopped(Patience::None))
    }
}
