//! loom's exploration of [`RawRwLock`]: readers and writers, living and dying. What the lock
//! protects is a cell, so loom reports accesses that conflict. A park has no recheck interval here,
//! so a lost wake-up is a deadlock, which loom reports too.
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
    /// The writers' lock, which has models of its own. Its word passes on when its holder dies; here
    /// a dead holder drops its guard.
    lock: Mutex<()>,
    state: RwLockState,
    counts: Vec<AtomicU64>,
    protected: UnsafeCell<u32>,
}

// SAFETY: `protected` is a cell that loom watches.
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
            // The crate does it before, and again after a recheck interval, which this has not.
            self.clear_abandoned();
            if try_once() {
                return;
            }
            self.state.readers.commit_wait(prepared, Deadline);
        }
    }

    /// Reads, and returns whether there was a death report.
    fn read(&self, id: u32) -> bool {
        self.enter(id);
        let reported = self.raw_lock().is_abandoned();
        self.read_protected();
        self.raw_lock().leave(self.count(id));
        reported
    }

    #[allow(unsafe_code)]
    fn read_protected(&self) {
        // SAFETY: loom checks the accesses to its cells.
        self.protected.with(|cell| unsafe { cell.read() });
    }

    #[allow(unsafe_code)]
    fn write_protected(&self) {
        // SAFETY: loom checks the accesses to its cells.
        self.protected.with_mut(|cell| unsafe { *cell += 1 });
    }

    /// Goes on to where a writer is about to write. Returns its guard, and whether there was a
    /// death report.
    fn start_to_write(&self, id: u32) -> (MutexGuard<'_, ()>, bool) {
        let guard = self.lock.lock().unwrap();
        self.raw_lock().announce_writer(id);
        while self.raw_lock().first_reader(1..=3).is_some() {
            let prepared = self.state.readers_gone.prepare_wait();
            if self.raw_lock().first_reader(1..=3).is_none() {
                break;
            }
            self.state.readers_gone.commit_wait(prepared, Deadline);
        }
        let reported = self.raw_lock().write(id);
        (guard, reported)
    }

    fn write(&self, id: u32) -> bool {
        let (_guard, reported) = self.start_to_write(id);
        self.write_protected();
        self.raw_lock().finish();
        reported
    }

    /// Evicts a dead writer, as a reader does after a park.
    fn clear_abandoned(&self) {
        if let Ok(_guard) = self.lock.try_lock() {
            self.raw_lock().clear_dead_writer();
        }
    }

    /// Repairs the lock after a participant that is proven dead.
    fn repair(&self, dead: u32) {
        self.raw_lock().repair(dead);
    }

    fn start<R: 'static>(this: &Arc<Self>, act: impl FnOnce(&Self) -> R + 'static) -> JoinHandle<R> {
        let this = Arc::clone(this);
        thread::spawn(move || act(&this))
    }

    /// Whether no reader and no writer is left.
    fn is_idle(&self) -> bool {
        self.raw_lock().first_reader(1..=3).is_none() && !self.raw_lock().has_writer()
    }
}

fn explore<R: Ord + Send + 'static>(
    preemptions: usize,
    scene: impl Fn(&Arc<Shared>) -> R + Send + Sync + 'static,
) -> std::collections::BTreeSet<R> {
    model::explore(preemptions, move || {
        let shared = Shared::new();
        let seen = scene(&shared);
        assert!(shared.is_idle());
        seen
    })
}

#[test]
fn rwlock_read_one_writer() {
    explore(4, |shared| {
        let reader = Shared::start(shared, |shared| shared.read(1));
        assert!(!shared.write(2));
        assert!(!reader.join().unwrap());
    });
}

/// The readers are of two participants, or two threads of one, which share a count.
#[test]
fn rwlock_read_two_readers_one_writer() {
    for [first, second] in [[1, 2], [1, 1]] {
        explore(2, move |shared| {
            let readers = [first, second].map(|id| Shared::start(shared, move |shared| shared.read(id)));
            shared.write(3);
            readers.into_iter().for_each(|reader| assert!(!reader.join().unwrap()));
        });
    }
}

#[test]
fn rwlock_read_two_writers() {
    explore(2, |shared| {
        let reader = Shared::start(shared, |shared| shared.read(1));
        let writer = Shared::start(shared, |shared| shared.write(2));
        shared.write(3);
        assert!(!reader.join().unwrap() && !writer.join().unwrap());
    });
}

/// Two readers are inside at the same time.
#[test]
fn rwlock_read_two_readers_inside() {
    explore(3, |shared| {
        shared.enter(1);
        let other = Shared::start(shared, |shared| shared.read(2));
        other.join().unwrap();
        shared.raw_lock().leave(shared.count(1));
    });
}

#[test]
fn rwlock_finish_timed_out_writer() {
    explore(3, |shared| {
        let reader = Shared::start(shared, |shared| shared.read(1));
        let guard = shared.lock.lock().unwrap();
        shared.raw_lock().announce_writer(2);
        shared.raw_lock().finish();
        drop(guard);
        assert!(!reader.join().unwrap());
    });
}

/// A writer waits for a reader that died inside, or between its count and its look.
#[test]
fn rwlock_repair_dead_reader() {
    explore(3, |shared| {
        shared.count(1).store(1, crate::primitive::Ordering::Relaxed);
        let writer = Shared::start(shared, |shared| shared.write(2));
        shared.repair(1);
        assert!(!writer.join().unwrap());
    });
}

/// A writer dies at any of its stages, while a reader reads and the lock is repaired. No thread
/// hangs, and a death in the section is reported.
#[test]
fn rwlock_repair_dead_writer_during_read() {
    for stage in 0..3 {
        let seen = explore(2, move |shared| {
            let reader = Shared::start(shared, |shared| shared.read(1));
            die_writing(shared, stage);
            shared.repair(2);
            let reported = reader.join().unwrap();
            assert_eq!(shared.write(3), stage == 2, "reported to the next writer");
            assert!(!shared.write(3), "and to no other");
            reported
        });
        assert_eq!(seen.contains(&true), stage == 2);
    }
}

fn die_writing(shared: &Shared, stage: u32) {
    match stage {
        0 => drop(shared.lock.lock().unwrap()),
        1 => {
            let guard = shared.lock.lock().unwrap();
            shared.raw_lock().announce_writer(2);
            drop(guard);
        }
        _ => drop(shared.start_to_write(2)),
    }
}

/// The next writer comes before, after or during the repair of a dead one.
#[test]
fn rwlock_repair_dead_writer_during_write() {
    for stage in 0..3 {
        explore(3, move |shared| {
            die_writing(shared, stage);
            let repairer = Shared::start(shared, |shared| shared.repair(2));
            let first = shared.write(3);
            assert_eq!(first, stage == 2);
            repairer.join().unwrap();
            assert!(!shared.write(3), "reported once");
        });
    }
}

/// Two repairs of one death, as after the first repairer was killed, while a reader waits.
#[test]
fn rwlock_repair_dead_writer_twice() {
    explore(2, |shared| {
        die_writing(shared, 2);
        let reader = Shared::start(shared, |shared| shared.read(1));
        let repairer = Shared::start(shared, |shared| shared.repair(2));
        shared.repair(2);
        repairer.join().unwrap();
        assert!(reader.join().unwrap(), "reported to a reader");
        assert!(shared.write(3));
    });
}

/// Two repairs after a dead reader, of which one goes on while a writer writes and another reader
/// reads.
#[test]
fn rwlock_repair_dead_reader_twice() {
    explore(2, |shared| {
        shared.count(1).store(1, crate::primitive::Ordering::Relaxed);
        let writer = Shared::start(shared, |shared| shared.write(2));
        let late = Shared::start(shared, |shared| shared.repair(1));
        shared.repair(1);
        assert!(!shared.read(3));
        assert!(!writer.join().unwrap());
        late.join().unwrap();
    });
}
