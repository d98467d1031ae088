//! `Mutex`: the next locker gets it at once, and is told of a death in it.

use breezeway::sync::Mutex;

use super::locked::{SOON, Watched};
use crate::child::Child;
use crate::drive::{self, Death, Point, Subject};
use crate::tally::Tally;
use crate::trace::Trace;
use crate::window::{Holder, RobustHead, RobustList};

/// A child locks and unlocks.
pub(super) struct LockUnlock {
    pub(super) name: String,
    pub(super) mutex: Mutex,
    pub(super) watched: Watched,
}

impl LockUnlock {
    pub(super) fn new(name: &str) -> Self {
        let mutex = Mutex::create(name).unwrap();
        let watched = Watched::of(mutex.segment());
        Self { name: name.to_owned(), mutex, watched }
    }

    /// The next locker gets the lock and is told the truth, the one after it has nothing to be told.
    pub(super) fn check(&self, died_in_it: bool) {
        let guard = self.mutex.lock_timeout(SOON).expect("the lock passes on");
        assert_eq!(guard.recovered(), died_in_it, "whether the holder died");
        drop(guard);
        let guard = self.mutex.lock_timeout(SOON).expect("the lock works on");
        assert!(!guard.recovered(), "that is told once");
    }
}

impl Subject for LockUnlock {
    type Handle = Mutex;

    fn open(&self) -> Mutex {
        Mutex::open(&self.name).unwrap()
    }

    fn operate(&self, mutex: &Mutex) {
        drop(mutex.lock().unwrap());
    }

    fn observe(&mut self, child: &Child) {
        self.watched.observe(child);
    }

    fn survive(&mut self, death: &Death) -> &'static str {
        let held = self.watched.was_held_by(death);
        self.check(held);
        if held { "recovered" } else { "free" }
    }
}

/// Killed at every instruction of lock and unlock.
pub(crate) fn lock_unlock(name: &str) -> Tally {
    drive::every(&mut LockUnlock::new(name))
}

/// The recoverer of a mutex whose holder was killed.
struct Recoverer {
    first: LockUnlock,
    trace: Trace,
    /// Where the first one dies.
    point: usize,
}

impl Subject for Recoverer {
    type Handle = Mutex;

    fn reset(&mut self) {
        drive::die(&mut self.first, &self.trace, Point::after(self.point));
        assert_eq!(self.first.watched.lock.holder(), Holder::Dead, "the first one died holding the lock");
    }

    fn open(&self) -> Mutex {
        self.first.open()
    }

    fn operate(&self, mutex: &Mutex) {
        let guard = mutex.lock().unwrap();
        assert!(guard.recovered());
    }

    fn observe(&mut self, child: &Child) {
        self.first.observe(child);
    }

    fn survive(&mut self, death: &Death) -> &'static str {
        let left_behind = self.first.watched.was_left_behind(death);
        self.first.check(left_behind);
        if left_behind { "recovered" } else { "free" }
    }
}

/// The second one killed at every instruction, after the first was killed holding the lock: once in each state that the
/// kernel finds it in (the lock in the making, in the thread's list, on its way out of it).
pub(crate) fn recoverer(name: &str) -> Tally {
    let mut first = LockUnlock::new(name);
    let mut points: Vec<(RobustHead, usize)> = Vec::new();
    let trace = drive::trace(&mut first, |first, child, trace| {
        let robust = RobustList::of(child.pid()).head();
        let held = first.watched.lock.holder() == Holder::Thread(child.pid());
        if held && points.last().is_none_or(|(last, _)| *last != robust) {
            points.push((robust, trace.last()));
        }
    });
    assert!(points.len() >= 3, "in the making, held, on its way out: {points:?}");
    let mut tally = Tally::default();
    let mut second = Recoverer { first, trace, point: 0 };
    for (_, point) in points {
        second.point = point;
        tally.merge(&drive::every(&mut second));
    }
    tally
}
