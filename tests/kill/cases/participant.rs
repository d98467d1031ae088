//! Attaching and detaching: the dead leave no living ghost, and their places can be had again.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use breezeway::{Segment, SegmentError, Value};

use super::locked::SOON;
use crate::child::Child;
use crate::drive::{self, Death, Subject};
use crate::tally::Tally;

const LENGTH: u64 = 1 << 16;

/// The parent has the segment, and there are this many places.
struct Place {
    name: String,
    segment: Segment,
    places: u32,
}

impl Place {
    fn new(name: &str, places: u32) -> Self {
        let segment = Segment::options().participants(places).create(name, LENGTH).unwrap();
        Self { name: name.to_owned(), segment, places }
    }

    /// How many the dead are that the segment still knows of. Nobody but this process counts as alive.
    fn ghosts(&self) -> u32 {
        let me = self.segment.participant_id().unwrap();
        let others: Vec<_> =
            self.segment.participants().unwrap().into_iter().filter(|other| other.id != me).collect();
        assert!(others.iter().all(|other| !other.alive), "the dead are dead: {others:?}");
        others.len() as u32
    }

    fn check(&self, death: &Death) -> &'static str {
        let ghosts = self.ghosts();
        // Those who attach take the places of the dead, reaped or not.
        if death.point.is_multiple_of(2) {
            assert_eq!(self.segment.reap().unwrap(), ghosts, "the dead are reaped");
            assert_eq!(self.ghosts(), 0);
        }
        let others: Vec<_> = (1..self.places).map(|_| Segment::open(&self.name).expect("a place")).collect();
        let one_more = Segment::open(&self.name);
        assert!(matches!(one_more, Err(SegmentError::TooManyParticipants { .. })), "{one_more:?}");
        assert!(self.segment.participants().unwrap().iter().all(|participant| participant.alive));
        drop(others);
        assert_eq!(self.ghosts(), 0);
        if ghosts == 0 { "left nothing" } else { "left its place to be reaped" }
    }
}

/// A child attaches.
struct Attach {
    place: Place,
    /// Whether every place but the parent's is a dead process's.
    after_the_dead: bool,
}

impl Subject for Attach {
    type Handle = ();

    fn reset(&mut self) {
        if self.after_the_dead {
            Child::fork(|| Segment::open(&self.place.name).unwrap(), |_| {}).kill();
            assert_eq!(self.place.ghosts(), 1);
        }
    }

    fn open(&self) {}

    fn operate(&self, (): &()) {
        core::mem::forget(Segment::open(&self.place.name).unwrap());
    }

    fn survive(&mut self, death: &Death) -> &'static str {
        let outcome = self.place.check(death);
        assert!(!death.completed || outcome != "left nothing", "it had attached");
        outcome
    }

    fn files(&self, _: u32) -> Vec<PathBuf> {
        self.place.segment.path().into_iter().collect()
    }
}

pub(crate) fn attach(name: &str) -> Tally {
    drive::changes(&mut Attach { place: Place::new(name, 3), after_the_dead: false })
}

pub(crate) fn attach_after_death(name: &str) -> Tally {
    drive::changes(&mut Attach { place: Place::new(name, 2), after_the_dead: true })
}

/// A child detaches.
struct Detach {
    place: Place,
}

impl Subject for Detach {
    type Handle = RefCell<Option<Segment>>;

    fn open(&self) -> Self::Handle {
        RefCell::new(Some(Segment::open(&self.place.name).unwrap()))
    }

    fn operate(&self, segment: &Self::Handle) {
        drop(segment.take());
    }

    fn survive(&mut self, death: &Death) -> &'static str {
        let outcome = self.place.check(death);
        assert!(!death.completed || outcome == "left nothing", "it had detached");
        outcome
    }

    fn files(&self, _: u32) -> Vec<PathBuf> {
        self.place.segment.path().into_iter().collect()
    }
}

pub(crate) fn detach(name: &str) -> Tally {
    drive::changes(&mut Detach { place: Place::new(name, 3) })
}

/// A child reaps after a death.
struct Reap {
    place: Place,
}

impl Subject for Reap {
    type Handle = Segment;

    fn reset(&mut self) {
        Child::fork(|| Segment::open(&self.place.name).unwrap(), |_| {}).kill();
    }

    fn open(&self) -> Segment {
        Segment::open(&self.place.name).unwrap()
    }

    fn operate(&self, segment: &Segment) {
        assert_eq!(segment.reap().unwrap(), 1);
    }

    fn survive(&mut self, death: &Death) -> &'static str {
        let ghosts = self.place.ghosts();
        self.place.check(death);
        match ghosts {
            2 => "two to reap",
            1 => "one to reap",
            other => panic!("{other} to reap, where one has died and one was killed"),
        }
    }

    fn files(&self, _: u32) -> Vec<PathBuf> {
        self.place.segment.path().into_iter().collect()
    }
}

pub(crate) fn reap(name: &str) -> Tally {
    drive::changes(&mut Reap { place: Place::new(name, 3) })
}

/// A child attaches, as the first, to a segment that persists, and whose last user died holding a lock in it.
struct Inherit {
    name: String,
}

impl Subject for Inherit {
    type Handle = ();

    fn reset(&mut self) {
        match Segment::remove(&self.name) {
            Ok(()) | Err(SegmentError::NotFound { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        let make = || {
            let segment = Segment::options().persist(true).create(&self.name, LENGTH).unwrap();
            let value: &'static _ = Box::leak(Box::new(segment.add::<Value<u64>>("value", 7).unwrap()));
            core::mem::forget(value.lock().unwrap());
        };
        Child::fork(make, |()| {}).kill();
    }

    fn open(&self) {}

    fn operate(&self, (): &()) {
        core::mem::forget(Segment::open(&self.name).unwrap());
    }

    fn survive(&mut self, _: &Death) -> &'static str {
        let segment = Segment::open(&self.name).unwrap();
        let value = segment.get::<Value<u64>>("value").unwrap();
        assert_eq!(value.get(), 7);
        let guard = value.lock_timeout(SOON).expect("the lock passes on");
        assert!(guard.recovered(), "one died holding it, and nobody has been told");
        drop(guard);
        assert!(!value.lock_timeout(SOON).unwrap().recovered());
        assert!(segment.participants().unwrap().iter().filter(|other| other.alive).count() == 1);
        Segment::remove(&self.name).unwrap();
        "passed on"
    }

    fn files(&self, _: u32) -> Vec<PathBuf> {
        vec![Path::new("/dev/shm").join(&self.name)]
    }
}

pub(crate) fn attach_first(name: &str) -> Tally {
    drive::changes(&mut Inherit { name: name.to_owned() })
}
