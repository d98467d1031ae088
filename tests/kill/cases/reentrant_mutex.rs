//! `ReentrantMutex`: however often the dead process held it, the next locker gets it, and its first
//! guard reports the death.

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::Duration;

use breezeway::LockError;
use breezeway::sync::{ReentrantMutex, ReentrantMutexGuard, Semaphore};

use super::lock_watch::{LockWatch, SURVIVOR_TIMEOUT};
use super::mutex_blocked::{AFTER_DEATH, CLEANLY};
use super::state_word::pin_without_spinning;
use crate::child::Child;
use crate::kill::{self, Death, KillPoint, Scenario};
use crate::kill_counts::KillCounts;
use crate::observe::LockHolder;
use crate::process::{self, Process};
use crate::trace::Trace;

/// The surviving process's mutex.
struct Parent {
    name: String,
    mutex: ReentrantMutex,
    watch: LockWatch,
}

impl Parent {
    fn new(name: &str) -> Self {
        let mutex = ReentrantMutex::create(name).unwrap();
        let watch = LockWatch::of(mutex.segment());
        Self { name: name.to_owned(), mutex, watch }
    }

    fn open(&self) -> ReentrantMutex {
        ReentrantMutex::open(&self.name).unwrap()
    }

    /// The next locker's first guard reports whether the holder died, the lock count is its own,
    /// and the locker after it is told of no death.
    fn check(&self, holder_died: bool) {
        let lock = &self.watch.lock;
        let first = self.mutex.lock_timeout(SURVIVOR_TIMEOUT).expect("the lock is available");
        let second = self.mutex.try_lock().expect("it is ours");
        assert_eq!((first.recovered(), second.recovered()), (holder_died, false), "whether the holder died");
        assert_eq!(lock.pending(), 2, "the dead one's levels do not count");
        drop(first);
        assert_eq!(lock.holder(), LockHolder::Thread(std::process::id()));
        drop(second);
        assert_eq!(lock.holder(), LockHolder::Nobody);
        assert!(
            !self.mutex.lock_timeout(SURVIVOR_TIMEOUT).expect("the lock still works").recovered(),
            "a death is reported once"
        );
    }
}

/// A child locks several times, and unlocks in another order.
struct NestedLocks(Parent);

impl Scenario for NestedLocks {
    type Handle = ReentrantMutex;

    fn open(&self) -> ReentrantMutex {
        self.0.open()
    }

    fn operate(&self, mutex: &ReentrantMutex) {
        let first = mutex.lock().unwrap();
        let second = mutex.try_lock().unwrap();
        let third = mutex.lock_timeout(SURVIVOR_TIMEOUT).unwrap();
        drop(first);
        drop(third);
        drop(second);
    }

    fn observe(&mut self, child: &Child) {
        self.0.watch.observe(child);
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        let held = self.0.watch.was_held_by(death);
        self.0.check(held);
        if held { "recovered" } else { "free" }
    }
}

pub(crate) fn lock_unlock_nested(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut NestedLocks(Parent::new(name)))
}

/// A child takes over a mutex whose holder was killed.
struct Recoverer {
    first: NestedLocks,
    trace: Trace,
    /// Where the first process dies.
    point: usize,
}

impl Scenario for Recoverer {
    type Handle = ReentrantMutex;

    fn reset(&mut self) {
        kill::at_point(&mut self.first, &self.trace, KillPoint::after(self.point));
        assert_eq!(
            self.first.0.watch.lock.holder(),
            LockHolder::Dead,
            "the first process died holding the lock"
        );
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

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        let left_behind = self.first.0.watch.was_left_behind(death);
        self.first.0.check(left_behind);
        if left_behind { "recovered" } else { "free" }
    }
}

/// Kills the first process while it holds the lock, once in each state of the lock, and then the
/// second process at every instruction.
pub(crate) fn lock_after_death(name: &str) -> KillCounts {
    let mut first = NestedLocks(Parent::new(name));
    let mut points: Vec<(u64, usize)> = Vec::new();
    let trace = kill::trace_operation(&mut first, |first, child, trace| {
        let lock = &first.0.watch.lock;
        let state = lock.pending();
        let held = lock.holder() == LockHolder::Thread(child.pid());
        if held && points.iter().all(|(seen, _)| *seen != state) {
            points.push((state, trace.last()));
        }
    });
    assert!(points.len() >= 3, "held, up to three times over: {points:?}");
    let mut kills = KillCounts::default();
    let mut second = Recoverer { first, trace, point: 0 };
    for (_, point) in points {
        second.point = point;
        kills.merge(&kill::at_every_instruction(&mut second));
    }
    kills
}

/// A child holds the lock twice, and unlocks while another process waits.
struct Unlock {
    parent: Parent,
    waiter: Option<Process>,
    before: LockHolder,
}

impl Scenario for Unlock {
    type Handle = RefCell<Vec<ReentrantMutexGuard<'static>>>;

    fn open(&self) -> Self::Handle {
        let mutex: &'static ReentrantMutex = Box::leak(Box::new(self.parent.open()));
        RefCell::new(vec![mutex.lock().unwrap(), mutex.lock().unwrap()])
    }

    fn operate(&self, guards: &Self::Handle) {
        guards.borrow_mut().drain(..).for_each(drop);
    }

    fn before_operation(&mut self, _: &Child) {
        self.waiter = Some(process::fork(|| {
            let mutex = self.parent.open();
            let guards = [mutex.lock(), mutex.lock()].map(|guard| guard.expect("the waiter gets the lock"));
            if guards[0].recovered() { AFTER_DEATH } else { CLEANLY }
        }));
        while !self.parent.watch.lock.has_waiters() {
            std::thread::sleep(Duration::from_micros(50));
        }
    }

    fn observe(&mut self, _: &Child) {
        self.before = self.parent.watch.lock.holder();
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        let held = self.before == LockHolder::Thread(death.pid);
        assert!(!(held && death.completed), "a completed operation has taken effect");
        let code = self.waiter.take().expect("a waiter").exit_code();
        assert_eq!(
            code,
            Some(if held { AFTER_DEATH } else { CLEANLY }),
            "the waiter gets the lock and is told of a death"
        );
        self.parent.check(false);
        if held { "taken from the dead holder" } else { "released" }
    }
}

pub(crate) fn unlock_with_waiter(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut Unlock {
        parent: Parent::new(name),
        waiter: None,
        before: LockHolder::Nobody,
    })
}

/// A child waits for the lock that its parent holds twice.
struct Wait(Parent);

impl Scenario for Wait {
    type Handle = ReentrantMutex;

    fn open(&self) -> ReentrantMutex {
        self.0.open()
    }

    fn operate(&self, mutex: &ReentrantMutex) {
        // Longer than one recheck interval.
        let waited = mutex.lock_timeout(kill::scaled_timeout(Duration::from_millis(120)));
        assert!(matches!(waited, Err(LockError::Timeout)));
    }

    fn check_survivors(&mut self, _: &Death) -> &'static str {
        let lock = &self.0.watch.lock;
        assert_eq!((lock.holder(), lock.pending()), (LockHolder::Thread(std::process::id()), 2));
        "still held"
    }

    /// Fewer than by default: each run takes as long as the wait.
    fn sample_size(&self) -> usize {
        40
    }
}

/// Kills a waiter: the holder notices nothing, and the lock is available afterwards.
pub(crate) fn lock_timeout_held(name: &str) -> KillCounts {
    let mut scenario = Wait(Parent::new(name));
    pin_and_count_cpus();
    let mutex = scenario.0.mutex.clone();
    let guards = [mutex.lock().unwrap(), mutex.lock().unwrap()];
    let kills = kill::at_changes_and_blocked(&mut scenario);
    drop(guards);
    scenario.0.check(false);
    kills
}

/// The first wait of a process counts its CPUs. Its children inherit the number: one, so none of
/// them spins.
pub(super) fn pin_and_count_cpus() {
    pin_without_spinning();
    assert!(Semaphore::new(0).unwrap().acquire_timeout(Duration::from_millis(1)).is_err());
}

/// A child locks through one handle and unlocks through another, opened apart, after it has dropped
/// the first.
struct TwoMappings(Parent);

impl Scenario for TwoMappings {
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
        self.0.watch.observe(child);
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        let held = self.0.watch.was_held_by(death);
        self.0.check(held);
        let left = self.0.mutex.segment().reap().unwrap();
        // The child dies with its parent's handle, so it is attached to its end.
        assert!(left <= 1 && !(death.completed && held), "a completed operation has taken effect");
        assert_eq!(self.0.mutex.segment().participants().unwrap().len(), 1);
        match (held, left) {
            (true, _) => "recovered",
            (false, 0) => "nothing left",
            (false, _) => "free, and ids left",
        }
    }

    fn watched_files(&self, _: u32) -> Vec<PathBuf> {
        self.0.mutex.segment().path().into_iter().collect()
    }
}

pub(crate) fn lock_two_mappings(name: &str) -> KillCounts {
    kill::at_changes(&mut TwoMappings(Parent::new(name)))
}
