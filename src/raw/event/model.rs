//! loom's exploration of the [`EventState`]: each waiter wakes up, even if the event is cleared at
//! once, and sees what was done before the event was set. A dead participant just stops. A park has
//! no recheck interval here, so a lost wake-up is a deadlock, which loom reports.
//!
//! Run by `RUSTFLAGS="--cfg loom" cargo test --release --lib`.

#![allow(clippy::unwrap_used)] // Tests, in a module that clippy does not take for one.

use loom::sync::Arc;
use loom::thread::{self, JoinHandle};

use super::{EventState, GENERATION, SET, Unset};
use crate::primitive::{AtomicU64, Ordering};
use crate::raw::model;
use crate::sys::clock::Deadline;

/// An event, and the work that is done before it is set.
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

    /// Waits as the public `wait` does.
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

/// Plays the scene with a new event.
fn explore(preemptions: usize, scene: impl Fn(&Arc<Shared>) + Send + Sync + 'static) {
    model::explore(preemptions, move || scene(&Arc::new(Shared::default())));
}

#[test]
fn event_wait_sees_earlier_writes() {
    explore(8, |shared| {
        let waiter = spawn(shared, |shared| {
            shared.wait();
            assert!(shared.has_work());
        });
        shared.set();
        waiter.join().unwrap();
    });
}

/// Setting and clearing wakes all waiters that have begun to wait.
#[test]
fn event_set_then_clear_wakes_all() {
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
fn event_set_two_setters() {
    explore(3, |shared| {
        let waiter = spawn(shared, Shared::wait);
        let other = spawn(shared, Shared::set);
        shared.set();
        other.join().unwrap();
        waiter.join().unwrap();
        assert_eq!(shared.event.word.load(Ordering::Relaxed), GENERATION | SET);
    });
}

/// A worker publishes work and sets the event, which may be set already; meanwhile another thread
/// clears it and looks for work.
#[test]
fn event_clear_during_set() {
    explore(8, |shared| {
        shared.event.set();
        let worker = spawn(shared, Shared::set);
        shared.event.clear();
        let saw_work = shared.has_work();
        worker.join().unwrap();
        assert!(saw_work || shared.event.is_set());
    });
}

/// A setter dies before it notifies. The next setter notifies, whether or not the event was cleared
/// meanwhile.
#[test]
fn event_set_after_dead_setter() {
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

/// A waiter dies: its waiters bit may stay, and does not disturb the others.
#[test]
fn event_set_dead_waiter() {
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
fn event_set_generation_wraps() {
    explore(1, |shared| {
        shared.event.word.store(u64::MAX - SET, Ordering::Relaxed);
        let unset = shared.event.begin_wait().unwrap();
        assert!(shared.event.set() && shared.event.was_set_since(unset));
        assert!(shared.event.clear() && shared.event.was_set_since(unset));
        assert_eq!(shared.event.word.load(Ordering::Relaxed), 0);
    });
}
