//! Waiting for a `Mutex`: a waiter's death blocks no process, and a holder's death strands no
//! waiter.

use std::cell::RefCell;
use std::time::Duration;

use breezeway::LockError;
use breezeway::sync::{Mutex, MutexGuard, Semaphore};

use super::mutex::LockUnlock;
use crate::child::Child;
use crate::kill::{self, Death, Scenario};
use crate::kill_counts::KillCounts;
use crate::observe::LockHolder;
use crate::process::{self, Process};
use crate::stop::{self, StopScenario};

/// A child waits for the lock that its parent holds.
pub(super) struct Waiter {
    pub(super) name: String,
    pub(super) parent: LockUnlock,
}

/// Long enough to be stepped to the futex wait before the timeout expires, and longer than one
/// recheck interval.
const WAIT_TIMEOUT: Duration = Duration::from_millis(120);

impl Scenario for Waiter {
    type Handle = Mutex;

    fn open(&self) -> Mutex {
        Mutex::open(&self.name).unwrap()
    }

    fn operate(&self, mutex: &Mutex) {
        assert!(matches!(mutex.lock_timeout(kill::scaled_timeout(WAIT_TIMEOUT)), Err(LockError::Timeout)));
    }

    fn check_survivors(&mut self, _: &Death) -> &'static str {
        assert_eq!(
            self.parent.watch.lock.holder(),
            LockHolder::Thread(std::process::id()),
            "the holder still holds it"
        );
        "still held"
    }

    /// Fewer than by default: each run takes as long as the wait.
    fn sample_size(&self) -> usize {
        40
    }
}

/// Waits once, since the first wait of a process counts its CPUs, which is a long path. Its
/// children inherit the number, and take the short path.
pub(super) fn count_cpus() {
    assert!(Semaphore::new(0).unwrap().acquire_timeout(Duration::from_millis(1)).is_err());
}

/// Kills a waiter: the holder notices nothing, and the lock is available afterwards.
pub(crate) fn lock_timeout_held(name: &str) -> KillCounts {
    let mut scenario = Waiter { name: name.to_owned(), parent: LockUnlock::new(name) };
    count_cpus();
    let mutex = scenario.parent.mutex.clone();
    let guard = mutex.lock().unwrap();
    let kills = kill::at_changes_and_blocked(&mut scenario);
    drop(guard);
    scenario.parent.check(false);
    kills
}

/// A child unlocks a mutex for which another process waits.
struct Unlock {
    name: String,
    parent: LockUnlock,
    waiter: Option<Process>,
    /// The holder when the child was last observed.
    before: LockHolder,
}

/// Forks a process that waits for the mutex of this name without a timeout, and exits when it has
/// locked it.
pub(super) fn another_waiter(name: &str) -> Process {
    process::fork(|| {
        let mutex = Mutex::open(name).unwrap();
        let recovered = mutex.lock().expect("the waiter gets the lock").recovered();
        if recovered { AFTER_DEATH } else { CLEANLY }
    })
}

/// How the waiter got the lock, as its exit code.
pub(super) const CLEANLY: libc::c_int = 0;
pub(super) const AFTER_DEATH: libc::c_int = 1;

impl Scenario for Unlock {
    type Handle = RefCell<Option<MutexGuard<'static>>>;

    fn open(&self) -> Self::Handle {
        let mutex: &'static Mutex = Box::leak(Box::new(Mutex::open(&self.name).unwrap()));
        RefCell::new(Some(mutex.lock().unwrap()))
    }

    fn operate(&self, guard: &Self::Handle) {
        drop(guard.take());
    }

    fn before_operation(&mut self, _: &Child) {
        self.waiter = Some(another_waiter(&self.name));
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
        let code = self.waiter.take().unwrap().exit_code();
        assert_eq!(
            code,
            Some(if held { AFTER_DEATH } else { CLEANLY }),
            "the waiter gets the lock and is told of a death"
        );
        self.parent.check(false);
        if held { "taken from the dead holder" } else { "released" }
    }
}

impl StopScenario for Unlock {
    fn go_around(&mut self, stopped: &Child, _: usize) -> &'static str {
        if self.before != LockHolder::Thread(stopped.pid()) {
            return "let go";
        }
        assert!(matches!(self.parent.mutex.try_lock(), Err(LockError::WouldBlock)), "it is robbed");
        assert_eq!(self.parent.watch.lock.holder(), self.before);
        "held by the stopped"
    }
}

/// Stops a holder while it unlocks: the waiter has the lock as soon as it is free.
pub(crate) fn stop_unlock_with_waiter(name: &str) -> KillCounts {
    let parent = LockUnlock::new(name);
    let name = name.to_owned();
    stop::at_every_instruction(&mut Unlock { name, parent, waiter: None, before: LockHolder::Nobody })
}

/// Kills a holder while it unlocks: the waiter gets the lock.
pub(crate) fn unlock_with_waiter(name: &str) -> KillCounts {
    let parent = LockUnlock::new(name);
    kill::at_every_instruction(&mut Unlock {
        name: name.to_owned(),
        parent,
        waiter: None,
        before: LockHolder::Nobody,
    })
}
