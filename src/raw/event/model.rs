//! loom's exploration of the event: nobody who waits is overlooked, not even where the event is cleared at once, and whoever is through
//! sees what was done before. The dead just stop. Whoever is overlooked sleeps for ever here, and loom reports the deadlock.
//!
//! Run by `RUSTFLAGS="--cfg loom" cargo test --release --lib`.

#![allow(clippy::unwrap_used)] // Tests, in a module that clippy does not take for one.

use loom::sync::Arc;
use loom::thread::{self, JoinHandle};

use super::{EventState, GENERATION, SET, Unset};
use crate::primitive::{AtomicU64, Ordering};
use crate::raw::model;
use crate::sys::clock::Deadline;

/// An event, and what is done before it is set.
#[derive(Default)]
struct Shared {
    event: EventState,
    work: AtomicU64,
}

impl Shared {
    fn has_work(&self) -> bool {
        // ORDER: relaxed; the event orders it.
        self.work.load(Ordering::Relaxed) != 0
    }

    fn set(&self) {
        self.work.store(1, Ordering::Relaxed);
        self.event.set();
    }

    /// Waits, as `wait` does.
    fn wait(&self) {
        if let Some(unset) = self.event.begin_wait() {
            self.wait_on(unset);
        }
    }

    fn wait_on(&self, unset: Unset) {
        while !self.event.was_set_since(unset) {
            let prepared = self.event.sets.prepare_wait();
            if self.event.was_set_since(unset) {
                return;
            }
            self.event.sets.commit_wait(prepared, Deadline);
        }
    }
}

fn spawn(shared: &Arc<Shared>, act: impl FnOnce(&Shared) + Send + 'static) -> JoinHandle<()> {
    let shared = Arc::clone(shared);
    thread::spawn(move || act(&shared))
}

/// Plays the scene.
fn explore(interruptions: usize, scene: impl Fn(&Arc<Shared>) + Send + Sync + 'static) {
    model::explore(interruptions, move || scene(&Arc::new(Shared::default())));
}

#[test]
fn who_is_through_sees_what_was_done_before() {
    explore(8, |shared| {
        let waiter = spawn(shared, |shared| {
            shared.wait();
            assert!(shared.has_work());
        });
        shared.set();
        waiter.join().unwrap();
    });
}

/// All who have begun to wait.
#[test]
fn a_pulse_lets_all_through_who_wait() {
    explore(3, |shared| {
        let waiters = [0, 1].map(|_| {
            let unset = shared.event.begin_wait().unwrap();
            spawn(shared, move |shared| {
                shared.wait_on(unset);
                assert!(shared.has_work());
            })
        });
        shared.set();
        assert!(shared.event.clear());
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        assert!(!shared.event.is_set());
    });
}

#[test]
fn two_who_set_it_at_once_set_it_once() {
    explore(3, |shared| {
        let waiter = spawn(shared, Shared::wait);
        let other = spawn(shared, Shared::set);
        shared.set();
        other.join().unwrap();
        waiter.join().unwrap();
        assert_eq!(shared.event.word.load(Ordering::Relaxed), GENERATION | SET);
    });
}

/// Work is done and the event is set, where it may be set already; meanwhile another clears it and looks for work.
#[test]
fn who_clears_it_sees_the_work_or_finds_it_set_again() {
    explore(8, |shared| {
        shared.event.set();
        let worker = spawn(shared, Shared::set);
        shared.event.clear();
        let saw_work = shared.has_work();
        worker.join().unwrap();
        assert!(saw_work || shared.event.is_set());
    });
}

/// Who set it dies before it wakes anybody. The next one that sets it does, whether or not it was cleared meanwhile.
#[test]
fn the_next_one_wakes_for_the_dead() {
    for is_cleared in [false, true] {
        explore(3, move |shared| {
            let waiters = [spawn(shared, Shared::wait), spawn(shared, Shared::wait)];
            spawn(shared, |shared| {
                shared.event.replace(Ordering::Release, |word| (word + GENERATION) | SET);
            })
            .join()
            .unwrap();
            if is_cleared {
                shared.event.clear();
            }
            shared.event.set();
            waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        });
    }
}

/// Its mark may stay, and others wait as if it had never been.
#[test]
fn a_waiter_that_dies() {
    explore(3, |shared| {
        let dead = spawn(shared, |shared| {
            let _ = shared.event.sets.prepare_wait();
        });
        let waiter = spawn(shared, Shared::wait);
        shared.event.set();
        dead.join().unwrap();
        waiter.join().unwrap();
    });
}

#[test]
fn the_generation_wraps_around() {
    explore(1, |shared| {
        shared.event.word.store(u64::MAX - SET, Ordering::Relaxed);
        let unset = shared.event.begin_wait().unwrap();
        assert!(shared.event.set() && shared.event.was_set_since(unset));
        assert!(shared.event.clear() && shared.event.was_set_since(unset));
        assert_eq!(shared.event.word.load(Ordering::Relaxed), 0);
    });
}
