//! A party dies, and others find out and repair, several at the same time: nobody waits for the dead.

use loom::sync::Arc;
use loom::thread;

use super::{BarrierOutcome, Shared, model};
use crate::primitive::Ordering;
use crate::raw::barrier::BROKEN;

/// The participant that dies.
const DEAD: u32 = 7;

/// Where it is killed.
#[derive(Clone, Copy, Debug)]
enum Killed {
    /// It has arrived.
    Arrived,
    /// It was the last, and has let all pass, and woken nobody.
    Passed,
    /// It has broken the barrier, and woken nobody.
    Aborted,
}

impl Shared {
    /// Comes as [`DEAD`], and goes no further.
    fn die(&self, killed: Killed) {
        let (barrier, word) = (self.barrier(), &self.state.word);
        match (killed, barrier.arrive(DEAD)) {
            (Killed::Passed, Ok(arrived)) if barrier.is_last(arrived) => {
                let next = arrived.view.next(false).0;
                // ORDER: as in `change`.
                word.compare_exchange(arrived.view.0, next, Ordering::AcqRel, Ordering::Relaxed).unwrap();
            }
            (Killed::Aborted, _) => drop(word.fetch_or(BROKEN, Ordering::AcqRel)),
            _ => {}
        }
    }

    /// Its death is proven, and two repair.
    fn repair_twice(shared: &Arc<Self>) {
        let repairer = thread::spawn({
            let shared = Arc::clone(shared);
            move || shared.barrier().repair(DEAD, false)
        });
        shared.barrier().repair(DEAD, false);
        repairer.join().unwrap();
    }

    /// Who gets the dead one's id is not taken for it.
    fn assert_forgotten(&self) {
        let mut names = self.slots.iter().map(|slot| slot.load(Ordering::Relaxed) as u32);
        assert!(names.all(|name| name != DEAD));
    }
}

/// One waits, and the other dies. Who waits passes only if both had come; and since both were there, the next time is broken.
fn one_waits(killed: Killed) {
    let seen = model::explore(3, move || {
        let shared = Shared::new(2);
        let other = Shared::waiter(&shared, 1);
        shared.die(killed);
        shared.barrier().repair(DEAD, false);
        let passed = other.join().unwrap();
        assert!(shared.barrier().is_broken());
        shared.assert_forgotten();
        shared.settle();
        passed
    });
    assert_eq!(seen.len(), 2);
}

#[test]
fn one_waits_and_the_other_dies_arrived() {
    one_waits(Killed::Arrived);
}

#[test]
fn one_waits_and_the_other_dies_before_it_wakes_anybody() {
    one_waits(Killed::Passed);
    one_waits(Killed::Aborted);
}

/// It has passed, and dies before it comes again. The others have come again, without it or in its place, or are on their way.
#[test]
fn dead_between_two_passes() {
    let seen = model::explore(2, || {
        let shared = Shared::new(2);
        let barrier = shared.barrier();
        let (first, last) = (barrier.arrive(DEAD).unwrap(), barrier.arrive(1).unwrap());
        assert_eq!(barrier.pass(last), BarrierOutcome::Passed);
        assert_eq!(barrier.outcome(first), Some(BarrierOutcome::Passed));
        let others = [1, 2].map(|me| Shared::waiter(&shared, me));
        shared.barrier().repair(DEAD, false);
        let passed = others.map(|other| other.join().unwrap());
        assert_eq!(passed[0], passed[1]);
        assert_eq!(shared.barrier().is_broken(), !passed[0]);
        shared.assert_forgotten();
        shared.settle();
        passed[0]
    });
    assert_eq!(seen.len(), 2);
}

/// The first to come again does not wipe out that the dead one was there.
#[test]
fn dead_between_two_passes_and_one_waits() {
    model::explore(3, || {
        let shared = Shared::new(2);
        let barrier = shared.barrier();
        let (_, last) = (barrier.arrive(DEAD).unwrap(), barrier.arrive(1).unwrap());
        assert_eq!(barrier.pass(last), BarrierOutcome::Passed);
        let other = Shared::waiter(&shared, 1);
        Shared::repair_twice(&shared);
        assert!(!other.join().unwrap());
        shared.assert_forgotten();
        shared.settle();
    });
}

/// Its death is found out while somebody resets: the barrier is not broken for it once it is reset.
#[test]
fn dead_and_reset() {
    model::explore(3, || {
        let shared = Shared::new(2);
        shared.die(Killed::Arrived);
        let resetter = thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.barrier().reset()
        });
        Shared::repair_twice(&shared);
        resetter.join().unwrap();
        assert!(!shared.barrier().is_broken());
        shared.assert_forgotten();
        shared.settle();
    });
}

/// One that leaves breaks nothing that it had not arrived at.
#[test]
fn left_between_two_passes() {
    model::explore(2, || {
        let shared = Shared::new(2);
        let barrier = shared.barrier();
        let (_, last) = (barrier.arrive(DEAD).unwrap(), barrier.arrive(1).unwrap());
        assert_eq!(barrier.pass(last), BarrierOutcome::Passed);
        let others = [1, 2].map(|me| Shared::waiter(&shared, me));
        shared.barrier().repair(DEAD, true);
        assert!(others.map(|other| other.join().unwrap()).into_iter().all(|passed| passed));
        shared.assert_forgotten();
        // Who dies under the same id later is another.
        shared.barrier().repair(DEAD, false);
        assert!(!shared.barrier().is_broken());
        shared.settle();
    });
}
