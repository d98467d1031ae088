//! loom's exploration of the [`MpmcRing`]: producers and consumers, living and dying, in a ring of one or two slots.
//!
//! After each scene the ring is emptied and filled once more by one thread alone. So a message that was lost, doubled or stranded
//! shows, and so does a slot that nobody can use any more, or a counter that lies where it must not.
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
    /// Set once the participant [`DEAD`](death::DEAD) is dead, and known to be.
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

    /// Pushes a message, as participant `me`. `None` where the ring is full, or somebody is in the way.
    fn push(&self, me: u32, number: u64) -> Option<Pushed> {
        match self.ring().try_push(me, bytemuck::bytes_of(&[number; 2])) {
            Ok(pushed) => Some(pushed),
            Err(attempt) => {
                self.skip_or_repair(attempt);
                None
            }
        }
    }

    /// Pops a message. `None` where the ring is empty, or somebody is in the way.
    fn pop(&self) -> Option<u64> {
        let (number, attempt) = message(|bytes| self.ring().try_pop(bytes));
        if attempt == MpmcAttempt::Done {
            return Some(number());
        }
        self.skip_or_repair(attempt);
        None
    }

    /// Takes a message into the hands of participant `me`.
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

    /// What an operation does about an attempt in vain: it lets others go on, which loom might not think of by itself.
    fn skip_or_repair(&self, attempt: MpmcAttempt) {
        assert_ne!(attempt, MpmcAttempt::Corrupt);
        thread::yield_now();
        if let MpmcAttempt::Behind(busy) = attempt {
            self.repair_if_dead(busy);
        }
    }

    /// A thread that tries to push these messages, in order, and says which it has pushed.
    fn producer<const N: usize>(shared: &Arc<Self>, me: u32, numbers: [u64; N]) -> JoinHandle<Vec<u64>> {
        let shared = Arc::clone(shared);
        thread::spawn(move || shared.push_all(me, numbers))
    }

    /// Tries to push each of these messages once.
    fn push_all<const N: usize>(&self, me: u32, numbers: [u64; N]) -> Vec<u64> {
        numbers.into_iter().filter(|number| self.push(me, *number).is_some()).collect()
    }

    /// A thread that tries to pop so often, and says what it has popped.
    fn consumer(shared: &Arc<Self>, attempts: usize) -> JoinHandle<Vec<u64>> {
        let shared = Arc::clone(shared);
        thread::spawn(move || (0..attempts).filter_map(|_| shared.pop()).collect())
    }

    /// What is left, now that nobody else is about; and then the ring is as good as new.
    fn settle(&self) -> Vec<u64> {
        let left: Vec<u64> = std::iter::from_fn(|| self.pop()).collect();
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

/// What `fill` returns, and the number of the message that it has made.
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

/// What was pushed has been popped once, by somebody.
fn assert_delivered_once(pushed: &[Vec<u64>], popped: &[Vec<u64>]) {
    let sorted = |lists: &[Vec<u64>]| {
        let mut all = lists.concat();
        all.sort_unstable();
        all
    };
    assert_eq!(sorted(popped), sorted(pushed));
}

/// Who pops twice gets each producer's messages (10 and more to the first one, 20 and more to the second) in the order in which
/// they were pushed.
fn assert_in_order(popped: &[u64]) {
    for producer in [1, 2] {
        let of_one: Vec<&u64> = popped.iter().filter(|number| **number / 10 == producer).collect();
        assert!(of_one.is_sorted(), "{popped:?}");
    }
}

/// A scene's outcome: how many were pushed, and popped while others were at work.
type Outcome = (usize, usize);

/// Two producers, the second in a thread of its own, beside a consumer.
fn two_producers_and_a_consumer(capacity: u64, interruptions: usize) {
    let seen = model::explore(interruptions, move || -> Outcome {
        let shared = Shared::new(capacity);
        let other = Shared::producer(&shared, 2, [21]);
        let consumer = Shared::consumer(&shared, 2);
        let pushed = [shared.push_all(1, [11, 12]), other.join().unwrap()];
        let early = consumer.join().unwrap();
        let late = shared.settle();
        assert_in_order(&[early.clone(), late.clone()].concat());
        assert_delivered_once(&pushed, &[early.clone(), late]);
        (pushed.concat().len(), early.len())
    });
    let most = capacity as usize + 1;
    for outcome in [(capacity as usize, 0), (most, 1), (most, 2)] {
        assert!(seen.contains(&outcome), "{outcome:?} of {capacity} in {seen:?}");
    }
}

/// A producer beside two consumers.
fn a_producer_and_two_consumers(capacity: u64, interruptions: usize) {
    let seen = model::explore(interruptions, move || -> Outcome {
        let shared = Shared::new(capacity);
        let producer = Shared::producer(&shared, 1, [11, 12, 13]);
        let consumers = [Shared::consumer(&shared, 1), Shared::consumer(&shared, 2)];
        let pushed = [producer.join().unwrap()];
        let mut popped: Vec<_> = consumers.into_iter().map(|consumer| consumer.join().unwrap()).collect();
        let early = popped.concat().len();
        popped.push(shared.settle());
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
fn two_producers_and_a_consumer_in_one_slot() {
    two_producers_and_a_consumer(1, 2);
}

#[test]
fn two_producers_and_a_consumer_in_two_slots() {
    two_producers_and_a_consumer(2, 2);
}

#[test]
fn a_producer_and_two_consumers_in_one_slot() {
    a_producer_and_two_consumers(1, 2);
}

#[test]
fn a_producer_and_two_consumers_in_two_slots() {
    a_producer_and_two_consumers(2, 2);
}
