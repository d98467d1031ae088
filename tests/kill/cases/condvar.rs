//! `Condvar`: whoever dies, the others who wait look again, and nobody waits for what has happened.

use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use breezeway::sync::{Condvar, Mutex, ReentrantMutex};
use breezeway::{Atomic, Segment};

use super::condvar_slots::{Slots, Waiter};
use super::locked::{SOON, Watched};
use super::reentrant::count_the_cpus;
use crate::child::Child;
use crate::drive::{self, Death, Subject};
use crate::process::{self, Process};
use crate::tally::Tally;

/// What a process needs to wait until there are items, and to add some.
pub(super) struct Scene {
    pub(super) segment: Segment,
    lock: Lock,
    pub(super) condvar: Condvar,
    pub(super) items: Atomic<u64>,
}

/// The mutex, of either kind.
enum Lock {
    Plain(Mutex),
    Reentrant(ReentrantMutex),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Reentrant,
}

impl Scene {
    /// The lock comes first: that is where it is watched.
    fn of(segment: Segment, kind: Kind) -> Self {
        let lock = match kind {
            Kind::Plain => Lock::Plain(segment.get_or_add("lock", ()).unwrap()),
            Kind::Reentrant => Lock::Reentrant(segment.get_or_add("lock", ()).unwrap()),
        };
        let condvar = segment.get_or_add("condvar", ()).unwrap();
        let items = segment.get_or_add("items", 0).unwrap();
        Self { segment, lock, condvar, items }
    }

    /// Takes an item, and waits until there is one. Says whether a holder of the lock has died meanwhile.
    pub(super) fn take(&self, timeout: Duration) -> bool {
        let none = || self.items.load(Relaxed) == 0;
        match &self.lock {
            Lock::Plain(mutex) => {
                let guard = mutex.lock().unwrap();
                let guard = self.condvar.wait_timeout_while(guard, timeout, none).unwrap().0;
                self.take_one();
                guard.recovered()
            }
            Lock::Reentrant(mutex) => {
                let (outer, inner) = (mutex.lock().unwrap(), mutex.lock().unwrap());
                let inner = self.condvar.wait_timeout_while(inner, timeout, none).unwrap().0;
                self.take_one();
                outer.recovered() || inner.recovered()
            }
        }
    }

    /// If there is any.
    fn take_one(&self) {
        let items = self.items.load(Relaxed);
        self.items.store(items.saturating_sub(1), Relaxed);
    }

    /// Does something with the lock in hand, and says whether its last holder had died.
    pub(super) fn locked(&self, work: impl FnOnce()) -> bool {
        match &self.lock {
            Lock::Plain(mutex) => {
                let guard = mutex.lock_timeout(SOON).expect("the lock passes on");
                work();
                guard.recovered()
            }
            Lock::Reentrant(mutex) => {
                let guard = mutex.lock_timeout(SOON).expect("the lock passes on");
                work();
                guard.recovered()
            }
        }
    }

    pub(super) fn add_one(&self) {
        self.items.store(self.items.load(Relaxed) + 1, Relaxed);
    }
}

/// How it went for a taker, as its exit code.
const CLEANLY: libc::c_int = 0;
const AFTER_DEATH: libc::c_int = 1;

/// The survivor's.
pub(super) struct Parent {
    name: String,
    kind: Kind,
    pub(super) scene: Scene,
    pub(super) watched: Watched,
    pub(super) slots: Slots,
}

impl Parent {
    pub(super) fn new(name: &str, kind: Kind) -> Self {
        count_the_cpus();
        let segment = Segment::create(name, 1 << 16).unwrap();
        let scene = Scene::of(segment, kind);
        let watched = Watched::of(&scene.segment);
        let slots = Slots::of(&scene.segment, "condvar");
        Self { name: name.to_owned(), kind, scene, watched, slots }
    }

    pub(super) fn open(&self) -> Scene {
        Scene::of(Segment::open(&self.name).unwrap(), self.kind)
    }

    /// A process that takes an item, and sleeps until there is one. It leaves in good order: it is not its end that wakes others.
    pub(super) fn taker(&self) -> Process {
        let before = self.slots.waiters();
        let taker = process::fork(|| {
            let recovered = self.open().take(Duration::MAX);
            if recovered { AFTER_DEATH } else { CLEANLY }
        });
        let is_new = |waiter: &Waiter| before.iter().all(|other| other.ticket != waiter.ticket);
        while !self.slots.waiters().iter().any(is_new) || !taker.is_on_a_futex() {
            std::thread::sleep(Duration::from_micros(50));
        }
        taker
    }

    /// Takers, one behind the other.
    fn takers(&self, count: usize) -> Vec<Process> {
        (0..count).map(|_| self.taker()).collect()
    }

    /// Forgets who has died, and what was left.
    pub(super) fn reset(&self) {
        self.scene.segment.reap().unwrap();
        self.check_empty();
        self.scene.items.store(0, Relaxed);
    }

    /// Nobody waits, and the dead have left nothing.
    pub(super) fn check_empty(&self) {
        self.scene.segment.reap().unwrap();
        assert_eq!((self.slots.waiters(), self.slots.marks()), (Vec::new(), 0));
        assert_eq!(self.scene.condvar.notify_all(), 0);
        assert!(!self.scene.locked(|| {}), "a death is told of once");
    }

    /// Mostly, somebody reaps, and those who wait need not find out by themselves.
    pub(super) fn notice(&self, point: usize) {
        if !point.is_multiple_of(8) {
            self.scene.segment.reap().unwrap();
        }
    }

    /// Whoever takes what is there comes through by itself. What is missing is added and told of.
    ///
    /// `held`: the dead had the lock, of which exactly one of them all is told: who came to it first.
    pub(super) fn serve(&self, takers: &mut Vec<Process>, there: usize, held: bool) {
        let mut told = 0;
        for nth in 0..takers.len() {
            if nth >= there {
                told += usize::from(self.scene.locked(|| self.scene.add_one()));
                self.scene.condvar.notify_all();
            }
        }
        for taker in takers.drain(..) {
            match taker.exit_code() {
                Some(CLEANLY) => {}
                Some(AFTER_DEATH) => told += 1,
                other => panic!("a taker's end: {other:?}"),
            }
        }
        assert_eq!(told, usize::from(held), "how many were told of the death");
    }
}

/// What the child does while others sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    /// Notifies so many; there are items already.
    Notify(usize),
    /// Adds an item and notifies one, with the lock in hand.
    AddLocked,
    /// The same, but notifies when the lock is given back.
    AddAndNotify,
}

struct Notifier {
    parent: Parent,
    deed: Deed,
    /// How many sleep.
    others: usize,
    takers: Vec<Process>,
    /// Who waited beforehand.
    before: Vec<Waiter>,
    /// How many were notified, when the child was seen last, and how many items there were for the takers.
    notified: usize,
    items: usize,
}

impl Notifier {
    fn new(name: &str, kind: Kind, deed: Deed, others: usize) -> Self {
        let parent = Parent::new(name, kind);
        let (takers, before) = (Vec::new(), Vec::new());
        Self { parent, deed, others, takers, before, notified: 0, items: 0 }
    }

    /// How many the child is to notify.
    fn count(&self) -> usize {
        let Deed::Notify(count) = self.deed else { return 1 };
        count.min(self.others)
    }
}

impl Subject for Notifier {
    type Handle = Scene;

    fn reset(&mut self) {
        self.parent.reset();
    }

    fn open(&self) -> Scene {
        self.parent.open()
    }

    fn operate(&self, scene: &Scene) {
        match self.deed {
            Deed::Notify(count) => assert_eq!(scene.condvar.notify_n(count), count.min(self.others)),
            Deed::AddLocked => {
                scene.locked(|| {
                    scene.add_one();
                    assert_eq!(scene.condvar.notify_one(), 1);
                });
            }
            Deed::AddAndNotify => {
                scene.locked(|| scene.add_one());
                assert_eq!(scene.condvar.notify_one(), 1);
            }
        }
    }

    fn begin(&mut self, _: &Child) {
        self.takers = self.parent.takers(self.others);
        self.before = self.parent.slots.waiters();
        assert_eq!(self.before.len(), self.others);
        if matches!(self.deed, Deed::Notify(_)) {
            // Who is notified finds one.
            self.parent.scene.items.store(self.others as u64, Relaxed);
        }
    }

    fn observe(&mut self, child: &Child) {
        self.parent.watched.observe(child);
        // Whoever is notified no more has taken an item by now.
        let waiters = self.parent.slots.waiters();
        let still = |waiter: &&Waiter| waiters.contains(waiter);
        self.notified = self.others - self.before.iter().filter(still).count();
        let has_the_rest = self.before[self.notified..].iter().all(|waiter| waiters.contains(waiter));
        let is_all = self.count() == self.others;
        assert!(has_the_rest || is_all, "in the order in which they came");
        let items = self.parent.scene.items.load(Relaxed) as usize;
        self.items = match self.deed {
            Deed::Notify(_) => self.others,
            _ => items.max(self.notified),
        };
    }

    fn survive(&mut self, death: &Death) -> &'static str {
        assert!(self.notified <= self.count());
        assert!(!death.completed || self.notified == self.count(), "what has returned has happened");
        let held = self.parent.watched.was_held_by(death);
        self.parent.notice(death.point);
        // By themselves, as far as there are items: they were notified, or look again because of the death.
        self.parent.serve(&mut self.takers, self.items, held);
        self.parent.check_empty();
        match (self.notified, self.items) {
            (0, 0) => "served by the next",
            (0, _) => "found by themselves",
            (count, _) if count == self.count() => "notified",
            _ => "notified in part",
        }
    }
}

fn notify(name: &str, kind: Kind, deed: Deed, others: usize) -> Tally {
    drive::every(&mut Notifier::new(name, kind, deed, others))
}

pub(crate) fn notify_nobody(name: &str) -> Tally {
    notify(name, Kind::Plain, Deed::Notify(1), 0)
}

pub(crate) fn notify_one(name: &str) -> Tally {
    notify(name, Kind::Plain, Deed::Notify(1), 2)
}

pub(crate) fn notify_n(name: &str) -> Tally {
    notify(name, Kind::Plain, Deed::Notify(2), 3)
}

pub(crate) fn notify_all(name: &str) -> Tally {
    notify(name, Kind::Plain, Deed::Notify(usize::MAX), 2)
}

pub(crate) fn add_locked(name: &str) -> Tally {
    notify(name, Kind::Plain, Deed::AddLocked, 1)
}

pub(crate) fn add_and_notify(name: &str) -> Tally {
    notify(name, Kind::Reentrant, Deed::AddAndNotify, 1)
}

/// Longer than one sleep may be.
const PATIENCE: Duration = Duration::from_millis(400);

/// A child waits for an item, in vain.
pub(super) struct Waiting {
    pub(super) parent: Parent,
    /// How many others wait when it is dead: behind it, if it has left a slot.
    takers: Vec<Process>,
    patience: Duration,
}

impl Waiting {
    pub(super) fn new(name: &str, kind: Kind, patience: Duration) -> Self {
        Self { parent: Parent::new(name, kind), takers: Vec::new(), patience }
    }
}

impl Subject for Waiting {
    type Handle = Scene;

    fn reset(&mut self) {
        self.parent.reset();
    }

    fn open(&self) -> Scene {
        self.parent.open()
    }

    fn operate(&self, scene: &Scene) {
        scene.take(drive::patiently(self.patience));
    }

    fn observe(&mut self, child: &Child) {
        self.parent.watched.observe(child);
    }

    fn survive(&mut self, death: &Death) -> &'static str {
        let held = self.parent.watched.was_held_by(death);
        let left = self.parent.slots.waiters();
        assert!(left.len() <= usize::from(!death.completed), "what has returned has happened: {left:?}");
        // One who comes behind it gets the notification, whosever slot that finds.
        self.takers.push(self.parent.taker());
        let told = self.parent.scene.locked(|| self.parent.scene.add_one());
        assert!(!told, "the taker was told, if anybody");
        self.parent.scene.condvar.notify_one();
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

    /// Fewer than others: each takes as long as it waits.
    fn sample(&self) -> usize {
        40
    }

    fn files(&self, _: u32) -> Vec<PathBuf> {
        self.parent.scene.segment.path().into_iter().collect()
    }
}

fn wait_with(name: &str, kind: Kind) -> Tally {
    let mut subject = Waiting::new(name, kind, PATIENCE);
    drive::changes_and_sleep(&mut subject)
}

/// A waiter killed, before it waits, asleep, and when its time is over.
pub(crate) fn wait(name: &str) -> Tally {
    wait_with(name, Kind::Plain)
}

pub(crate) fn wait_reentrant(name: &str) -> Tally {
    wait_with(name, Kind::Reentrant)
}
