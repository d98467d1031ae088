//! Opening and dropping a segment: no dead participant counts as alive, and its place can be had
//! again.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use breezeway::{Segment, SegmentError, Value};

use super::lock_watch::SURVIVOR_TIMEOUT;
use crate::child::Child;
use crate::kill::{self, Death, Scenario};
use crate::kill_counts::KillCounts;
use crate::process;

const LENGTH: u64 = 1 << 16;

/// A segment that a stopped process keeps, with places for this many participants. The parent has it
/// open only while it checks: a child would inherit its handle, and not open the segment anew.
struct ParticipantTable {
    name: String,
    keeper: Option<Child>,
    places: u32,
}

impl ParticipantTable {
    fn new(name: &str, places: u32) -> Self {
        let create = || Segment::builder().participants(places).create(name, LENGTH).unwrap();
        let keeper = Child::fork(create, |_| {});
        Self { name: name.to_owned(), keeper: Some(keeper), places }
    }

    /// How many dead participants the segment still has. Only the keeper and this process count as
    /// alive.
    fn dead_participants(&self, segment: &Segment) -> u32 {
        let living = [self.keeper.as_ref().map_or(0, Child::pid), std::process::id()];
        let all = segment.participants().unwrap();
        let others: Vec<_> = all.into_iter().filter(|other| !living.contains(&other.pid)).collect();
        assert!(
            others.iter().all(|other| !other.alive),
            "dead participants do not count as alive: {others:?}"
        );
        others.len() as u32
    }

    /// Opens the segment in a process of its own, which goes on.
    fn open_in_child(&self) -> Child {
        Child::fork(|| Segment::open(&self.name).expect("a place"), |_| {})
    }

    fn check(&self, death: &Death) -> &'static str {
        let segment = Segment::open(&self.name).expect("a place");
        let dead_participants = self.dead_participants(&segment);
        // New participants take the places of dead ones, reaped or not.
        if death.point.is_multiple_of(2) {
            assert_eq!(segment.reap().unwrap(), dead_participants, "the dead are reaped");
            assert_eq!(self.dead_participants(&segment), 0);
        }
        let others: Vec<_> = (2..self.places).map(|_| self.open_in_child()).collect();
        let one_more = process::fork(|| {
            i32::from(!matches!(Segment::open(&self.name), Err(SegmentError::TooManyParticipants { .. })))
        });
        assert_eq!(one_more.exit_code(), Some(0), "all places are taken");
        assert!(segment.participants().unwrap().iter().all(|participant| participant.alive));
        let opened = others.len() as u32;
        others.into_iter().for_each(Child::kill);
        assert_eq!(segment.reap().unwrap(), opened);
        if dead_participants == 0 { "left nothing" } else { "left its place to be reaped" }
    }

    fn path(&self) -> PathBuf {
        Path::new("/dev/shm").join(&self.name)
    }
}

impl Drop for ParticipantTable {
    fn drop(&mut self) {
        if let Some(keeper) = self.keeper.take() {
            keeper.kill();
        }
        let _ = Segment::remove(&self.name);
    }
}

/// A child opens the segment.
struct Open {
    table: ParticipantTable,
    /// Whether every place but those of the keeper and the parent belongs to a dead process.
    after_the_dead: bool,
}

impl Scenario for Open {
    type Handle = ();

    fn reset(&mut self) {
        if self.after_the_dead {
            let dead = [self.table.open_in_child(), self.table.open_in_child()];
            dead.into_iter().for_each(Child::kill);
        }
    }

    fn open(&self) {}

    fn operate(&self, (): &()) {
        core::mem::forget(Segment::open(&self.table.name).unwrap());
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        let outcome = self.table.check(death);
        assert!(!death.completed || outcome != "left nothing", "it had attached");
        outcome
    }

    fn watched_files(&self, _: u32) -> Vec<PathBuf> {
        vec![self.table.path()]
    }
}

pub(crate) fn open(name: &str) -> KillCounts {
    kill::at_changes(&mut Open { table: ParticipantTable::new(name, 3), after_the_dead: false })
}

pub(crate) fn open_after_death(name: &str) -> KillCounts {
    kill::at_changes(&mut Open { table: ParticipantTable::new(name, 3), after_the_dead: true })
}

/// A child drops its handle.
struct DropHandle {
    table: ParticipantTable,
}

impl Scenario for DropHandle {
    type Handle = RefCell<Option<Segment>>;

    fn open(&self) -> Self::Handle {
        RefCell::new(Some(Segment::open(&self.table.name).unwrap()))
    }

    fn operate(&self, segment: &Self::Handle) {
        drop(segment.take());
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        let outcome = self.table.check(death);
        assert!(!death.completed || outcome == "left nothing", "it had detached");
        outcome
    }

    fn watched_files(&self, _: u32) -> Vec<PathBuf> {
        vec![self.table.path()]
    }
}

pub(crate) fn drop_handle(name: &str) -> KillCounts {
    kill::at_changes(&mut DropHandle { table: ParticipantTable::new(name, 3) })
}

/// A child reaps after a death.
struct Reap {
    table: ParticipantTable,
}

impl Scenario for Reap {
    type Handle = Segment;

    fn reset(&mut self) {
        self.table.open_in_child().kill();
    }

    fn open(&self) -> Segment {
        Segment::open(&self.table.name).unwrap()
    }

    fn operate(&self, segment: &Segment) {
        assert_eq!(segment.reap().unwrap(), 1);
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        let segment = Segment::open(&self.table.name).expect("a place");
        let dead_participants = self.table.dead_participants(&segment);
        drop(segment);
        self.table.check(death);
        match dead_participants {
            2 => "two to reap",
            1 => "one to reap",
            other => panic!("{other} to reap, after two deaths"),
        }
    }

    fn watched_files(&self, _: u32) -> Vec<PathBuf> {
        vec![self.table.path()]
    }
}

pub(crate) fn reap_after_death(name: &str) -> KillCounts {
    kill::at_changes(&mut Reap { table: ParticipantTable::new(name, 4) })
}

/// A child opens, as the first, a persistent segment whose last user died while it held a lock in
/// it.
struct OpenPersistent {
    name: String,
}

impl Scenario for OpenPersistent {
    type Handle = ();

    fn reset(&mut self) {
        match Segment::remove(&self.name) {
            Ok(()) | Err(SegmentError::NotFound { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        let make = || {
            let segment = Segment::builder().persist(true).create(&self.name, LENGTH).unwrap();
            let value: &'static _ = Box::leak(Box::new(segment.add::<Value<u64>>("value", 7).unwrap()));
            core::mem::forget(value.lock().unwrap());
        };
        Child::fork(make, |()| {}).kill();
    }

    fn open(&self) {}

    fn operate(&self, (): &()) {
        core::mem::forget(Segment::open(&self.name).unwrap());
    }

    fn check_survivors(&mut self, _: &Death) -> &'static str {
        let segment = Segment::open(&self.name).unwrap();
        let value = segment.get::<Value<u64>>("value").unwrap();
        assert_eq!(value.get(), 7);
        let guard = value.lock_timeout(SURVIVOR_TIMEOUT).expect("the lock is available");
        assert!(guard.recovered(), "its holder died, and no process has been told");
        drop(guard);
        assert!(!value.lock_timeout(SURVIVOR_TIMEOUT).unwrap().recovered());
        assert!(segment.participants().unwrap().iter().filter(|other| other.alive).count() == 1);
        Segment::remove(&self.name).unwrap();
        "released"
    }

    fn watched_files(&self, _: u32) -> Vec<PathBuf> {
        vec![Path::new("/dev/shm").join(&self.name)]
    }
}

pub(crate) fn open_persistent_after_death(name: &str) -> KillCounts {
    kill::at_changes(&mut OpenPersistent { name: name.to_owned() })
}
