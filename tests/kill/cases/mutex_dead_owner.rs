//! A mutex whose word names a registration that left nothing else behind, as in a segment that
//! outlived its machine: a locker takes it over.

use breezeway::sync::Mutex;

use super::lock_watch::SURVIVOR_TIMEOUT;
use super::mutex::LockUnlock;
use super::mutex_blocked::count_cpus;
use crate::child::Child;
use crate::kill::{self, Death, Scenario};
use crate::kill_counts::KillCounts;
use crate::observe::LockHolder;

/// A child detects that the holder is dead, and takes the lock.
struct Finder {
    name: String,
    parent: LockUnlock,
    before: LockHolder,
}

impl Scenario for Finder {
    type Handle = Mutex;

    fn reset(&mut self) {
        let child = Child::fork(|| {}, |()| {});
        let dead = child.pid();
        child.kill();
        self.parent.watch.lock.set_ownerless(self.parent.mutex.segment(), dead);
    }

    fn open(&self) -> Mutex {
        Mutex::open(&self.name).unwrap()
    }

    fn operate(&self, mutex: &Mutex) {
        assert!(mutex.lock().unwrap().recovered());
    }

    fn observe(&mut self, _: &Child) {
        self.before = self.parent.watch.lock.holder();
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        let released = self.before == LockHolder::Nobody;
        assert!(released || !death.completed);
        let guard = self.parent.mutex.lock_timeout(SURVIVOR_TIMEOUT).expect("the lock is available");
        assert_eq!(guard.recovered(), !released, "whether the last holder died");
        drop(guard);
        self.parent.check(false);
        if released { "taken over by the child" } else { "taken over by the survivor" }
    }
}

pub(crate) fn lock_dead_owner_unmarked(name: &str) -> KillCounts {
    let parent = LockUnlock::new(name);
    count_cpus();
    kill::at_changes(&mut Finder { name: name.to_owned(), parent, before: LockHolder::Nobody })
}
