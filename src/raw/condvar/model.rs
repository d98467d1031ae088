//! loom's exploration of the [`CondvarState`]: waiters and notifiers, living and dying. A park has
//! no recheck interval here, so a lost wake-up is a deadlock, which loom reports.
//!
//! Run by `RUSTFLAGS="--cfg loom" cargo test --release --lib`.

#![allow(clippy::unwrap_used)] // Tests, in a module that clippy does not take for one.

use loom::sync::{Arc, Mutex};
use loom::thread::{self, JoinHandle};

use super::slot_word::{CondvarSlotState, CondvarSlotWord};
use super::{CondvarState, SLOTS, WaiterSlot};
use crate::primitive::Ordering;
use crate::raw::model;
use crate::sys::clock::Deadline;

/// The participant that dies.
const DEAD: u32 = 7;

/// A condition variable, and a count that its mutex protects.
#[derive(Default)]
struct Shared {
    state: CondvarState,
    count: Mutex<u32>,
}

impl Shared {
    /// Parks until the waiter is notified.
    fn sleep(&self, place: WaiterSlot) {
        while !self.state.is_notified(place).unwrap() {
            let prepared = self.state.event(place).prepare_wait();
            if self.state.is_notified(place).unwrap() {
                return;
            }
            self.state.event(place).commit_wait(prepared, Deadline);
        }
    }

    /// Waits until the count is not 0, and takes one off it.
    fn take(&self, me: u32) {
        let mut count = self.count.lock().unwrap();
        while *count == 0 {
            let place = self.state.enter(me).unwrap();
            drop(count);
            self.sleep(place);
            count = self.count.lock().unwrap();
            self.state.release(place);
        }
        *count -= 1;
    }

    fn taker(shared: &Arc<Self>, me: u32) -> JoinHandle<()> {
        let shared = Arc::clone(shared);
        thread::spawn(move || shared.take(me))
    }

    /// A thread that has begun to wait, and ends once it is notified.
    fn waiter(shared: &Arc<Self>, me: u32) -> JoinHandle<()> {
        let place = shared.state.enter(me).unwrap();
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            shared.sleep(place);
            shared.state.release(place);
        })
    }

    fn add(&self, added: u32) {
        *self.count.lock().unwrap() += added;
    }

    /// Asserts that no slot is taken, and no bit set. All other threads have ended.
    fn assert_empty(&self) {
        self.assert_free();
        assert_eq!(self.state.taken[0].load(Ordering::Relaxed), 0);
    }

    /// Asserts that no slot is taken. A dead waiter may have left its bit.
    fn assert_free(&self) {
        for slot in &self.state.slots {
            assert_eq!(slot.load(), CondvarSlotWord::FREE);
        }
        assert_eq!(self.state.notify(SLOTS), 0);
    }
}

#[test]
fn condvar_notify_one_waiter() {
    for holds_the_lock in [true, false] {
        model::explore(6, move || {
            let shared = Arc::new(Shared::default());
            let taker = Shared::taker(&shared, 1);
            if holds_the_lock {
                let mut count = shared.count.lock().unwrap();
                *count += 1;
                shared.state.notify(1);
            } else {
                shared.add(1);
                shared.state.notify(1);
            }
            taker.join().unwrap();
            shared.assert_empty();
        });
    }
}

#[test]
fn condvar_notify_two_waiters() {
    for notifications in [&[1, 1][..], &[2], &[usize::MAX]] {
        model::explore(2, move || {
            let shared = Arc::new(Shared::default());
            let takers = [Shared::taker(&shared, 1), Shared::taker(&shared, 2)];
            for count in notifications {
                shared.add(if *count == 1 { 1 } else { 2 });
                shared.state.notify(*count);
            }
            takers.into_iter().for_each(|taker| taker.join().unwrap());
            shared.assert_empty();
        });
    }
}

/// If two notifiers both choose the first waiter, one of their notifications still goes to the
/// second.
#[test]
fn condvar_notify_two_notifiers() {
    model::explore(3, || {
        let shared = Arc::new(Shared::default());
        let waiters = [Shared::waiter(&shared, 1), Shared::waiter(&shared, 2)];
        let notifier = thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.state.notify(1)
        });
        let notified = shared.state.notify(1) + notifier.join().unwrap();
        assert_eq!(notified, 2);
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        shared.assert_empty();
    });
}

/// Waiters are notified in the order in which they came.
#[test]
fn condvar_notify_in_order_of_arrival() {
    model::explore(1, || {
        let state = CondvarState::default();
        // The tickets wrap around between them.
        state.tickets.store((1 << 44) - 2, Ordering::Relaxed);
        let places = [1, 2, 3].map(|me| state.enter(me).unwrap());
        assert!(state.enter(4).is_none(), "there are three slots");
        for count in 1..=3 {
            assert_eq!(state.notify(1), 1);
            let notified = places.map(|place| state.is_notified(place).unwrap());
            assert_eq!(notified, [true, count > 1, count > 2]);
        }
        assert_eq!(state.notify(1), 0);
        places.into_iter().for_each(|place| state.release(place));
    });
}

/// A waiter's time is over while a notifier notifies one of two waiters.
#[test]
fn condvar_give_up_timeout_during_notify() {
    let seen = model::explore(4, || {
        let shared = Arc::new(Shared::default());
        let timed_out = shared.state.enter(1).unwrap();
        let waiter = Shared::waiter(&shared, 2);
        let notifier = thread::spawn({
            let shared = Arc::clone(&shared);
            move || assert_eq!(shared.state.notify(1), 1)
        });
        let gave_up = shared.state.give_up(timed_out);
        if !gave_up {
            shared.state.release(timed_out);
            // The notification is this waiter's, so the other one needs a second one.
            assert_eq!(shared.state.notify(1), 1);
        }
        notifier.join().unwrap();
        waiter.join().unwrap();
        shared.assert_empty();
        gave_up
    });
    assert_eq!(seen.len(), 2, "both happen: {seen:?}");
}

/// A slot is freed and taken by another waiter while a notifier looks at it.
#[test]
fn condvar_notify_slot_reused() {
    model::explore(3, || {
        let shared = Arc::new(Shared::default());
        let others = [8, 9].map(|me| shared.state.enter(me).unwrap());
        let first = shared.state.enter(1).unwrap();
        let next = thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                if !shared.state.give_up(first) {
                    shared.state.release(first);
                }
                shared.take(2);
            }
        });
        others.into_iter().for_each(|place| assert!(shared.state.give_up(place)));
        shared.add(1);
        shared.state.notify(1);
        next.join().unwrap();
        shared.assert_empty();
    });
}

/// Where a waiter is killed.
#[derive(Clone, Copy, Debug)]
enum Killed {
    /// It has a slot, and has not set its bit yet.
    Claimed,
    Waiting,
    /// It was notified.
    Notified,
    /// It was notified, and has cleared its bit to free its slot.
    Leaving,
}

impl Killed {
    /// Does what the dead participant did, and returns whether it was notified.
    fn die(self, state: &CondvarState) -> bool {
        let place = state.enter(DEAD).unwrap();
        if matches!(self, Self::Claimed) {
            state.hide(place.index);
        }
        let is_notified = matches!(self, Self::Notified | Self::Leaving);
        if is_notified {
            assert_eq!(state.notify(1), 1);
        }
        if matches!(self, Self::Leaving) {
            state.hide(place.index);
        }
        is_notified
    }
}

/// A waiter has died, and its repairer runs at the same time as a notifier. The living waiter wakes
/// up.
#[test]
fn condvar_repair_dead_waiter() {
    for killed in [Killed::Claimed, Killed::Waiting, Killed::Notified, Killed::Leaving] {
        model::explore(3, move || {
            let shared = Arc::new(Shared::default());
            let is_owed = killed.die(&shared.state);
            let living = Shared::waiter(&shared, 1);
            let repairer = thread::spawn({
                let shared = Arc::clone(&shared);
                move || shared.state.repair(DEAD)
            });
            if !is_owed {
                shared.state.notify(1);
            }
            living.join().unwrap();
            repairer.join().unwrap();
            shared.assert_free();
        });
    }
}

/// A process dies of which one thread was notified and another one waits. Its first repairer is
/// killed too, before it notifies the waiters.
#[test]
fn condvar_repair_two_dead_waiters() {
    model::explore(3, || {
        let shared = Arc::new(Shared::default());
        assert!(Killed::Notified.die(&shared.state));
        Killed::Waiting.die(&shared.state);
        let living = Shared::waiter(&shared, 1);
        let first = &shared.state.slots[0];
        assert_eq!(first.load().owner(), DEAD);
        shared.state.hide(0);
        first.word.store(CondvarSlotWord::FREE.into(), Ordering::Relaxed);
        shared.state.repair(DEAD);
        living.join().unwrap();
        shared.state.repair(DEAD);
        shared.assert_free();
    });
}

/// A notifier has changed what the others wait for, and has died before it notified them.
#[test]
fn condvar_repair_dead_notifier() {
    model::explore(4, || {
        let shared = Arc::new(Shared::default());
        let taker = Shared::taker(&shared, 1);
        shared.add(1);
        shared.state.repair(DEAD);
        taker.join().unwrap();
        shared.assert_empty();
    });
}

/// A repair touches no slot of a living waiter.
#[test]
fn condvar_repair_during_notify() {
    model::explore(3, || {
        let shared = Arc::new(Shared::default());
        Killed::Waiting.die(&shared.state);
        let taker = Shared::taker(&shared, 1);
        let repairer = thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.state.repair(DEAD)
        });
        shared.add(1);
        // Perhaps to the dead waiter.
        shared.state.notify(1);
        taker.join().unwrap();
        repairer.join().unwrap();
        shared.assert_free();
        let state = shared.state.slots.iter().map(|slot| slot.load().state());
        state.for_each(|state| assert_eq!(state, CondvarSlotState::Free));
    });
}

/// Two processes repair after a dead waiter. When the first is done, a living waiter takes the slot:
/// the other one, however late it goes on, neither hides it from notifiers nor frees it.
#[test]
fn condvar_repair_late_spares_next_waiter() {
    for killed in [Killed::Claimed, Killed::Waiting, Killed::Notified, Killed::Leaving] {
        model::explore(3, move || {
            let shared = Arc::new(Shared::default());
            killed.die(&shared.state);
            // The next waiter begins its search at the dead one's slot.
            shared.state.tickets.store(SLOTS as u64, Ordering::Relaxed);
            let late = thread::spawn({
                let shared = Arc::clone(&shared);
                move || shared.state.repair(DEAD)
            });
            shared.state.repair(DEAD);
            let place = shared.state.enter(1).unwrap();
            assert_eq!(place.index, 0);
            // By this, or by the late repairer.
            shared.state.notify(1);
            assert_eq!(shared.state.is_notified(place), Ok(true));
            late.join().unwrap();
            assert_eq!(shared.state.is_notified(place), Ok(true));
            shared.state.release(place);
            shared.assert_empty();
        });
    }
}
