//! loom's exploration of [`EventCount`]: sleepers beside publishers. Whoever is overlooked sleeps for ever here, and loom reports
//! the deadlock.
//!
//! Run by `RUSTFLAGS="--cfg loom" cargo test --release --lib`.

#![allow(clippy::unwrap_used)] // Tests, in a module that clippy does not take for one.

use loom::sync::Arc;
use loom::thread::{self, JoinHandle};

use super::{COUNT_STEP, EventCount, WAITERS_BIT, WAKE_ALL};
use crate::primitive::{AtomicU64, Ordering};
use crate::raw::model;
use crate::sys::clock::Deadline;
use crate::sys::futex;

/// Items that are published and taken, and the word to sleep on in between.
#[derive(Default)]
struct Shared {
    items: AtomicU64,
    event: EventCount,
}

impl Shared {
    fn publish_and_notify(&self, items: u64, wakes: u32) {
        // ORDER: relaxed, here and in `take`: that nobody is overlooked is the barriers' doing.
        self.items.fetch_add(items, Ordering::Relaxed);
        self.event.notify(wakes);
    }

    /// Takes one item, if this sees any.
    fn take(&self) -> bool {
        let mut seen = self.items.load(Ordering::Relaxed);
        while seen > 0 {
            match self.items.compare_exchange(seen, seen - 1, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(found) => seen = found,
            }
        }
        false
    }

    /// Waits for an item, as `wait` does.
    fn take_or_sleep(&self) {
        while !self.take() {
            let prepared = self.event.prepare_wait();
            if self.take() {
                return;
            }
            self.event.commit_wait(prepared, Deadline);
        }
    }

    fn sleeper(shared: &Arc<Self>) -> JoinHandle<()> {
        let shared = Arc::clone(shared);
        thread::spawn(move || shared.take_or_sleep())
    }

    fn word(&self) -> u32 {
        self.event.word.load(Ordering::Relaxed)
    }
}

/// Plays the scene.
fn explore(interruptions: usize, scene: impl Fn(&Arc<Shared>) + Send + Sync + 'static) {
    model::explore(interruptions, move || scene(&Arc::new(Shared::default())));
}

#[test]
fn a_sleeper_beside_a_publisher() {
    explore(8, |shared| {
        let sleeper = Shared::sleeper(shared);
        shared.publish_and_notify(1, 1);
        sleeper.join().unwrap();
        assert_eq!(shared.items.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn two_sleepers_and_a_publication_for_each() {
    explore(3, |shared| {
        let sleepers = [Shared::sleeper(shared), Shared::sleeper(shared)];
        shared.publish_and_notify(1, 1);
        shared.publish_and_notify(1, 1);
        sleepers.into_iter().for_each(|sleeper| sleeper.join().unwrap());
    });
}

#[test]
fn two_sleepers_and_two_publishers() {
    explore(2, |shared| {
        let sleepers = [Shared::sleeper(shared), Shared::sleeper(shared)];
        let publisher = thread::spawn({
            let shared = Arc::clone(shared);
            move || shared.publish_and_notify(1, 1)
        });
        shared.publish_and_notify(1, 1);
        publisher.join().unwrap();
        sleepers.into_iter().for_each(|sleeper| sleeper.join().unwrap());
    });
}

#[test]
fn two_sleepers_and_a_publication_for_both() {
    for wakes in [2, WAKE_ALL] {
        explore(3, move |shared| {
            let sleepers = [Shared::sleeper(shared), Shared::sleeper(shared)];
            shared.publish_and_notify(2, wakes);
            sleepers.into_iter().for_each(|sleeper| sleeper.join().unwrap());
        });
    }
}

/// The mark of a sleeper that was killed is cleared by a waker, while another sleeper comes.
#[test]
fn a_stale_mark_is_cleared_and_a_new_one_is_not() {
    explore(3, |shared| {
        let _ = shared.event.prepare_wait();
        let sleeper = Shared::sleeper(shared);
        shared.publish_and_notify(1, 1);
        sleeper.join().unwrap();
        shared.event.notify(1);
        assert_eq!(shared.word() & WAITERS_BIT, 0, "nobody sleeps");
        let quiet = shared.word();
        shared.event.notify(1);
        assert_eq!(shared.word(), quiet, "who has nobody to wake leaves the word alone");
    });
}

/// Who sleeps is marked, whoever else is woken, wakes by itself or is killed.
#[test]
fn who_sleeps_is_marked() {
    explore(3, |shared| {
        let sleeper = Shared::sleeper(shared);
        let waker = thread::spawn({
            let shared = Arc::clone(shared);
            move || shared.event.notify(1)
        });
        let _ = shared.event.prepare_wait();
        waker.join().unwrap();
        if futex::asleep(&shared.event.word) > 0 {
            assert_eq!(shared.word() & WAITERS_BIT, WAITERS_BIT);
        }
        shared.publish_and_notify(1, 1);
        sleeper.join().unwrap();
    });
}

#[test]
fn the_count_wraps_around_and_the_mark_stays() {
    explore(1, |shared| {
        for word in [u32::MAX, u32::MAX - COUNT_STEP, u32::MAX - WAITERS_BIT] {
            shared.event.word.store(word, Ordering::Relaxed);
            assert_eq!(shared.event.prepare_wait().word & WAITERS_BIT, WAITERS_BIT);
        }
    });
}
