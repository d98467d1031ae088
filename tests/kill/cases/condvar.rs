//! `Condvar`: whichever process dies, the waiters check their condition again, and none waits for
//! what has happened.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use breezeway::sync::{Condvar, Mutex, ReentrantMutex};
use breezeway::{Atomic, Segment};

use super::condvar_waiters::{CondvarSlots, Waiter};
use super::lock_watch::{LockWatch, SURVIVOR_TIMEOUT};
use super::reentrant_mutex::pin_and_count_cpus;
use crate::child::{self, Child};
use crate::kill::{self, Death, Scenario};
use crate::kill_counts::KillCounts;
use crate::observe::LockHolder;
use crate::process::{self, Process};
use crate::stop::{self, StopScenario};

/// A counter of items under a lock with a condition variable.
pub(super) struct ItemCounter {
    pub(super) segment: Segment,
    lock: Lock,
    pub(super) condvar: Condvar,
    pub(super) items: Atomic<u64>,
}

/// A mutex of either kind.
enum Lock {
    Plain(Mutex),
    Reentrant(ReentrantMutex),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Reentrant,
}

impl ItemCounter {
    /// The lock is the first object: there it is observed.
    fn of(segment: Segment, kind: Kind) -> Self {
        let lock = match kind {
            Kind::Plain => Lock::Plain(segment.get_or_add("lock", ()).unwrap()),
            Kind::Reentrant => Lock::Reentrant(segment.get_or_add("lock", ()).unwrap()),
        };
        let condvar = segment.get_or_add("condvar", ()).unwrap();
        let items = segment.get_or_add("items", 0).unwrap();
        Self { segment, lock, condvar, items }
    }

    /// Takes an item, and waits until there is one. Returns whether a holder of the lock has died
    /// meanwhile.
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

    /// Takes an item if there is one.
    fn take_one(&self) {
        let items = self.items.load(Relaxed);
        self.items.store(items.saturating_sub(1), Relaxed);
    }

    /// Runs `work` under the lock, and returns whether the last holder had died.
    pub(super) fn locked(&self, work: impl FnOnce()) -> bool {
        match &self.lock {
            Lock::Plain(mutex) => {
                let guard = mutex.lock_timeout(SURVIVOR_TIMEOUT).expect("the lock is available");
                work();
                guard.recovered()
            }
            Lock::Reentrant(mutex) => {
                let guard = mutex.lock_timeout(SURVIVOR_TIMEOUT).expect("the lock is available");
                work();
                guard.recovered()
            }
        }
    }

    pub(super) fn add_one(&self) {
        self.items.store(self.items.load(Relaxed) + 1, Relaxed);
    }
}

/// A taker's result, as its exit code.
const CLEANLY: libc::c_int = 0;
const AFTER_DEATH: libc::c_int = 1;

/// The surviving process.
pub(super) struct Parent {
    name: String,
    kind: Kind,
    pub(super) counter: ItemCounter,
    pub(super) watch: LockWatch,
    pub(super) slots: CondvarSlots,
}

impl Parent {
    pub(super) fn new(name: &str, kind: Kind) -> Self {
        pin_and_count_cpus();
        let segment = super::small_segment::create(name);
        let counter = ItemCounter::of(segment, kind);
        let watch = LockWatch::of(&counter.segment);
        let slots = CondvarSlots::of(&counter.segment, "condvar");
        Self { name: name.to_owned(), kind, counter, watch, slots }
    }

    pub(super) fn open(&self) -> ItemCounter {
        ItemCounter::of(Segment::open(&self.name).unwrap(), self.kind)
    }

    /// Forks a process that takes an item, and waits until it is blocked for one. Once it has the
    /// item it stops, and remains a participant until it is [collected](collect): after one that is
    /// gone, a waiter would repair, which wakes all.
    pub(super) fn taker(&self) -> Process {
        let before = self.slots.waiters();
        let taker = process::fork(|| {
            let counter = self.open();
            let recovered = counter.take(Duration::MAX);
            child::stop();
            if recovered { AFTER_DEATH } else { CLEANLY }
        });
        let is_new = |waiter: &Waiter| before.iter().all(|other| other.ticket != waiter.ticket);
        while !self.slots.waiters().iter().any(is_new) || !taker.is_in_futex_wait() {
            std::thread::sleep(Duration::from_micros(50));
        }
        taker
    }

    /// Forks takers, one after the other.
    fn takers(&self, count: usize) -> Vec<Process> {
        (0..count).map(|_| self.taker()).collect()
    }

    /// Reaps, and removes all items.
    pub(super) fn reset(&self) {
        self.counter.segment.reap().unwrap();
        self.check_empty();
        self.counter.items.store(0, Relaxed);
    }

    /// No process waits, and dead processes have left nothing.
    pub(super) fn check_empty(&self) {
        self.counter.segment.reap().unwrap();
        assert_eq!(self.slots.waiters(), []);
        assert_eq!(self.counter.condvar.notify_all(), 0);
        assert!(!self.counter.locked(|| {}), "a death is told of once");
    }

    /// Mostly the parent reaps, and the waiters need not detect the death themselves.
    pub(super) fn notice(&self, point: usize) {
        if !point.is_multiple_of(8) {
            self.counter.segment.reap().unwrap();
        }
    }

    /// The first `there` takers get their items by themselves. For the others, items are added and
    /// notified.
    ///
    /// `held`: the dead process held the lock. Exactly one of all processes is told, the first that
    /// locks.
    pub(super) fn serve(&self, takers: &mut Vec<Process>, there: usize, held: bool) {
        let mut told = 0;
        for nth in 0..takers.len() {
            if nth >= there {
                told += usize::from(self.counter.locked(|| self.counter.add_one()));
                self.counter.condvar.notify_all();
            }
        }
        for taker in takers.drain(..) {
            match collect(taker) {
                Some(CLEANLY) => {}
                Some(AFTER_DEATH) => told += 1,
                other => panic!("a taker's end: {other:?}"),
            }
        }
        assert_eq!(told, usize::from(held), "how many were told of the death");
    }
}

/// Waits until a taker has its item, lets it go on, and returns its exit code.
fn collect(taker: Process) -> Option<libc::c_int> {
    taker.wait_until_stopped();
    taker.go_on();
    taker.exit_code()
}

/// What the child does while others wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    /// Notifies this many; the items are there already.
    Notify(usize),
    /// Adds an item and notifies one waiter, both under the lock.
    AddLocked,
    /// Adds an item under the lock, and notifies one waiter after it has unlocked.
    AddAndNotify,
}

struct Notifier {
    parent: Parent,
    operation: Operation,
    /// How many processes wait.
    others: usize,
    takers: Vec<Process>,
    /// The waiters before the operation.
    before: Vec<Waiter>,
    /// How many waiters were notified when the child was last observed, and how many items the
    /// takers had.
    notified: usize,
    items: usize,
}

impl Notifier {
    fn new(name: &str, kind: Kind, operation: Operation, others: usize) -> Self {
        let parent = Parent::new(name, kind);
        let (takers, before) = (Vec::new(), Vec::new());
        Self { parent, operation, others, takers, before, notified: 0, items: 0 }
    }

    /// How many waiters the child is to notify.
    fn count(&self) -> usize {
        let Operation::Notify(count) = self.operation else { return 1 };
        count.min(self.others)
    }
}

impl Scenario for Notifier {
    type Handle = ItemCounter;

    fn reset(&mut self) {
        self.parent.reset();
    }

    fn open(&self) -> ItemCounter {
        self.parent.open()
    }

    fn operate(&self, counter: &ItemCounter) {
        match self.operation {
            Operation::Notify(count) => assert_eq!(counter.condvar.notify_n(count), count.min(self.others)),
            Operation::AddLocked => {
                counter.locked(|| {
                    counter.add_one();
                    assert_eq!(counter.condvar.notify_one(), 1);
                });
            }
            Operation::AddAndNotify => {
                counter.locked(|| counter.add_one());
                assert_eq!(counter.condvar.notify_one(), 1);
            }
        }
    }

    fn before_operation(&mut self, _: &Child) {
        self.takers = self.parent.takers(self.others);
        self.before = self.parent.slots.waiters();
        assert_eq!(self.before.len(), self.others);
        if matches!(self.operation, Operation::Notify(_)) {
            // A notified waiter finds an item.
            self.parent.counter.items.store(self.others as u64, Relaxed);
        }
    }

    fn observe(&mut self, child: &Child) {
        self.parent.watch.observe(child);
        // A woken taker may hold the lock for a moment.
        while self.parent.watch.is_held_by_another(child) {
            std::thread::sleep(Duration::from_micros(50));
            self.parent.watch.observe(child);
        }
        // A waiter that is not in the list any more has taken an item.
        let waiters = self.parent.slots.waiters();
        let still = |waiter: &&Waiter| waiters.contains(waiter);
        self.notified = self.others - self.before.iter().filter(still).count();
        let has_the_rest = self.before[self.notified..].iter().all(|waiter| waiters.contains(waiter));
        let is_all = self.count() == self.others;
        assert!(has_the_rest || is_all, "in the order in which they came");
        let items = self.parent.counter.items.load(Relaxed) as usize;
        self.items = match self.operation {
            Operation::Notify(_) => self.others,
            _ => items.max(self.notified),
        };
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        assert!(self.notified <= self.count(), "{} of {} notified", self.notified, self.count());
        assert!(!death.completed || self.notified == self.count(), "a completed operation has taken effect");
        let held = self.parent.watch.was_held_by(death);
        self.parent.notice(death.point);
        // The waiters get the items by themselves: they were notified, or check again because of
        // the death.
        self.parent.serve(&mut self.takers, self.items, held);
        self.parent.check_empty();
        match (self.notified, self.items) {
            (0, 0) => "served by the next",
            (0, _) => "found without a notification",
            (count, _) if count == self.count() => "notified",
            _ => "notified in part",
        }
    }
}

impl StopScenario for Notifier {
    /// The lock can be had where the stopped notifier does not hold it, and other notifiers go on.
    fn go_around(&mut self, stopped: &Child, _: usize) -> &'static str {
        if self.parent.watch.lock.holder() == LockHolder::Thread(stopped.pid()) {
            return "holds the lock";
        }
        assert!(!self.parent.counter.locked(|| {}), "no process has died");
        if self.notified == 0 { "has notified none" } else { "has notified" }
    }
}

/// Stops a notifier: it has notified as many as it was to when it goes on, each once.
pub(crate) fn stop_notify_n_with_waiters(name: &str) -> KillCounts {
    stop::at_every_instruction(&mut Notifier::new(name, Kind::Plain, Operation::Notify(2), 3))
}

pub(crate) fn stop_notify_one_locked_with_waiter(name: &str) -> KillCounts {
    stop::at_every_instruction(&mut Notifier::new(name, Kind::Plain, Operation::AddLocked, 1))
}

fn notify(name: &str, kind: Kind, operation: Operation, others: usize) -> KillCounts {
    kill::at_every_instruction(&mut Notifier::new(name, kind, operation, others))
}

pub(crate) fn notify_one_without_waiters(name: &str) -> KillCounts {
    notify(name, Kind::Plain, Operation::Notify(1), 0)
}

pub(crate) fn notify_one_with_waiters(name: &str) -> KillCounts {
    notify(name, Kind::Plain, Operation::Notify(1), 2)
}

pub(crate) fn notify_n_with_waiters(name: &str) -> KillCounts {
    notify(name, Kind::Plain, Operation::Notify(2), 3)
}

pub(crate) fn notify_all_with_waiters(name: &str) -> KillCounts {
    notify(name, Kind::Plain, Operation::Notify(usize::MAX), 2)
}

pub(crate) fn notify_one_locked_with_waiter(name: &str) -> KillCounts {
    notify(name, Kind::Plain, Operation::AddLocked, 1)
}

pub(crate) fn notify_one_unlocked_with_waiter(name: &str) -> KillCounts {
    notify(name, Kind::Reentrant, Operation::AddAndNotify, 1)
}
