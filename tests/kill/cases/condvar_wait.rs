//! A `Condvar`'s waiter whose timeout expires.

use std::path::PathBuf;
use std::time::Duration;

use super::condvar::{ItemCounter, Kind, Parent};
use crate::child::Child;
use crate::kill::{self, Death, Scenario};
use crate::kill_counts::KillCounts;
use crate::process::Process;

/// Longer than one recheck interval.
const WAIT_TIMEOUT: Duration = Duration::from_millis(400);

/// A child waits for an item until its timeout expires.
pub(super) struct Waiting {
    pub(super) parent: Parent,
    /// The processes that wait after the child's death: after it in the list, if it has left a
    /// slot.
    takers: Vec<Process>,
    timeout: Duration,
}

impl Waiting {
    pub(super) fn new(name: &str, kind: Kind, timeout: Duration) -> Self {
        Self { parent: Parent::new(name, kind), takers: Vec::new(), timeout }
    }
}

impl Scenario for Waiting {
    type Handle = ItemCounter;

    fn reset(&mut self) {
        self.parent.reset();
    }

    fn open(&self) -> ItemCounter {
        self.parent.open()
    }

    fn operate(&self, counter: &ItemCounter) {
        counter.take(kill::scaled_timeout(self.timeout));
    }

    fn observe(&mut self, child: &Child) {
        self.parent.watch.observe(child);
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        let held = self.parent.watch.was_held_by(death);
        let left = self.parent.slots.waiters();
        assert!(
            left.len() <= usize::from(!death.completed),
            "a completed operation has taken effect: {left:?}"
        );
        // A later waiter gets the notification, even if it goes to the dead waiter's slot first.
        self.takers.push(self.parent.taker());
        let told = self.parent.counter.locked(|| self.parent.counter.add_one());
        assert!(!told, "only the taker may be told");
        self.parent.counter.condvar.notify_one();
        self.parent.notice(death.point);
        self.parent.serve(&mut self.takers, 1, held);
        self.parent.check_empty();
        match (left.is_empty(), held) {
            (true, false) => "left nothing",
            (true, true) => "left the lock",
            (false, false) => "left its slot",
            (false, true) => "left both",
        }
    }

    /// Fewer than by default: each run takes as long as the wait.
    fn sample_size(&self) -> usize {
        40
    }

    fn watched_files(&self, _: u32) -> Vec<PathBuf> {
        self.parent.counter.segment.path().into_iter().collect()
    }
}

fn wait_with(name: &str, kind: Kind) -> KillCounts {
    let mut scenario = Waiting::new(name, kind, WAIT_TIMEOUT);
    kill::at_changes_and_blocked(&mut scenario)
}

/// Kills a waiter: before it waits, blocked, and when its timeout has expired.
pub(crate) fn wait_timeout_expired(name: &str) -> KillCounts {
    wait_with(name, Kind::Plain)
}

pub(crate) fn wait_timeout_expired_reentrant(name: &str) -> KillCounts {
    wait_with(name, Kind::Reentrant)
}
