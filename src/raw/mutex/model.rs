//! loom's exploration of [`MutexState`]: lockers, living and dying, and reapers. What the lock
//! protects is a cell, so loom reports accesses that conflict. A park has no recheck interval here,
//! so a lost wake-up is a deadlock, which loom reports too; where a holder dies, its reaper wakes
//! the waiters.
//!
//! Run by `RUSTFLAGS="--cfg loom" cargo test --release --lib`.

#![allow(clippy::unwrap_used)] // Tests, in a module that clippy does not take for one.

use std::collections::BTreeSet;

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread::{self, JoinHandle};

use super::{LockAttempt, LockToken, MutexState};
use crate::primitive::{AtomicU32, Ordering};
use crate::raw::model;
use crate::raw::registration::Registration;
use crate::sys::clock::Deadline;

/// Where a thread of a model dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Death {
    /// Holding the lock, its report not delivered.
    Holding,
    /// Holding the lock, after it delivered its report.
    AfterReport,
    /// After the store that unlocks, before the notification.
    Unlocked,
}

struct Shared {
    lock: MutexState,
    protected: UnsafeCell<u32>,
    /// The epoch up to which the registrations of each id are over.
    over: Vec<AtomicU32>,
}

// SAFETY: `protected` is a cell that loom watches.
#[allow(unsafe_code)]
unsafe impl Sync for Shared {}

const fn process(id: u32, epoch: u32) -> Registration {
    Registration { id, epoch }
}

const fn token(of: Registration) -> LockToken {
    LockToken::of_task(of).with_thread(of.id)
}

impl Shared {
    /// The kernel's answer. It is given after all stores of the dead.
    fn is_over(&self, holder: Registration) -> bool {
        self.over[holder.id as usize].load(Ordering::Acquire) >= holder.epoch
    }

    fn die(&self, of: Registration) {
        self.over[of.id as usize].store(of.epoch, Ordering::Release);
    }

    #[allow(unsafe_code)]
    fn write_protected(&self) {
        // SAFETY: loom checks the accesses to its cells.
        self.protected.with_mut(|cell| unsafe { *cell += 1 });
    }

    /// One look, and a question about the holder. Says whether there is a death to report.
    fn attempt(&self, of: Registration) -> Option<bool> {
        match self.lock.attempt(token(of)) {
            LockAttempt::Acquired => Some(false),
            LockAttempt::AfterDeath => Some(true),
            LockAttempt::HeldByThread => panic!("a second lock"),
            LockAttempt::Held => {
                self.lock.take_from_dead(token(of), |word| self.is_over(word.registration())).then_some(true)
            }
        }
    }

    /// Takes the lock; says whether there is a death to report.
    fn acquire(&self, of: Registration) -> bool {
        if self.lock.try_take_free(token(of)) {
            return false;
        }
        loop {
            if let Some(after_death) = self.attempt(of) {
                return after_death;
            }
            let prepared = self.lock.released.prepare_wait();
            if let Some(after_death) = self.attempt(of) {
                return after_death;
            }
            self.lock.released.commit_wait(prepared, Deadline);
        }
    }

    /// A locked section whose guard delivers a report. Says whether there was one.
    fn section(&self, of: Registration) -> bool {
        let after_death = self.acquire(of);
        assert_eq!(self.lock.take_report(), after_death);
        self.write_protected();
        self.lock.unlock();
        after_death
    }

    /// A section that ends early. Says whether a report was delivered in it.
    fn die_in_section(&self, of: Registration, death: Death) -> bool {
        let after_death = self.acquire(of);
        if death == Death::Holding {
            self.die(of);
            return false;
        }
        self.lock.take_report();
        self.write_protected();
        if death == Death::Unlocked {
            self.lock.word.store(0, Ordering::Release);
        }
        self.die(of);
        after_death
    }

    fn start<R: 'static>(this: &Arc<Self>, act: impl FnOnce(&Self) -> R + 'static) -> JoinHandle<R> {
        let this = Arc::clone(this);
        thread::spawn(move || act(&this))
    }
}

fn explore<R: Ord + Send + 'static>(
    preemptions: usize,
    scene: impl Fn(&Arc<Shared>) -> R + Send + Sync + 'static,
) -> BTreeSet<R> {
    model::explore(preemptions, move || {
        let shared = Arc::new(Shared {
            lock: MutexState::default(),
            protected: UnsafeCell::new(0),
            over: (0..4).map(|_| AtomicU32::new(0)).collect(),
        });
        let seen = scene(&shared);
        assert!(shared.lock.load().is_free());
        seen
    })
}

/// Two lockers exclude each other, and an unlock meets a waiter at each step of its park.
#[test]
fn mutex_lock_two_lockers() {
    explore(3, |shared| {
        let other = Shared::start(shared, |shared| shared.section(process(1, 1)));
        assert!(!shared.section(process(2, 1)));
        assert!(!other.join().unwrap());
    });
}

#[test]
fn mutex_lock_three_lockers() {
    explore(2, |shared| {
        let others = [1, 2].map(|id| Shared::start(shared, move |shared| shared.section(process(id, 1))));
        assert!(!shared.section(process(3, 1)));
        others.into_iter().for_each(|other| assert!(!other.join().unwrap()));
    });
}

/// A holder is killed at each of its stores while another process waits, and is reaped.
#[test]
fn mutex_lock_holder_killed_with_waiter() {
    for death in [Death::Holding, Death::AfterReport, Death::Unlocked] {
        explore(3, move |shared| {
            let waiter = Shared::start(shared, |shared| shared.section(process(2, 1)));
            shared.die_in_section(process(1, 1), death);
            shared.lock.reclaim(1);
            let reported = u32::from(waiter.join().unwrap()) + u32::from(shared.section(process(3, 1)));
            assert_eq!(reported, u32::from(death != Death::Unlocked), "the death is reported once");
        });
    }
}

/// The process that takes the lock from a dead holder is killed at each of its stores, while a
/// third one waits.
#[test]
fn mutex_take_from_dead_taker_killed() {
    for death in [Death::Holding, Death::AfterReport, Death::Unlocked] {
        explore(3, move |shared| {
            shared.die_in_section(process(1, 1), Death::Holding);
            let waiter = Shared::start(shared, |shared| shared.section(process(3, 1)));
            let delivered = shared.die_in_section(process(2, 1), death);
            shared.lock.reclaim(2);
            let later = waiter.join().unwrap();
            let last = shared.section(process(3, 1));
            let reported = [delivered, later, last].map(u32::from).iter().sum::<u32>();
            // One that has delivered the first death and died holding is a second death. The two
            // may be one report, if none was delivered between them.
            assert!((1..=2).contains(&reported), "{reported} reports");
            assert!(death == Death::Holding || delivered || later);
            assert!(!shared.section(process(3, 1)), "each death is reported once");
        });
    }
}

/// A reaper frees a dead holder's lock while a locker takes it.
#[test]
fn mutex_reclaim_races_take_from_dead() {
    let seen = explore(3, |shared| {
        shared.die_in_section(process(1, 1), Death::Holding);
        let reaper = Shared::start(shared, |shared| shared.lock.reclaim(1));
        let first = shared.section(process(2, 1));
        reaper.join().unwrap();
        assert!(first, "reported to the next locker");
        assert!(!shared.section(process(2, 1)), "and to no other");
        shared.lock.recoveries.load(Ordering::Relaxed)
    });
    assert_eq!(seen, BTreeSet::from([1]), "recovered once, by either");
}

/// Two reapers of one dead holder, of which one goes on while the next lockers have the lock: they
/// keep it, and the death is reported once.
#[test]
fn mutex_reclaim_two_reapers() {
    let seen = explore(3, |shared| {
        shared.die_in_section(process(1, 1), Death::Holding);
        let late = Shared::start(shared, |shared| shared.lock.reclaim(1));
        shared.lock.reclaim(1);
        let other = Shared::start(shared, |shared| shared.section(process(2, 1)));
        let here = shared.section(process(3, 1));
        assert!(here != other.join().unwrap(), "reported once");
        late.join().unwrap();
        assert!(!shared.section(process(3, 1)), "and not again");
        shared.lock.recoveries.load(Ordering::Relaxed)
    });
    assert_eq!(seen, BTreeSet::from([1]), "recovered once, by either");
}

/// Two lockers race for a dead holder's lock: one report.
#[test]
fn mutex_take_from_dead_two_lockers() {
    explore(3, |shared| {
        shared.die_in_section(process(1, 1), Death::Holding);
        let other = Shared::start(shared, |shared| shared.section(process(2, 1)));
        let here = shared.section(process(3, 1));
        assert!(here != other.join().unwrap(), "reported once");
    });
}

/// A locker has found the holder dead. Before it takes the lock, the dead holder is reaped, and
/// another process gets the id and the lock: that one is not robbed.
#[test]
fn mutex_take_from_dead_spares_next_owner_of_id() {
    let seen = explore(3, |shared| {
        shared.die_in_section(process(1, 1), Death::Holding);
        let locker = Shared::start(shared, |shared| shared.section(process(2, 1)));
        shared.lock.reclaim(1);
        // The same id, and the same thread.
        let successor = shared.section(process(1, 2));
        let locker = locker.join().unwrap();
        assert!(successor != locker, "reported once");
        successor
    });
    assert_eq!(seen, BTreeSet::from([false, true]));
}

/// An operation without a guard takes a dead holder's lock and leaves the report to the next.
#[test]
fn mutex_unlock_keeps_report() {
    explore(3, |shared| {
        shared.die_in_section(process(1, 1), Death::Holding);
        let quiet = Shared::start(shared, |shared| {
            shared.acquire(process(2, 1));
            shared.write_protected();
            shared.lock.unlock();
        });
        let here = shared.section(process(3, 1));
        quiet.join().unwrap();
        assert!(here, "reported to the guard");
        assert!(!shared.section(process(3, 1)));
    });
}
