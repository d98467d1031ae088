//! A forked child uses the handle that it has from its parent: its death takes nothing from the
//! parent.

use std::path::PathBuf;

use breezeway::{Segment, Value};

use super::lock_watch::{LockWatch, SURVIVOR_TIMEOUT};
use crate::child::Child;
use crate::kill::{self, Death, Scenario};
use crate::kill_counts::KillCounts;

const OLD: u64 = 1;
const NEW: u64 = 2;

/// A child changes a value through its parent's handle, for which it first registers a participant
/// of its own.
struct ForkedChild {
    name: String,
    value: Value<u64>,
    watch: LockWatch,
}

impl Scenario for ForkedChild {
    type Handle = ();

    fn reset(&mut self) {
        self.value.set(OLD).unwrap();
    }

    fn open(&self) {}

    fn operate(&self, (): &()) {
        self.value.set(NEW).unwrap();
    }

    fn observe(&mut self, child: &Child) {
        self.watch.observe(child);
        assert!([OLD, NEW].contains(&self.value.get()));
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        let found = self.value.get();
        assert!(found == NEW || (found == OLD && !death.completed), "old, or new: {found}");
        let guard = self.value.lock_timeout(SURVIVOR_TIMEOUT).expect("the lock is available");
        assert_eq!(guard.recovered(), self.watch.was_held_by(death), "whether the holder died");
        drop(guard);

        // A third process sees that the parent lives and the child does not.
        let third = Segment::open(&self.name).expect("the parent keeps the segment alive");
        let parent = self.value.segment().participant_id().unwrap();
        for participant in third.participants().unwrap() {
            let lives = participant.id == parent || participant.id == third.participant_id().unwrap();
            assert_eq!(participant.alive, lives, "{participant:?}");
            assert!(lives || participant.pid == death.pid, "{participant:?}");
        }
        let dead = third.reap().unwrap();
        assert!(dead <= 1 && (dead == 1 || !death.completed));
        if found == NEW { "new" } else { "old" }
    }

    fn watched_files(&self, _: u32) -> Vec<PathBuf> {
        self.value.segment().path().into_iter().collect()
    }
}

pub(crate) fn set_in_forked_child(name: &str) -> KillCounts {
    let value = Value::create(name, OLD).unwrap();
    let watch = LockWatch::of(value.segment());
    kill::at_changes(&mut ForkedChild { name: name.to_owned(), value, watch })
}
