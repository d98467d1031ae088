//! loom's exploration of [`OwnedSemaphore`]: owners and waiters, living and dying. What a permit
//! stands for is a cell, so loom reports two owners of the same permit. A park has no recheck
//! interval here, so a lost wake-up is a deadlock, which loom reports too.
//!
//! Run by `RUSTFLAGS="--cfg loom" cargo test --release --lib`.

#![allow(clippy::unwrap_used)] // Tests, in a module that clippy does not take for one.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread::{self, JoinHandle};

use super::{OwnedSemaphore, OwnedSemaphoreState, PermitAttempt};
use crate::primitive::AtomicU32;
use crate::raw::model;
use crate::sys::clock::Deadline;

const PARTICIPANTS: u32 = 4;

struct Shared {
    state: OwnedSemaphoreState,
    words: Vec<AtomicU32>,
    things: Vec<UnsafeCell<u32>>,
}

// SAFETY: `things` are cells that loom watches.
#[allow(unsafe_code)]
unsafe impl Sync for Shared {}

impl Shared {
    fn permits(&self) -> OwnedSemaphore<'_> {
        OwnedSemaphore::new(&self.state, &self.words)
    }

    fn try_take(&self, me: u32) -> Option<usize> {
        match self.permits().try_take(me, PARTICIPANTS, me as usize) {
            PermitAttempt::Taken(at) => Some(at),
            PermitAttempt::WouldBlock => None,
            PermitAttempt::Corrupt => panic!("all owners are participants"),
        }
    }

    fn take(&self, me: u32) -> usize {
        loop {
            if let Some(at) = self.try_take(me) {
                return at;
            }
            let prepared = self.state.freed.prepare_wait();
            if let Some(at) = self.try_take(me) {
                return at;
            }
            self.state.freed.commit_wait(prepared, Deadline);
        }
    }

    #[allow(unsafe_code)]
    fn use_permit(&self, at: usize) {
        // SAFETY: loom checks the accesses to its cells.
        self.things[at].with_mut(|cell| unsafe { *cell += 1 });
    }

    fn take_and_give(&self, me: u32) {
        let at = self.take(me);
        self.use_permit(at);
        assert!(self.permits().give_back(me, at));
    }

    fn start(this: &Arc<Self>, act: impl FnOnce(&Self) + 'static) -> JoinHandle<()> {
        let this = Arc::clone(this);
        thread::spawn(move || act(&this))
    }
}

fn explore(permits: usize, preemptions: usize, scene: impl Fn(&Arc<Shared>) + Send + Sync + 'static) {
    model::explore(preemptions, move || {
        let shared = Arc::new(Shared {
            state: OwnedSemaphoreState::default(),
            words: (0..permits).map(|_| AtomicU32::new(0)).collect(),
            things: (0..permits).map(|_| UnsafeCell::new(0)).collect(),
        });
        scene(&shared);
        assert_eq!(shared.permits().free_now(), permits, "all came back");
    });
}

#[test]
fn owned_semaphore_take_two_threads_one_permit() {
    explore(1, 4, |shared| {
        let other = Shared::start(shared, |shared| shared.take_and_give(1));
        shared.take_and_give(2);
        other.join().unwrap();
    });
}

#[test]
fn owned_semaphore_take_three_threads_two_permits() {
    explore(2, 2, |shared| {
        let others = [1, 2].map(|id| Shared::start(shared, move |shared| shared.take_and_give(id)));
        shared.take_and_give(3);
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}

/// Two threads of one participant exclude each other like two participants.
#[test]
fn owned_semaphore_take_two_threads_of_one_participant() {
    explore(1, 3, |shared| {
        let other = Shared::start(shared, |shared| shared.take_and_give(1));
        shared.take_and_give(1);
        other.join().unwrap();
    });
}

#[test]
fn owned_semaphore_repair_dead_holder_one_waiter() {
    explore(1, 3, |shared| {
        shared.take(1);
        let waiter = Shared::start(shared, |shared| shared.take_and_give(2));
        shared.permits().repair(1);
        waiter.join().unwrap();
    });
}

/// Two permits of a dead participant are two wake-ups.
#[test]
fn owned_semaphore_repair_dead_holder_two_waiters() {
    explore(2, 2, |shared| {
        shared.take(1);
        let at = shared.take(1);
        shared.permits().forget(1, at);
        let waiters = [2, 3].map(|id| Shared::start(shared, move |shared| shared.take_and_give(id)));
        shared.permits().repair(1);
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
    });
}

#[test]
fn owned_semaphore_repair_twice() {
    explore(1, 3, |shared| {
        shared.take(1);
        let repairer = Shared::start(shared, |shared| shared.permits().repair(1));
        shared.permits().repair(1);
        shared.take_and_give(2);
        repairer.join().unwrap();
    });
}

/// Two repairers, of which one goes on while others have what was the dead participant's permit.
#[test]
fn owned_semaphore_repair_late_spares_next_holder() {
    explore(1, 2, |shared| {
        shared.take(1);
        let late = Shared::start(shared, |shared| shared.permits().repair(1));
        shared.permits().repair(1);
        let other = Shared::start(shared, |shared| shared.take_and_give(2));
        shared.take_and_give(3);
        other.join().unwrap();
        late.join().unwrap();
    });
}

/// A forgotten permit is released once, and a permit that is not forgotten is not released.
#[test]
fn owned_semaphore_give_back_forgotten_twice() {
    explore(2, 3, |shared| {
        let (kept, forgotten) = (shared.take(1), shared.take(1));
        shared.permits().forget(1, forgotten);
        let other = Shared::start(shared, |shared| {
            shared.permits().give_back_forgotten(1);
        });
        shared.permits().give_back_forgotten(1);
        other.join().unwrap();
        assert_eq!(shared.permits().free_now(), 1);
        shared.use_permit(kept);
        assert!(shared.permits().give_back(1, kept));
        assert!(!shared.permits().give_back_forgotten(1));
    });
}
