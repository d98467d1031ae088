//! `ReentrantMutex`: however often the dead one held it, the next locker gets it at once, and its first guard tells of that.

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::Duration;

use breezeway::LockError;
use breezeway::sync::{ReentrantMutex, ReentrantMutexGuard, Semaphore};

use super::locked::{SOON, Watched};
use super::state_word::without_spinning;
use super::waiter::{AFTER_DEATH, CLEANLY};
use crate::child::Child;
use crate::drive::{self, Death, Point, Subject};
use crate::process::{self, Process};
use crate::tally::Tally;
use crate::trace::Trace;
use crate::window::{Holder, RobustHead, RobustList};

/// The survivor's mutex.
struct Parent {
    name: String,
    mutex: ReentrantMutex,
    watched: Watched,
}

impl Parent {
    fn new(name: &str) -> Self {
        let mutex = ReentrantMutex::create(name).unwrap();
        let watched = Watched::of(mutex.segment());
        Self { name: name.to_owned(), mutex, watched }
    }

    fn open(&self) -> ReentrantMutex {
        ReentrantMutex::open(&self.name).unwrap()
    }

    /// The next locker is told the truth by its first guard, has it as often as it takes it, and the one after it is told nothing.
    fn check(&self, died_in_it: bool) {
        let lock = &self.watched.lock;
        let first = self.mutex.lock_timeout(SOON).expect("the lock passes on");
        let second = self.mutex.try_lock().expect("it is ours");
        assert_eq!((first.recovered(), second.recovered()), (died_in_it, false), "whether the holder died");
        assert_eq!(lock.pending(), 2, "the dead one's levels do not count");
        drop(first);
        assert_eq!(lock.holder(), Holder::Thread(std::process::id()));
        drop(second);
        assert_eq!(lock.holder(), Holder::Nobody);
        assert!(!self.mutex.lock_timeout(SOON).expect("the lock works on").recovered(), "that is told once");
    }
}

/// A child locks several times over, and unlocks in another order.
struct Levels(Parent);

impl Subject for Levels {
    type Handle = ReentrantMutex;

    fn open(&self) -> ReentrantMutex {
        self.0.open()
    }

    fn operate(&self, mutex: &ReentrantMutex) {
        let first = mutex.lock().unwrap();
        let second = mutex.try_lock().unwrap();
        let third = mutex.lock_timeout(SOON).unwrap();
        drop(first);
        drop(third);
        drop(second);
    }

    fn observe(&mut self, child: &Child) {
        self.0.watched.observe(child);
    }

    fn survive(&mut self, death: &Death) -> &'static str {
        let held = self.0.watched.was_held_by(death);
        self.0.check(held);
        if held { "recovered" } else { "free" }
    }
}

pub(crate) fn levels(name: &str) -> Tally {
    drive::every(&mut Levels(Parent::new(name)))
}

/// The recoverer of a mutex whose holder was killed.
struct Recoverer {
    first: Levels,
    trace: Trace,
    /// Where the first one dies.
    point: usize,
}

impl Subject for Recoverer {
    type Handle = ReentrantMutex;

    fn reset(&mut self) {
        drive::die(&mut self.first, &self.trace, Point::after(self.point));
        assert_eq!(self.first.0.watched.lock.holder(), Holder::Dead, "the first one died holding the lock");
    }

    fn open(&self) -> ReentrantMutex {
        self.first.open()
    }

    fn operate(&self, mutex: &ReentrantMutex) {
        let (first, second) = (mutex.lock().unwrap(), mutex.lock().unwrap());
        assert!(first.recovered() && !second.recovered());
    }

    fn observe(&mut self, child: &Child) {
        self.first.observe(child);
    }

    fn survive(&mut self, death: &Death) -> &'static str {
        let left_behind = self.first.0.watched.was_left_behind(death);
        self.first.0.check(left_behind);
        if left_behind { "recovered" } else { "free" }
    }
}

/// The second one killed at every instruction, after the first was killed holding the lock: once in each state that it is then in.
pub(crate) fn recoverer(name: &str) -> Tally {
    let mut first = Levels(Parent::new(name));
    let mut points: Vec<((RobustHead, u64), usize)> = Vec::new();
    let trace = drive::trace(&mut first, |first, child, trace| {
        let lock = &first.0.watched.lock;
        let state = (RobustList::of(child.pid()).head(), lock.pending());
        let held = lock.holder() == Holder::Thread(child.pid());
        if held && points.iter().all(|(seen, _)| *seen != state) {
            points.push((state, trace.last()));
        }
    });
    assert!(points.len() >= 5, "in the making, held three times over, on its way out: {points:?}");
    let mut tally = Tally::default();
    let mut second = Recoverer { first, trace, point: 0 };
    for (_, point) in points {
        second.point = point;
        tally.merge(&drive::every(&mut second));
    }
    tally
}

/// A child has it twice, and gives it back while another sleeps for it.
struct Unlock {
    parent: Parent,
    waiter: Option<Process>,
    before: Holder,
}

impl Subject for Unlock {
    type Handle = RefCell<Vec<ReentrantMutexGuard<'static>>>;

    fn open(&self) -> Self::Handle {
        let mutex: &'static ReentrantMutex = Box::leak(Box::new(self.parent.open()));
        RefCell::new(vec![mutex.lock().unwrap(), mutex.lock().unwrap()])
    }

    fn operate(&self, guards: &Self::Handle) {
        guards.borrow_mut().drain(..).for_each(drop);
    }

    fn begin(&mut self, _: &Child) {
        self.waiter = Some(process::fork(|| {
            let mutex = self.parent.open();
            let guards = [mutex.lock(), mutex.lock()].map(|guard| guard.expect("the waiter gets the lock"));
            if guards[0].recovered() { AFTER_DEATH } else { CLEANLY }
        }));
        while !self.parent.watched.lock.has_waiters() {
            std::thread::sleep(Duration::from_micros(50));
        }
    }

    fn observe(&mut self, _: &Child) {
        self.before = self.parent.watched.lock.holder();
    }

    fn survive(&mut self, death: &Death) -> &'static str {
        let held = self.before == Holder::Thread(death.pid);
        assert!(!(held && death.completed), "what has returned has happened");
        let code = self.waiter.take().expect("a waiter").exit_code();
        assert_eq!(code, Some(if held { AFTER_DEATH } else { CLEANLY }), "the waiter gets it, and the truth");
        self.parent.check(false);
        if held { "passed on by the kernel" } else { "passed on" }
    }
}

pub(crate) fn unlock_with_waiter(name: &str) -> Tally {
    drive::every(&mut Unlock { parent: Parent::new(name), waiter: None, before: Holder::Nobody })
}

/// A child waits for the lock that its parent holds twice.
struct Wait(Parent);

impl Subject for Wait {
    type Handle = ReentrantMutex;

    fn open(&self) -> ReentrantMutex {
        self.0.open()
    }

    fn operate(&self, mutex: &ReentrantMutex) {
        // Longer than one sleep may be.
        let waited = mutex.lock_timeout(drive::patiently(Duration::from_millis(120)));
        assert!(matches!(waited, Err(LockError::Timeout)));
    }

    fn survive(&mut self, _: &Death) -> &'static str {
        let lock = &self.0.watched.lock;
        assert_eq!((lock.holder(), lock.pending()), (Holder::Thread(std::process::id()), 2));
        "still held"
    }

    /// Fewer than others: each takes as long as it waits.
    fn sample(&self) -> usize {
        40
    }
}

/// A waiter killed: the holder notices nothing, and the lock can be had after it.
pub(crate) fn wait(name: &str) -> Tally {
    let mut subject = Wait(Parent::new(name));
    count_the_cpus();
    let mutex = subject.0.mutex.clone();
    let guards = [mutex.lock().unwrap(), mutex.lock().unwrap()];
    let tally = drive::changes_and_sleep(&mut subject);
    drop(guards);
    subject.0.check(false);
    tally
}

/// The first wait of a process counts its CPUs. Its children inherit the number: one, so that none of them spins.
pub(super) fn count_the_cpus() {
    without_spinning();
    assert!(Semaphore::new(0).unwrap().acquire_timeout(Duration::from_millis(1)).is_err());
}

/// A child takes the lock by one mapping and gives it back by another, when the first is gone but for the lock.
struct TwoMappings(Parent);

impl Subject for TwoMappings {
    type Handle = RefCell<Option<[ReentrantMutex; 2]>>;

    fn open(&self) -> Self::Handle {
        RefCell::new(Some([self.0.open(), self.0.open()]))
    }

    fn operate(&self, mappings: &Self::Handle) {
        let [one, other] = mappings.take().expect("two mappings");
        let (first, second) = (one.lock().unwrap(), other.lock().unwrap());
        drop(first);
        drop(one);
        drop(second);
        drop(other);
    }

    fn observe(&mut self, child: &Child) {
        self.0.watched.observe(child);
    }

    fn survive(&mut self, death: &Death) -> &'static str {
        let held = self.0.watched.was_held_by(death);
        self.0.check(held);
        let left = self.0.mutex.segment().reap().unwrap();
        assert!(!death.completed || left == 0, "what has returned has happened");
        assert_eq!(self.0.mutex.segment().participants().unwrap().len(), 1);
        match (held, left) {
            (true, _) => "recovered",
            (false, 0) => "nothing left",
            (false, _) => "free, and ids left",
        }
    }

    fn files(&self, _: u32) -> Vec<PathBuf> {
        self.0.mutex.segment().path().into_iter().collect()
    }
}

pub(crate) fn two_mappings(name: &str) -> Tally {
    drive::changes(&mut TwoMappings(Parent::new(name)))
}
