//! loom's exploration of the [`MpmcRing`]: producers and consumers, living and dying, in a ring of
//! one or two slots.
//!
//! After each scene one thread alone empties the ring, fills it and empties it again. So a message
//! that was lost, doubled or stranded shows, and so does a slot that cannot be used any more, or a
//! hint that lies where it must not.
//!
//! Run by `RUSTFLAGS="--cfg loom" cargo test --release --lib`.

#![allow(clippy::unwrap_used)] // Tests, in a module that clippy does not take for one.

mod closing;
mod death;
mod leases;

use core::mem::MaybeUninit;

use loom::sync::Arc;
use loom::thread::{self, JoinHandle};

use super::{LeasedSlot, MpmcAttempt, MpmcGeometry, MpmcRing, MpmcState, Pushed, slot_words};
use crate::primitive::AtomicU64;
use crate::raw::atomic_copy::WORD;
use crate::raw::model;

/// A message holds its number twice, so a mixture shows.
const SIZE: usize = 2 * WORD;

struct Shared {
    state: MpmcState,
    slots: Vec<AtomicU64>,
    geometry: MpmcGeometry,
    /// 1 once the participant [`DEAD`](death::DEAD) is proven dead.
    is_dead: AtomicU64,
}

impl Shared {
    fn new(capacity: u64) -> Arc<Self> {
        let words = capacity as usize * slot_words(SIZE);
        Arc::new(Self {
            state: MpmcState::default(),
            slots: (0..words).map(|_| AtomicU64::new(0)).collect(),
            geometry: MpmcGeometry::new(capacity, SIZE),
            is_dead: AtomicU64::new(0),
        })
    }

    fn ring(&self) -> MpmcRing<'_> {
        MpmcRing::new(&self.state, &self.slots, &self.geometry)
    }

    /// Pushes a message, as participant `me`. `None` if the ring is full, or the next slot is busy.
    fn push(&self, me: u32, number: u64) -> Option<Pushed> {
        match self.ring().try_push(me, bytemuck::bytes_of(&[number; 2])) {
            Ok(pushed) => Some(pushed),
            Err(attempt) => {
                self.skip_or_repair(attempt);
                None
            }
        }
    }

    /// Pops a message. `None` if the ring is empty, or the next slot is busy.
    fn pop(&self) -> Option<u64> {
        let (number, attempt) = message(|bytes| self.ring().try_pop(bytes));
        if attempt == MpmcAttempt::Done {
            return Some(number());
        }
        self.skip_or_repair(attempt);
        None
    }

    /// Leases a message to participant `me`. `None` if the ring is empty, or the next slot is busy.
    fn lease(&self, me: u32) -> Option<(u64, LeasedSlot)> {
        let (number, leased) = message(|bytes| self.ring().try_lease(me, bytes));
        match leased {
            Ok(leased) => Some((number(), leased)),
            Err(attempt) => {
                self.skip_or_repair(attempt);
                None
            }
        }
    }

    /// What an operation does after an attempt that failed: it repairs a busy slot of a dead
    /// participant, and lets the other threads run, which loom would not do by itself.
    fn skip_or_repair(&self, attempt: MpmcAttempt) {
        assert_ne!(attempt, MpmcAttempt::Corrupt);
        thread::yield_now();
        if let MpmcAttempt::Behind(busy) = attempt {
            self.repair_if_dead(busy);
        }
    }

    /// A thread that tries to push these messages, in order, and returns those that it has pushed.
    fn producer<const N: usize>(shared: &Arc<Self>, me: u32, numbers: [u64; N]) -> JoinHandle<Vec<u64>> {
        let shared = Arc::clone(shared);
        thread::spawn(move || shared.push_all(me, numbers))
    }

    /// Tries to push each of these messages once, and returns those that it has pushed.
    fn push_all<const N: usize>(&self, me: u32, numbers: [u64; N]) -> Vec<u64> {
        numbers.into_iter().filter(|number| self.push(me, *number).is_some()).collect()
    }

    /// A thread that tries `attempts` times to pop, and returns what it has popped.
    fn consumer(shared: &Arc<Self>, attempts: usize) -> JoinHandle<Vec<u64>> {
        let shared = Arc::clone(shared);
        thread::spawn(move || (0..attempts).filter_map(|_| shared.pop()).collect())
    }

    /// Pops what is left, after all other threads have ended. Then asserts that the ring works like
    /// a new one.
    fn drain_and_refill(&self) -> Vec<u64> {
        let len = self.state_len();
        let left: Vec<u64> = std::iter::from_fn(|| self.pop()).collect();
        assert_eq!(len, left.len() as u64, "the length at rest");
        let capacity = self.geometry.capacity();
        for number in 0..capacity {
            assert!(self.push(9, number).is_some(), "room for {number} of {capacity}");
        }
        assert!(self.push(9, capacity).is_none(), "room for more than {capacity}");
        assert_eq!(self.state_len(), capacity);
        for number in 0..capacity {
            assert_eq!(self.pop(), Some(number));
        }
        assert_eq!(self.pop(), None);
        left
    }

    fn state_len(&self) -> u64 {
        self.ring().len()
    }
}

/// The number of the message that `fill` writes, and the result of `fill`.
fn message<R>(fill: impl FnOnce(&mut [MaybeUninit<u8>]) -> R) -> (impl FnOnce() -> u64, R) {
    let mut bytes = [MaybeUninit::new(0_u8); SIZE];
    let result = fill(&mut bytes);
    let number = move || {
        // SAFETY: initialised above, and `fill` puts nothing uninitialised in their place.
        #[allow(unsafe_code)]
        let bytes = bytes.map(|byte| unsafe { byte.assume_init() });
        let [one, other]: [u64; 2] = bytemuck::pod_read_unaligned(&bytes);
        assert_eq!(one, other, "a mixture");
        one
    };
    (number, result)
}

/// Asserts that each message that was pushed has been popped once.
fn assert_delivered_once(pushed: &[Vec<u64>], popped: &[Vec<u64>]) {
    let sorted = |lists: &[Vec<u64>]| {
        let mut all = lists.concat();
        all.sort_unstable();
        all
    };
    assert_eq!(sorted(popped), sorted(pushed));
}

/// Asserts that a consumer gets each producer's messages in the order in which they were pushed:
/// 11, 12, … are the first producer's, 21, 22, … the second's.
fn assert_in_order(popped: &[u64]) {
    for producer in [1, 2] {
        let of_one: Vec<&u64> = popped.iter().filter(|number| **number / 10 == producer).collect();
        assert!(of_one.is_sorted(), "{popped:?}");
    }
}

/// A scene's outcome: how many messages were pushed, and how many popped while other threads ran.
type Outcome = (usize, usize);

/// Two producers, the second in a thread of its own, and a consumer at the same time.
fn play_two_producers(capacity: u64, preemptions: usize) {
    let seen = model::explore(preemptions, move || -> Outcome {
        let shared = Shared::new(capacity);
        let other = Shared::producer(&shared, 2, [21]);
        let consumer = Shared::consumer(&shared, 2);
        let pushed = [shared.push_all(1, [11, 12]), other.join().unwrap()];
        let early = consumer.join().unwrap();
        let late = shared.drain_and_refill();
        assert_in_order(&[early.clone(), late.clone()].concat());
        assert_delivered_once(&pushed, &[early.clone(), late]);
        (pushed.concat().len(), early.len())
    });
    let most = capacity as usize + 1;
    for outcome in [(capacity as usize, 0), (most, 1), (most, 2)] {
        assert!(seen.contains(&outcome), "{outcome:?} of {capacity} in {seen:?}");
    }
}

/// A producer and two consumers at the same time.
fn play_two_consumers(capacity: u64, preemptions: usize) {
    let seen = model::explore(preemptions, move || -> Outcome {
        let shared = Shared::new(capacity);
        let producer = Shared::producer(&shared, 1, [11, 12, 13]);
        let consumers = [Shared::consumer(&shared, 1), Shared::consumer(&shared, 2)];
        let pushed = [producer.join().unwrap()];
        let mut popped: Vec<_> = consumers.into_iter().map(|consumer| consumer.join().unwrap()).collect();
        let early = popped.concat().len();
        popped.push(shared.drain_and_refill());
        popped.iter().for_each(|popped| assert_in_order(popped));
        assert_delivered_once(&pushed, &popped);
        (pushed[0].len(), early)
    });
    let capacity = capacity as usize;
    for outcome in [(capacity, 0), (capacity, 1), (capacity + 1, 2)] {
        assert!(seen.contains(&outcome), "{outcome:?} of {capacity} in {seen:?}");
    }
}

#[test]
fn mpmc_push_pop_two_producers_one_slot() {
    play_two_producers(1, 2);
}

#[test]
fn mpmc_push_pop_two_producers_two_slots() {
    play_two_producers(2, 2);
}

#[test]
fn mpmc_push_pop_two_consumers_one_slot() {
    play_two_consumers(1, 2);
}

#[test]
fn mpmc_push_pop_two_consumers_two_slots() {
    play_two_consumers(2, 2);
}
