//! loom's exploration of the [`RawBarrier`]: parties that arrive, pass, give up, reset and die at
//! the same time. A park has no recheck interval here, so a lost wake-up is a deadlock, which loom
//! reports.
//!
//! After each scene the barrier is reset and passed twice, so that a barrier which cannot be used
//! any more shows.
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
    /// A relaxed counter for each party, which all parties must see after the barrier.
    marks: Vec<AtomicU64>,
    /// How many times a party was the last to arrive.
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

    /// Parks until `try_once` finds something, as `wait_for` does.
    fn park_until<R>(&self, mut try_once: impl FnMut() -> Option<R>) -> R {
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

    /// Arrives, and waits for the next generation if this one is full. `None` if the barrier is
    /// broken.
    fn arrive(&self, me: u32) -> Option<Arrived> {
        self.park_until(|| match self.barrier().arrive(me) {
            Ok(arrived) => Some(Some(arrived)),
            Err(ArriveError::Broken) => Some(None),
            Err(ArriveError::Full) => None,
            Err(other) => panic!("{other:?}"),
        })
    }

    /// Waits at the barrier as participant `me`. Returns its index if all parties have passed.
    fn wait(&self, me: u32) -> Option<usize> {
        let arrived = self.arrive(me)?;
        let outcome = if self.barrier().is_last(arrived) {
            self.led.fetch_add(1, Ordering::Relaxed);
            self.barrier().pass(arrived)
        } else {
            self.park_until(|| self.barrier().outcome(arrived))
        };
        (outcome == BarrierOutcome::Passed).then_some(arrived.index)
    }

    /// Waits at the barrier `rounds` times, and asserts each time that all parties have come as
    /// far. Returns its index in each round.
    fn rounds(&self, me: u32, rounds: u64) -> Vec<Option<usize>> {
        let round = |round| {
            // ORDER: relaxed; the barrier makes it seen.
            self.marks[me as usize].store(round, Ordering::Relaxed);
            let index = self.wait(me);
            let seen = |mark: &AtomicU64| mark.load(Ordering::Relaxed) >= round;
            assert!(index.is_none() || self.marks[1..].iter().all(seen), "a party has not come as far");
            index
        };
        (1..=rounds).map(round).collect()
    }

    fn party(shared: &Arc<Self>, me: u32, rounds: u64) -> JoinHandle<Vec<Option<usize>>> {
        let shared = Arc::clone(shared);
        thread::spawn(move || shared.rounds(me, rounds))
    }

    /// A thread that waits at the barrier once, and returns whether all parties have passed.
    fn waiter(shared: &Arc<Self>, me: u32) -> JoinHandle<bool> {
        let shared = Arc::clone(shared);
        thread::spawn(move || shared.wait(me).is_some())
    }

    /// Asserts that the barrier works like a new one after a reset. All other threads have ended.
    fn assert_reusable(&self) {
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

/// Asserts that each index was given once in each round.
fn assert_each_index_once(parties: usize, indices: &[Vec<Option<usize>>]) {
    for round in 0..indices[0].len() {
        let mut found: Vec<_> = indices.iter().map(|of_one| of_one[round].unwrap()).collect();
        found.sort_unstable();
        assert!(found.into_iter().eq(0..parties));
    }
}

#[test]
fn barrier_wait_two_parties_three_rounds() {
    model::explore(3, || {
        let shared = Shared::new(2);
        let other = Shared::party(&shared, 2, 3);
        let indices = [shared.rounds(1, 3), other.join().unwrap()];
        assert_each_index_once(2, &indices);
        assert_eq!(shared.led.load(Ordering::Relaxed), 3);
        shared.assert_reusable();
    });
}

#[test]
fn barrier_wait_three_parties_two_rounds() {
    model::explore(2, || {
        let shared = Shared::new(3);
        let others = [Shared::party(&shared, 2, 2), Shared::party(&shared, 3, 2)];
        let mut indices = vec![shared.rounds(1, 2)];
        indices.extend(others.into_iter().map(|other| other.join().unwrap()));
        assert_each_index_once(3, &indices);
        assert_eq!(shared.led.load(Ordering::Relaxed), 2);
        shared.assert_reusable();
    });
}

/// Three threads at a barrier of one party: a thread that finds the barrier full waits for the next
/// generation.
#[test]
fn barrier_wait_more_threads_than_parties() {
    model::explore(3, || {
        let shared = Shared::new(1);
        let others = [2, 3].map(|me| Shared::waiter(&shared, me));
        assert_eq!(shared.wait(1), Some(0));
        assert!(others.map(|other| other.join().unwrap()).into_iter().all(|passed| passed));
        assert_eq!(shared.led.load(Ordering::Relaxed), 3);
        shared.assert_reusable();
    });
}

/// A party gives up while the last one arrives: all pass, or none does.
#[test]
fn barrier_give_up_timeout_during_last_arrival() {
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
        shared.assert_reusable();
        passed
    });
    assert_eq!(seen.len(), 2);
}

/// The barrier is reset while two parties wait, and aborted, because one of them may have arrived
/// after the reset and would wait for ever: both pass, or neither does.
#[test]
fn barrier_reset_then_abort_two_waiters() {
    let seen = model::explore(3, || {
        let shared = Shared::new(2);
        let others = [1, 2].map(|me| Shared::waiter(&shared, me));
        shared.barrier().reset();
        shared.barrier().abort();
        let passed = others.map(|other| other.join().unwrap());
        assert_eq!(passed[0], passed[1]);
        shared.assert_reusable();
        passed[0]
    });
    assert_eq!(seen.len(), 2);
}

/// Parties that find the barrier broken try again after the reset: in the end, all pass once
/// together.
#[test]
fn barrier_wait_retry_after_reset() {
    model::explore(2, || {
        let shared = Shared::new(2);
        let others = [1, 2].map(|me| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || while shared.wait(me).is_none() {})
        });
        shared.barrier().reset();
        // The reset may have broken one party's wait only, or both, or neither: in each case both
        // end here.
        others.into_iter().for_each(|other| other.join().unwrap());
        shared.assert_reusable();
    });
}

/// A party that does not wait arrives only if it is the last.
#[test]
fn barrier_arrive_last_nonblocking() {
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
        shared.assert_reusable();
        outcome
    });
    assert_eq!(seen.len(), 2);
}

/// Two resets between a party's look at the word and its claim: the slot may be another party's by
/// then.
#[test]
fn barrier_arrive_during_two_resets() {
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
        assert!(arrivals.any(|arrival| arrival.participant() == 2), "its slot is another party's");
        shared.assert_reusable();
    });
}

/// The barrier is reset while the last party lets all pass.
#[test]
fn barrier_reset_during_pass() {
    let seen = model::explore(4, || {
        let shared = Shared::new(1);
        let resetter = thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.barrier().reset()
        });
        let passed = shared.wait(1).is_some();
        resetter.join().unwrap();
        shared.assert_reusable();
        passed
    });
    assert_eq!(seen.len(), 2);
}
