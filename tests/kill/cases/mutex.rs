//! `Mutex`: the next locker gets it, and is told of a death.

use breezeway::LockError;
use breezeway::sync::Mutex;

use super::lock_watch::{LockWatch, SURVIVOR_TIMEOUT};
use crate::child::Child;
use crate::kill::{self, Death, KillPoint, Scenario};
use crate::kill_counts::KillCounts;
use crate::observe::LockHolder;
use crate::stop::{self, StopScenario};
use crate::trace::Trace;

/// A child locks and unlocks.
pub(super) struct LockUnlock {
    pub(super) name: String,
    pub(super) mutex: Mutex,
    pub(super) watch: LockWatch,
}

impl LockUnlock {
    pub(super) fn new(name: &str) -> Self {
        let mutex = Mutex::create(name).unwrap();
        let watch = LockWatch::of(mutex.segment());
        Self { name: name.to_owned(), mutex, watch }
    }

    /// The next locker gets the lock and is told whether the holder died; the locker after it is
    /// told of no death.
    pub(super) fn check(&self, holder_died: bool) {
        let guard = self.mutex.lock_timeout(SURVIVOR_TIMEOUT).expect("the lock is available");
        assert_eq!(guard.recovered(), holder_died, "whether the holder died");
        drop(guard);
        let guard = self.mutex.lock_timeout(SURVIVOR_TIMEOUT).expect("the lock still works");
        assert!(!guard.recovered(), "a death is reported once");
    }
}

impl Scenario for LockUnlock {
    type Handle = Mutex;

    fn open(&self) -> Mutex {
        Mutex::open(&self.name).unwrap()
    }

    fn operate(&self, mutex: &Mutex) {
        drop(mutex.lock().unwrap());
    }

    fn observe(&mut self, child: &Child) {
        self.watch.observe(child);
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        let held = self.watch.was_held_by(death);
        self.check(held);
        if held { "recovered" } else { "free" }
    }
}

/// Kills the child at every instruction of lock and unlock.
pub(crate) fn lock_unlock(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut LockUnlock::new(name))
}

/// A child takes over a mutex whose holder was killed.
struct Recoverer {
    first: LockUnlock,
    trace: Trace,
    /// Where the first process dies.
    point: usize,
    /// Whether it is reaped before the second one comes.
    is_reaped: bool,
}

impl Scenario for Recoverer {
    type Handle = Mutex;

    fn reset(&mut self) {
        kill::at_point(&mut self.first, &self.trace, KillPoint::after(self.point));
        assert_eq!(
            self.first.watch.lock.holder(),
            LockHolder::Dead,
            "the first process died holding the lock"
        );
        if self.is_reaped {
            self.first.mutex.segment().reap().unwrap();
        }
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

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        let left_behind = self.first.watch.was_left_behind(death);
        self.first.check(left_behind);
        if left_behind { "recovered" } else { "free" }
    }
}

impl StopScenario for Recoverer {
    /// Where the stopped process has not taken the lock yet, a peer would be told of the death instead
    /// of it; so it only looks.
    fn go_around(&mut self, stopped: &Child, _: usize) -> &'static str {
        match self.first.watch.lock.holder() {
            LockHolder::Thread(thread) => {
                assert_eq!(thread, stopped.pid());
                assert!(matches!(self.first.mutex.try_lock(), Err(LockError::WouldBlock)), "it is robbed");
                "taken from the dead"
            }
            LockHolder::Dead => "left by the dead",
            LockHolder::Nobody => {
                assert!(!self.first.mutex.lock().unwrap().recovered(), "a death is reported once");
                "free"
            }
        }
    }
}

/// Stops a process that takes the lock from a dead holder.
pub(crate) fn stop_lock_after_death(name: &str) -> KillCounts {
    let (first, trace, (taken, _)) = traced(name);
    stop::at_every_instruction(&mut Recoverer { first, trace, point: taken, is_reaped: false })
}

/// Kills the first process right after it took the lock, and right before it gives the lock back;
/// and then the second process at every instruction, with the first one reaped or not.
pub(crate) fn lock_after_death(name: &str) -> KillCounts {
    let (first, trace, (taken, last)) = traced(name);
    let mut kills = KillCounts::default();
    let mut second = Recoverer { first, trace, point: 0, is_reaped: false };
    for (point, is_reaped) in [(taken, false), (last, false), (last, true)] {
        (second.point, second.is_reaped) = (point, is_reaped);
        kills.merge(&kill::at_every_instruction(&mut second));
    }
    kills
}

/// The trace of the first process, and the first and the last point at which it holds the lock.
fn traced(name: &str) -> (LockUnlock, Trace, (usize, usize)) {
    let mut first = LockUnlock::new(name);
    let mut held_at: Vec<usize> = Vec::new();
    let trace = kill::trace_operation(&mut first, |first, child, trace| {
        if first.watch.lock.holder() == LockHolder::Thread(child.pid()) {
            held_at.push(trace.last());
        }
    });
    let (&taken, &last) = (held_at.first().expect("held"), held_at.last().expect("held"));
    assert!(taken < last, "held for more than one instruction");
    (first, trace, (taken, last))
}
