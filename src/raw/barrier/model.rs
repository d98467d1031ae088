//! loom's exploration of the [`RawBarrier`]: parties that arrive, pass, give up, reset and die beside each other. Whoever is overlooked
//! sleeps for ever here, and loom reports the deadlock.
//!
//! After each scene somebody resets the barrier and all pass it, so that one that nobody can use any more shows.
//!
//! Run by `RUSTFLAGS="--cfg loom" cargo test --release --lib`.

#![allow(clippy::unwrap_used)] // Tests, in a module that clippy does not take for one.

mod death;

use loom::sync::Arc;
use loom::thread::{self, JoinHandle};

use super::{ArriveError, Arrived, BarrierOutcome, BarrierState, RawBarrier};
use crate::primitive::{AtomicU64, Ordering};
use crate::raw::model;
use crate::sys::clock::Deadline;

struct Shared {
    state: BarrierState,
    slots: Vec<AtomicU64>,
    /// A plain counter for each party, to be seen by all behind the barrier.
    marks: Vec<AtomicU64>,
    /// How often somebody was the last.
    led: AtomicU64,
}

impl Shared {
    fn new(parties: usize) -> Arc<Self> {
        let words = |count| (0..count).map(|_| AtomicU64::new(0)).collect();
        Arc::new(Self {
            state: BarrierState::default(),
            slots: words(2 * parties),
            marks: words(parties + 1),
            led: AtomicU64::new(0),
        })
    }

    fn barrier(&self) -> RawBarrier<'_> {
        RawBarrier::new(&self.state, &self.slots)
    }

    fn parties(&self) -> usize {
        self.slots.len() / 2
    }

    /// Sleeps until `look` finds something, as `wait_for` does.
    fn sleep_until<R>(&self, mut try_once: impl FnMut() -> Option<R>) -> R {
        loop {
            if let Some(found) = try_once() {
                return found;
            }
            let prepared = self.state.event.prepare_wait();
            if let Some(found) = try_once() {
                return found;
            }
            self.state.event.commit_wait(prepared, Deadline);
        }
    }

    /// Arrives, where that need be when there is room for it.
    fn arrive(&self, me: u32) -> Option<Arrived> {
        self.sleep_until(|| match self.barrier().arrive(me) {
            Ok(arrived) => Some(Some(arrived)),
            Err(ArriveError::Broken) => Some(None),
            Err(ArriveError::Full) => None,
            Err(other) => panic!("{other:?}"),
        })
    }

    /// Waits, as participant `me`, and gives its index if all have passed.
    fn wait(&self, me: u32) -> Option<usize> {
        let arrived = self.arrive(me)?;
        let outcome = if self.barrier().is_last(arrived) {
            self.led.fetch_add(1, Ordering::Relaxed);
            self.barrier().pass(arrived)
        } else {
            self.sleep_until(|| self.barrier().outcome(arrived))
        };
        (outcome == BarrierOutcome::Passed).then_some(arrived.index)
    }

    /// Waits so often as all parties do, and checks each time that all others have come as far. Its indices.
    fn rounds(&self, me: u32, rounds: u64) -> Vec<Option<usize>> {
        let round = |round| {
            // ORDER: relaxed; the barrier is what makes it seen.
            self.marks[me as usize].store(round, Ordering::Relaxed);
            let index = self.wait(me);
            let seen = |mark: &AtomicU64| mark.load(Ordering::Relaxed) >= round;
            assert!(index.is_none() || self.marks[1..].iter().all(seen), "one has not come so far");
            index
        };
        (1..=rounds).map(round).collect()
    }

    fn party(shared: &Arc<Self>, me: u32, rounds: u64) -> JoinHandle<Vec<Option<usize>>> {
        let shared = Arc::clone(shared);
        thread::spawn(move || shared.rounds(me, rounds))
    }

    /// Waits once, and says whether all have passed.
    fn waiter(shared: &Arc<Self>, me: u32) -> JoinHandle<bool> {
        let shared = Arc::clone(shared);
        thread::spawn(move || shared.wait(me).is_some())
    }

    /// Now that nobody else is about: after a reset, the barrier is as good as new.
    fn settle(&self) {
        let barrier = self.barrier();
        barrier.reset();
        for _ in 0..2 {
            let arrived: Vec<_> = (1..=self.parties()).map(|me| barrier.arrive(me as u32).unwrap()).collect();
            assert!(arrived.iter().enumerate().all(|(index, arrived)| arrived.index == index));
            let [others @ .., last] = &arrived[..] else { unreachable!() };
            assert!(others.iter().all(|other| barrier.outcome(*other).is_none()));
            assert_eq!(barrier.pass(*last), BarrierOutcome::Passed);
            assert!(others.iter().all(|other| barrier.outcome(*other) == Some(BarrierOutcome::Passed)));
        }
    }
}

/// How often each index came, in each of the rounds.
fn assert_each_index_once(parties: usize, indices: &[Vec<Option<usize>>]) {
    for round in 0..indices[0].len() {
        let mut found: Vec<_> = indices.iter().map(|of_one| of_one[round].unwrap()).collect();
        found.sort_unstable();
        assert!(found.into_iter().eq(0..parties));
    }
}

#[test]
fn two_parties_pass_three_times() {
    model::explore(3, || {
        let shared = Shared::new(2);
        let other = Shared::party(&shared, 2, 3);
        let indices = [shared.rounds(1, 3), other.join().unwrap()];
        assert_each_index_once(2, &indices);
        assert_eq!(shared.led.load(Ordering::Relaxed), 3);
        shared.settle();
    });
}

#[test]
fn three_parties_pass_twice() {
    model::explore(2, || {
        let shared = Shared::new(3);
        let others = [Shared::party(&shared, 2, 2), Shared::party(&shared, 3, 2)];
        let mut indices = vec![shared.rounds(1, 2)];
        indices.extend(others.into_iter().map(|other| other.join().unwrap()));
        assert_each_index_once(3, &indices);
        assert_eq!(shared.led.load(Ordering::Relaxed), 2);
        shared.settle();
    });
}

/// Three come to a barrier of one: who finds another there waits for the next time.
#[test]
fn those_who_are_too_many_wait_for_the_next_time() {
    model::explore(3, || {
        let shared = Shared::new(1);
        let others = [2, 3].map(|me| Shared::waiter(&shared, me));
        assert_eq!(shared.wait(1), Some(0));
        assert!(others.map(|other| other.join().unwrap()).into_iter().all(|passed| passed));
        assert_eq!(shared.led.load(Ordering::Relaxed), 3);
        shared.settle();
    });
}

/// One gives up while the last one comes: all pass, or none does.
#[test]
fn given_up_while_the_last_one_comes() {
    let seen = model::explore(3, || {
        let shared = Shared::new(3);
        let others = [2, 3].map(|me| Shared::waiter(&shared, me));
        let outcome = shared.arrive(1).map(|arrived| {
            if shared.barrier().is_last(arrived) {
                return shared.barrier().pass(arrived);
            }
            let given_up = shared.barrier().give_up(arrived);
            given_up.map_or_else(|outcome| outcome, |()| BarrierOutcome::Broken)
        });
        let passed = outcome == Some(BarrierOutcome::Passed);
        others.into_iter().for_each(|other| assert_eq!(other.join().unwrap(), passed));
        shared.settle();
        passed
    });
    assert_eq!(seen.len(), 2);
}

/// Somebody resets while two wait, and aborts, for one may have come behind the reset and wait for nobody: both pass, or neither does.
#[test]
fn reset_and_aborted_while_two_wait() {
    let seen = model::explore(3, || {
        let shared = Shared::new(2);
        let others = [1, 2].map(|me| Shared::waiter(&shared, me));
        shared.barrier().reset();
        shared.barrier().abort();
        let passed = others.map(|other| other.join().unwrap());
        assert_eq!(passed[0], passed[1]);
        shared.settle();
        passed[0]
    });
    assert_eq!(seen.len(), 2);
}

/// Who was told that the barrier broke tries again after a reset: in the end, all pass once together.
#[test]
fn all_try_again_until_they_pass() {
    model::explore(2, || {
        let shared = Shared::new(2);
        let others = [1, 2].map(|me| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || while shared.wait(me).is_none() {})
        });
        shared.barrier().reset();
        // One may have passed with the other's first try, or been reset alone: then that one waits for nobody.
        others.into_iter().for_each(|other| other.join().unwrap());
        shared.settle();
    });
}

/// One arrives only if it is the last.
#[test]
fn one_that_will_not_wait() {
    let seen = model::explore(4, || {
        let shared = Shared::new(2);
        let other = Shared::waiter(&shared, 2);
        let attempt = || match shared.barrier().arrive_last(1) {
            Ok(arrived) => Some(shared.barrier().pass(arrived)),
            Err(ArriveError::WouldWait) => {
                thread::yield_now();
                None
            }
            Err(other) => panic!("{other:?}"),
        };
        let outcome = attempt().or_else(attempt);
        if outcome.is_none() {
            assert!(shared.wait(1).is_some());
        }
        assert!(other.join().unwrap());
        shared.settle();
        outcome
    });
    assert_eq!(seen.len(), 2);
}

/// Two resets lie between one's looking at the word and its claiming a slot: the slot is another's by then.
#[test]
fn one_that_comes_late_takes_nobodys_place() {
    model::explore(3, || {
        let shared = Shared::new(2);
        let late = thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.barrier().arrive(1).is_ok()
        });
        let barrier = shared.barrier();
        barrier.reset();
        barrier.reset();
        let arrived = barrier.arrive(2).unwrap();
        assert!(late.join().unwrap());
        let mut arrivals = barrier.arrivals(arrived.view.generation());
        assert!(arrivals.any(|arrival| arrival.participant() == 2), "its place is another's");
        shared.settle();
    });
}

/// The last one is reset while it does what the last one does.
#[test]
fn reset_under_the_last_one() {
    let seen = model::explore(4, || {
        let shared = Shared::new(1);
        let resetter = thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.barrier().reset()
        });
        let passed = shared.wait(1).is_some();
        resetter.join().unwrap();
        shared.settle();
        passed
    });
    assert_eq!(seen.len(), 2);
}
