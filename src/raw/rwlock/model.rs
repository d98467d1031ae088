//! loom's exploration of [`RawRwLock`]: readers beside writers, living and dying. What the lock protects is a cell, so loom reports two
//! that are in it at a time; and whoever is overlooked sleeps for ever, which loom reports as a deadlock.
//!
//! Run by `RUSTFLAGS="--cfg loom" cargo test --release --lib`.

#![allow(clippy::unwrap_used)] // Tests, in a module that clippy does not take for one.

use loom::cell::UnsafeCell;
use loom::sync::{Arc, Mutex, MutexGuard};
use loom::thread::{self, JoinHandle};

use super::{RawRwLock, RwLockState};
use crate::primitive::AtomicU64;
use crate::raw::model;
use crate::sys::clock::Deadline;

struct Shared {
    /// The writers' lock. The kernel frees it when its holder dies; so does a thread that just drops it.
    lock: Mutex<()>,
    state: RwLockState,
    counts: Vec<AtomicU64>,
    protected: UnsafeCell<u32>,
}

// SAFETY: `protected` is what loom watches.
#[allow(unsafe_code)]
unsafe impl Sync for Shared {}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            lock: Mutex::default(),
            state: RwLockState::default(),
            counts: (0..3).map(|_| AtomicU64::new(0)).collect(),
            protected: UnsafeCell::new(0),
        })
    }

    fn raw_lock(&self) -> RawRwLock<'_> {
        RawRwLock::new(&self.state, &self.counts)
    }

    fn count(&self, id: u32) -> &AtomicU64 {
        self.raw_lock().count(id).unwrap()
    }

    fn enter(&self, id: u32) {
        let try_once = || !self.raw_lock().has_writer() && self.raw_lock().enter(self.count(id));
        if self.raw_lock().enter(self.count(id)) {
            return;
        }
        while !try_once() {
            let prepared = self.state.readers.prepare_wait();
            if try_once() {
                return;
            }
            self.state.readers.commit_wait(prepared, Deadline);
        }
    }

    /// Reads, and says whether it was told of a death.
    fn read(&self, id: u32) -> bool {
        self.enter(id);
        let told = self.raw_lock().is_abandoned();
        self.look_at_it();
        self.raw_lock().leave(self.count(id));
        told
    }

    #[allow(unsafe_code)]
    fn look_at_it(&self) {
        // SAFETY: loom checks it.
        self.protected.with(|it| unsafe { it.read() });
    }

    #[allow(unsafe_code)]
    fn change_it(&self) {
        // SAFETY: loom checks it.
        self.protected.with_mut(|it| unsafe { *it += 1 });
    }

    /// To the moment in which it would write. Says whether it was told of a death.
    fn start_to_write(&self, id: u32) -> (MutexGuard<'_, ()>, bool) {
        let hold = self.lock.lock().unwrap();
        self.raw_lock().announce_writer(id);
        while self.raw_lock().first_reader(1).is_some() {
            let prepared = self.state.readers_gone.prepare_wait();
            if self.raw_lock().first_reader(1).is_none() {
                break;
            }
            self.state.readers_gone.commit_wait(prepared, Deadline);
        }
        let told = self.raw_lock().write(id);
        (hold, told)
    }

    fn write(&self, id: u32) -> bool {
        let (_hold, told) = self.start_to_write(id);
        self.change_it();
        self.raw_lock().finish();
        told
    }

    /// What is done for one that is known to be dead.
    fn repair(&self, dead: u32) {
        self.raw_lock().repair(dead);
        if self.raw_lock().has_writer()
            && let Ok(_hold) = self.lock.try_lock()
        {
            self.raw_lock().clear_dead_writer();
        }
    }

    fn start<R: 'static>(this: &Arc<Self>, act: impl FnOnce(&Self) -> R + 'static) -> JoinHandle<R> {
        let this = Arc::clone(this);
        thread::spawn(move || act(&this))
    }

    /// Nobody is left in it or in the way.
    fn is_idle(&self) -> bool {
        self.raw_lock().first_reader(1).is_none() && !self.raw_lock().has_writer()
    }
}

fn explore<R: Ord + Send + 'static>(
    interruptions: usize,
    scene: impl Fn(&Arc<Shared>) -> R + Send + Sync + 'static,
) -> std::collections::BTreeSet<R> {
    model::explore(interruptions, move || {
        let shared = Shared::new();
        let seen = scene(&shared);
        assert!(shared.is_idle());
        seen
    })
}

#[test]
fn a_reader_beside_a_writer() {
    explore(4, |shared| {
        let reader = Shared::start(shared, |shared| shared.read(1));
        assert!(!shared.write(2));
        assert!(!reader.join().unwrap());
    });
}

/// Two threads of one process share a count.
#[test]
fn two_readers_beside_a_writer() {
    for [first, second] in [[1, 2], [1, 1]] {
        explore(2, move |shared| {
            let readers = [first, second].map(|id| Shared::start(shared, move |shared| shared.read(id)));
            shared.write(3);
            readers.into_iter().for_each(|reader| assert!(!reader.join().unwrap()));
        });
    }
}

#[test]
fn a_reader_beside_two_writers() {
    explore(2, |shared| {
        let reader = Shared::start(shared, |shared| shared.read(1));
        let writer = Shared::start(shared, |shared| shared.write(2));
        shared.write(3);
        assert!(!reader.join().unwrap() && !writer.join().unwrap());
    });
}

/// Readers do not keep each other out.
#[test]
fn two_readers_at_a_time() {
    explore(3, |shared| {
        shared.enter(1);
        let other = Shared::start(shared, |shared| shared.read(2));
        other.join().unwrap();
        shared.raw_lock().leave(shared.count(1));
    });
}

#[test]
fn a_writer_that_gives_up_lets_a_reader_in() {
    explore(3, |shared| {
        let reader = Shared::start(shared, |shared| shared.read(1));
        let hold = shared.lock.lock().unwrap();
        shared.raw_lock().announce_writer(2);
        shared.raw_lock().finish();
        drop(hold);
        assert!(!reader.join().unwrap());
    });
}

/// It died inside, or between its coming and its look.
#[test]
fn a_writer_behind_a_dead_reader() {
    explore(3, |shared| {
        shared.count(1).store(1, crate::primitive::Ordering::Relaxed);
        let writer = Shared::start(shared, |shared| shared.write(2));
        shared.repair(1);
        assert!(!writer.join().unwrap());
    });
}

/// A writer that dies at any of its stages, a reader that comes by, and who repairs. Nobody hangs, and a death in the section is told.
#[test]
fn a_reader_beside_a_dead_writer() {
    for stage in 0..3 {
        let seen = explore(2, move |shared| {
            let reader = Shared::start(shared, |shared| shared.read(1));
            die_writing(shared, stage);
            shared.repair(2);
            let told = reader.join().unwrap();
            assert_eq!(shared.write(3), stage == 2, "told to the next writer");
            assert!(!shared.write(3), "and to no other");
            told
        });
        assert_eq!(seen.contains(&true), stage == 2);
    }
}

fn die_writing(shared: &Shared, stage: u32) {
    match stage {
        0 => drop(shared.lock.lock().unwrap()),
        1 => {
            let hold = shared.lock.lock().unwrap();
            shared.raw_lock().announce_writer(2);
            drop(hold);
        }
        _ => drop(shared.start_to_write(2)),
    }
}

/// The next writer is there before the dead one is repaired after, or behind it, or in the middle.
#[test]
fn a_writer_beside_the_repair_of_another() {
    for stage in 0..3 {
        explore(3, move |shared| {
            die_writing(shared, stage);
            let repairer = Shared::start(shared, |shared| shared.repair(2));
            let first = shared.write(3);
            assert_eq!(first, stage == 2);
            repairer.join().unwrap();
            assert!(!shared.write(3), "told once");
        });
    }
}

/// Two that repair the same death, as when the first is killed at it, while a reader waits.
#[test]
fn two_repairs_of_a_writer() {
    explore(2, |shared| {
        die_writing(shared, 2);
        let reader = Shared::start(shared, |shared| shared.read(1));
        let repairer = Shared::start(shared, |shared| shared.repair(2));
        shared.repair(2);
        repairer.join().unwrap();
        assert!(reader.join().unwrap(), "told to a reader");
        assert!(shared.write(3));
    });
}
