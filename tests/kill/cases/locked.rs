//! What every object with a lock promises: the next locker gets it at once, and knows if the last holder died holding it.

use std::time::Duration;

use breezeway::Segment;

use crate::child::Child;
use crate::drive::Death;
use crate::window::{Holder, LockView};

/// Longer than any survivor may wait: running out of it is a failure.
pub(crate) const SOON: Duration = Duration::from_secs(5);

/// The lock of an object, watched.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) lock: LockView,
    /// Whose the lock was when the child was seen last: right before its death.
    before: Holder,
}

impl Watched {
    /// The lock of the only object of a segment.
    pub(crate) fn of(segment: &Segment) -> Self {
        Self { lock: LockView::of(segment), before: Holder::Nobody }
    }

    pub(crate) fn observe(&mut self, _child: &Child) {
        self.before = self.lock.holder();
    }

    /// Whether the dead child held the lock: then the next holder must be told, and else not.
    pub(crate) fn was_held_by(&self, death: &Death) -> bool {
        let held = self.before == Holder::Thread(death.pid);
        assert!(!(held && death.completed), "an operation that has returned holds no lock");
        assert!(held || !matches!(self.before, Holder::Thread(_)), "nobody else held it: {:?}", self.before);
        held
    }

    /// As [`was_held_by`](Self::was_held_by), where the lock's holder before the child had died holding it too.
    pub(crate) fn was_left_behind(&self, death: &Death) -> bool {
        self.was_held_by(death) || self.before == Holder::Dead
    }
}
