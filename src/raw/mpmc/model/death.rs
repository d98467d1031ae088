//! Deaths: a participant dies in the middle of an operation. Others find its slot busy, and several
//! of them repair it at the same time.

use loom::sync::Arc;
use loom::thread::{self, JoinHandle};

use super::{Outcome, SIZE, Shared, assert_delivered_once, assert_in_order, model};
use crate::primitive::Ordering;
use crate::raw::atomic_copy;
use crate::raw::mpmc::BusySlot;
use crate::raw::mpmc::slot_word::{MpmcSlotState, MpmcSlotWord};

/// The participant that dies.
pub(super) const DEAD: u32 = 7;

/// Where a producer is killed.
#[derive(Clone, Copy, Debug)]
enum Killed {
    /// It has claimed a slot.
    Claimed,
    /// It has also advanced `tail` past the slot.
    Helped,
    /// It has also written part of its message.
    Writing,
}

impl Shared {
    /// Begins a push at the ring's first position as participant [`DEAD`], and stops there. Does
    /// nothing if another producer has claimed the position.
    fn die_pushing(&self, killed: Killed) {
        let ring = self.ring();
        let slot = ring.slot(0).unwrap();
        let claimed = MpmcSlotWord::new(slot.lap, DEAD, MpmcSlotState::Writing);
        if slot.move_from(MpmcSlotWord::new(slot.lap, 0, MpmcSlotState::Free), claimed) {
            match killed {
                Killed::Claimed => {}
                Killed::Helped => ring.advance_hint(&ring.state.tail, 0),
                Killed::Writing => {
                    ring.advance_hint(&ring.state.tail, 0);
                    atomic_copy::store(slot.payload, &[0xff; SIZE / 2]);
                }
            }
        }
        // ORDER: Release pairs with the Acquire in `repair_if_dead`, as the kernel's proof of death
        // would.
        self.is_dead.store(1, Ordering::Release);
    }

    pub(super) fn repair_if_dead(&self, busy: BusySlot) {
        if busy.owner() == DEAD && self.is_dead.load(Ordering::Acquire) == 1 {
            self.ring().repair_slot(busy);
        }
    }

    /// A thread that repairs the ring after participant [`DEAD`].
    fn repairer(shared: &Arc<Self>) -> JoinHandle<bool> {
        let shared = Arc::clone(shared);
        thread::spawn(move || shared.ring().repair(DEAD))
    }
}

/// A dying producer, a living one and a consumer. The first dies before the others begin, or at the
/// same time.
fn play_dying_producer(capacity: u64, killed: Killed, before: bool) {
    let seen = model::explore(2, move || -> Outcome {
        let shared = Shared::new(capacity);
        let repairer = if before {
            shared.die_pushing(killed);
            Shared::repairer(&shared)
        } else {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                shared.die_pushing(killed);
                shared.ring().repair(DEAD)
            })
        };
        let consumer = Shared::consumer(&shared, 2);
        let pushed = [shared.push_all(1, [11, 12])];
        let early = consumer.join().unwrap();
        repairer.join().unwrap();
        let late = shared.drain_and_refill();
        assert_in_order(&[early.clone(), late.clone()].concat());
        assert_delivered_once(&pushed, &[early.clone(), late]);
        (pushed[0].len(), early.len())
    });
    // If the dead producer has the only slot, the first push fails.
    let most = if before && capacity == 1 { 1 } else { 2 };
    assert!([(1, 0), (1, 1), (most, 1)].iter().all(|outcome| seen.contains(outcome)), "{seen:?}");
}

#[test]
fn mpmc_repair_dead_producer_one_slot() {
    for killed in [Killed::Claimed, Killed::Helped, Killed::Writing] {
        play_dying_producer(1, killed, true);
        play_dying_producer(1, killed, false);
    }
}

#[test]
fn mpmc_repair_dead_producer_two_slots() {
    for killed in [Killed::Claimed, Killed::Helped, Killed::Writing] {
        play_dying_producer(2, killed, true);
        play_dying_producer(2, killed, false);
    }
}

/// A consumer dies with a lease, and a producer skips the slot while two participants repair it.
#[test]
fn mpmc_repair_dead_lease_owner() {
    let seen = model::explore(2, || -> Outcome {
        let shared = Shared::new(2);
        assert_eq!(shared.push_all(1, [11, 12]).len(), 2);
        let (number, _) = shared.lease(DEAD).unwrap();
        assert_eq!((number, shared.pop()), (11, Some(12)));
        let repairer = Shared::repairer(&shared);
        let consumer = Shared::consumer(&shared, 1);
        let pushed = shared.push_all(1, [13]);
        shared.ring().repair(DEAD);
        repairer.join().unwrap();
        let early = consumer.join().unwrap();
        assert_delivered_once(&[vec![11], pushed.clone()], &[early.clone(), shared.drain_and_refill()]);
        (pushed.len(), early.iter().sum::<u64>() as usize)
    });
    assert!([0, 11, 13].iter().all(|popped| seen.contains(&(1, *popped))), "{seen:?}");
}

/// Two participants repair after a lease's dead owner. When the first is done, the message is there
/// for the next consumer, whose lease the other one does not end.
#[test]
fn mpmc_repair_late_spares_next_lease() {
    model::explore(3, || {
        let shared = Shared::new(2);
        assert_eq!(shared.push_all(1, [11, 12]).len(), 2);
        assert_eq!(shared.lease(DEAD).unwrap().0, 11);
        let late = Shared::repairer(&shared);
        shared.ring().repair(DEAD);
        let (number, leased) = shared.lease(3).unwrap();
        assert!(number == 11 && leased.redelivered, "returned messages first");
        late.join().unwrap();
        assert!(shared.ring().ack(3, leased));
        assert_eq!(shared.drain_and_refill(), [12]);
    });
}

/// Two participants repair after a dead producer. When the first is done, its slot is there for the
/// next one, from which the other does not take it.
#[test]
fn mpmc_repair_late_spares_next_producer() {
    for killed in [Killed::Claimed, Killed::Helped, Killed::Writing] {
        model::explore(3, move || {
            let shared = Shared::new(1);
            shared.die_pushing(killed);
            let late = Shared::repairer(&shared);
            shared.ring().repair(DEAD);
            assert_eq!(shared.push_all(1, [11]).len(), 1);
            late.join().unwrap();
            assert_eq!(shared.drain_and_refill(), [11]);
        });
    }
}
