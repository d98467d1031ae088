//! Deaths: a party dies, and several participants repair the barrier at the same time. No party
//! waits for the dead one.

use loom::sync::Arc;
use loom::thread;

use super::{BarrierOutcome, Shared, model};
use crate::primitive::Ordering;
use crate::raw::barrier::BROKEN;

/// The participant that dies.
const DEAD: u32 = 7;

/// Where the party is killed.
#[derive(Clone, Copy, Debug)]
enum Killed {
    /// It has arrived.
    Arrived,
    /// It was the last, has let all pass, and has not notified them.
    Passed,
    /// It has broken the barrier, and has not notified the waiters.
    Aborted,
}

impl Shared {
    /// Arrives as participant [`DEAD`], goes on to where it is killed, and stops there.
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

    /// Two participants repair the barrier after participant [`DEAD`].
    fn repair_twice(shared: &Arc<Self>) {
        let repairer = thread::spawn({
            let shared = Arc::clone(shared);
            move || shared.barrier().repair(DEAD, false)
        });
        shared.barrier().repair(DEAD, false);
        repairer.join().unwrap();
    }

    /// Asserts that no slot has the dead participant's id, so that the id's next owner is not taken
    /// for it.
    fn assert_forgotten(&self) {
        let mut names = self.slots.iter().map(|slot| slot.load(Ordering::Relaxed) as u32);
        assert!(names.all(|name| name != DEAD));
    }
}

/// One party waits, and the other dies. The waiter passes only if both had arrived; then the next
/// generation is broken, because the dead one was a party.
fn play_one_waiter(killed: Killed) {
    let seen = model::explore(3, move || {
        let shared = Shared::new(2);
        let other = Shared::waiter(&shared, 1);
        shared.die(killed);
        shared.barrier().repair(DEAD, false);
        let passed = other.join().unwrap();
        assert!(shared.barrier().is_broken());
        shared.assert_forgotten();
        shared.assert_reusable();
        passed
    });
    assert_eq!(seen.len(), 2);
}

#[test]
fn barrier_repair_dead_after_arrival() {
    play_one_waiter(Killed::Arrived);
}

#[test]
fn barrier_repair_dead_before_notify() {
    play_one_waiter(Killed::Passed);
    play_one_waiter(Killed::Aborted);
}

/// A party has passed, and dies before it arrives again. Two others arrive at the same time as its
/// repair.
#[test]
fn barrier_repair_dead_between_rounds() {
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
        shared.assert_reusable();
        passed[0]
    });
    assert_eq!(seen.len(), 2);
}

/// The first party that arrives again does not erase that the dead one was a party.
#[test]
fn barrier_repair_dead_between_rounds_one_waiter() {
    model::explore(3, || {
        let shared = Shared::new(2);
        let barrier = shared.barrier();
        let (_, last) = (barrier.arrive(DEAD).unwrap(), barrier.arrive(1).unwrap());
        assert_eq!(barrier.pass(last), BarrierOutcome::Passed);
        let other = Shared::waiter(&shared, 1);
        Shared::repair_twice(&shared);
        assert!(!other.join().unwrap());
        shared.assert_forgotten();
        shared.assert_reusable();
    });
}

/// A dead party is repaired while the barrier is reset: after the reset, the barrier is not broken
/// for it.
#[test]
fn barrier_repair_during_reset() {
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
        shared.assert_reusable();
    });
}

/// Two participants repair after a dead party, and one of them goes on after the barrier was reset:
/// it does not break the next generation, of other parties.
#[test]
fn barrier_repair_late_spares_next_generation() {
    model::explore(2, || {
        let shared = Shared::new(2);
        shared.die(Killed::Arrived);
        let late = thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.barrier().repair(DEAD, false)
        });
        shared.barrier().repair(DEAD, false);
        assert!(shared.barrier().is_broken());
        shared.barrier().reset();
        let other = Shared::waiter(&shared, 1);
        assert!(shared.wait(2).is_some() && other.join().unwrap());
        late.join().unwrap();
        assert!(!shared.barrier().is_broken());
        shared.assert_forgotten();
        shared.assert_reusable();
    });
}

/// A participant that leaves does not break a generation in which it has not arrived.
#[test]
fn barrier_repair_left_between_rounds() {
    model::explore(2, || {
        let shared = Shared::new(2);
        let barrier = shared.barrier();
        let (_, last) = (barrier.arrive(DEAD).unwrap(), barrier.arrive(1).unwrap());
        assert_eq!(barrier.pass(last), BarrierOutcome::Passed);
        let others = [1, 2].map(|me| Shared::waiter(&shared, me));
        shared.barrier().repair(DEAD, true);
        assert!(others.map(|other| other.join().unwrap()).into_iter().all(|passed| passed));
        shared.assert_forgotten();
        // The id's next owner dies: it was no party.
        shared.barrier().repair(DEAD, false);
        assert!(!shared.barrier().is_broken());
        shared.assert_reusable();
    });
}
