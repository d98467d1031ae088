//! What every object with a lock promises: the next locker gets the lock, and is told if the last
//! holder died with it.

use std::time::Duration;

use breezeway::Segment;

use crate::child::Child;
use crate::kill::Death;
use crate::observe::{LockHolder, LockView};

/// Longer than any survivor may wait: a survivor's timeout is a failure.
pub(crate) const SURVIVOR_TIMEOUT: Duration = Duration::from_secs(5);

/// An object's lock, observed from outside.
#[derive(Debug)]
pub(crate) struct LockWatch {
    pub(crate) lock: LockView,
    /// The holder when the child was last observed: right before its death.
    before: LockHolder,
}

impl LockWatch {
    /// Of the only object of a segment.
    pub(crate) fn of(segment: &Segment) -> Self {
        Self { lock: LockView::of(segment), before: LockHolder::Nobody }
    }

    pub(crate) fn observe(&mut self, _child: &Child) {
        self.before = self.lock.holder();
    }

    /// Whether a process other than the child held the lock when the child was last observed.
    pub(crate) fn is_held_by_another(&self, child: &Child) -> bool {
        matches!(self.before, LockHolder::Thread(thread) if thread != child.pid())
    }

    /// Whether the dead child held the lock: if so, the next holder must be told, and otherwise
    /// not.
    pub(crate) fn was_held_by(&self, death: &Death) -> bool {
        let held = self.before == LockHolder::Thread(death.pid);
        assert!(!(held && death.completed), "an operation that has returned holds no lock");
        assert!(
            held || !matches!(self.before, LockHolder::Thread(_)),
            "no other process held it: {:?}",
            self.before
        );
        held
    }

    /// Whether a dead process holds the lock: the child, or the holder before it, which had died
    /// too.
    pub(crate) fn was_left_behind(&self, death: &Death) -> bool {
        self.was_held_by(death) || self.before == LockHolder::Dead
    }
}
