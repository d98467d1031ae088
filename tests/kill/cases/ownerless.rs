//! A mutex whose holder died without the kernel's marking it, as it may for want of time: who waits for it frees it.

use breezeway::sync::Mutex;

use super::locked::SOON;
use super::mutex::LockUnlock;
use super::waiter::wait_once;
use crate::child::Child;
use crate::drive::{self, Death, Subject};
use crate::tally::Tally;
use crate::window::Holder;

/// A child that finds the holder to be no more, and takes the lock.
struct Finder {
    name: String,
    parent: LockUnlock,
    before: Holder,
}

impl Subject for Finder {
    type Handle = Mutex;

    fn reset(&mut self) {
        let child = Child::fork(|| {}, |()| {});
        let nobody = child.pid();
        child.kill();
        self.parent.watched.lock.set_holder(self.parent.mutex.segment(), nobody);
    }

    fn open(&self) -> Mutex {
        Mutex::open(&self.name).unwrap()
    }

    fn operate(&self, mutex: &Mutex) {
        assert!(mutex.lock().unwrap().recovered());
    }

    fn observe(&mut self, _: &Child) {
        self.before = self.parent.watched.lock.holder();
    }

    fn survive(&mut self, death: &Death) -> &'static str {
        let released = self.before == Holder::Nobody;
        assert!(released || !death.completed);
        let guard = self.parent.mutex.lock_timeout(SOON).expect("the lock passes on");
        assert_eq!(guard.recovered(), !released, "whether the last holder died");
        drop(guard);
        self.parent.check(false);
        if released { "freed by the child" } else { "freed by the survivor" }
    }

    /// Fewer than others: each waits for the next look at the holder, and its survivor again.
    fn sample(&self) -> usize {
        20
    }
}

pub(crate) fn wait(name: &str) -> Tally {
    let parent = LockUnlock::new(name);
    wait_once(&parent);
    drive::changes(&mut Finder { name: name.to_owned(), parent, before: Holder::Nobody })
}
