//! loom's exploration of the two [`SpscSide`]s. The ring's units are cells that loom watches, so
//! that two threads in one cell at the same time are a failure, whatever they find there.
//!
//! Run by `RUSTFLAGS="--cfg loom" cargo test --release --lib`.

#![allow(unsafe_code)]
#![allow(clippy::unwrap_used)] // Tests, in a module that clippy does not take for one.

use std::collections::BTreeSet;

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

use super::{SpscSide, SpscState};
use crate::primitive::Ordering;
use crate::raw::model;
use crate::sys::clock::Deadline;

struct Shared {
    state: SpscState,
    ring: Vec<UnsafeCell<u64>>,
}

// SAFETY: loom checks the accesses to its cells.
unsafe impl Sync for Shared {}

/// A thread's side of the ring.
struct Worker<const PRODUCER: bool> {
    shared: Arc<Shared>,
    side: SpscSide<PRODUCER>,
}

impl<const PRODUCER: bool> Worker<PRODUCER> {
    fn new(shared: &Arc<Shared>) -> Self {
        let side = SpscSide::new(&shared.state, shared.ring.len() as u64).unwrap();
        Self { shared: Arc::clone(shared), side }
    }

    /// How many units the side may write or read. Refreshes only if it knows of none, as the queues
    /// do.
    fn room(&mut self) -> u64 {
        match self.side.known_room() {
            0 => self.side.refresh(&self.shared.state).unwrap(),
            known => known,
        }
    }

    /// Parks until the side may write or read, and returns how many units.
    fn wait(&mut self) -> u64 {
        let shared = Arc::clone(&self.shared);
        let event = if PRODUCER { &shared.state.space } else { &shared.state.items };
        loop {
            let found = self.room();
            if found > 0 {
                return found;
            }
            let prepared = event.prepare_wait();
            let found = self.room();
            if found > 0 {
                return found;
            }
            event.commit_wait(prepared, Deadline);
        }
    }

    fn place(&self, ahead: u64) -> &UnsafeCell<u64> {
        &self.shared.ring[(self.side.at() + ahead) as usize % self.shared.ring.len()]
    }

    fn commit(&mut self, count: u64) {
        self.side.advance(&self.shared.state, count);
        let others = if PRODUCER { &self.shared.state.items } else { &self.shared.state.space };
        others.notify(1);
    }
}

impl Worker<true> {
    fn write(&self, ahead: u64, value: u64) {
        self.place(ahead).with_mut(|cell| {
            // SAFETY: loom checks the accesses to its cells.
            unsafe { *cell = value }
        });
    }

    /// Pushes the values, in each commit as many as there is room for. Tries `attempts` times, and
    /// returns how many it has pushed.
    fn push(&mut self, values: &[u64], attempts: usize) -> usize {
        let mut pushed = 0;
        for _ in 0..attempts {
            let room = (self.room() as usize).min(values.len() - pushed);
            for ahead in 0..room {
                self.write(ahead as u64, values[pushed + ahead]);
            }
            if room > 0 {
                self.commit(room as u64);
            }
            pushed += room;
        }
        pushed
    }
}

impl Worker<false> {
    fn read(&self, ahead: u64) -> u64 {
        self.place(ahead).with(|cell| {
            // SAFETY: loom checks the accesses to its cells.
            unsafe { *cell }
        })
    }

    /// Pops all units there are, in one commit each time. Tries `attempts` times.
    fn pop(&mut self, attempts: usize) -> Vec<u64> {
        let mut popped = Vec::new();
        for _ in 0..attempts {
            let room = self.room();
            popped.extend((0..room).map(|ahead| self.read(ahead)));
            if room > 0 {
                self.commit(room);
            }
        }
        popped
    }
}

/// Plays the scene with an empty ring of this capacity.
fn explore<R: Ord + Send + 'static>(
    capacity: usize,
    preemptions: usize,
    scene: impl Fn(&Arc<Shared>) -> R + Send + Sync + 'static,
) -> BTreeSet<R> {
    model::explore(preemptions, move || {
        let ring = (0..capacity).map(|_| UnsafeCell::new(0)).collect();
        scene(&Arc::new(Shared { state: SpscState::default(), ring }))
    })
}

/// Asserts that all that was pushed has been popped, once and in order. Returns how many units were
/// pushed, and how many popped `early`, while the other side ran too.
fn delivered(pushed: usize, early: &[u64], late: &[u64]) -> (usize, usize) {
    let all: Vec<u64> = (1..=pushed as u64).collect();
    assert_eq!([early, late].concat(), all);
    (pushed, early.len())
}

/// Both sides go round the ring, in batches.
#[test]
fn spsc_push_pop_in_order() {
    for (capacity, values) in [(1, 3), (2, 5), (3, 5)] {
        let seen = explore(capacity, 6, move |shared| {
            let mut producer = Worker::<true>::new(shared);
            let consumer = thread::spawn({
                let mut consumer = Worker::<false>::new(shared);
                move || consumer.pop(3)
            });
            let values: Vec<u64> = (1..=values).collect();
            let pushed = producer.push(&values, 3);
            let early = consumer.join().unwrap();
            let late = Worker::<false>::new(shared).pop(1);
            assert_eq!(shared.state.len(capacity as u64), 0);
            delivered(pushed, &early, &late)
        });
        let values = values as usize;
        for outcome in [(capacity, 0), (values, values)] {
            assert!(seen.contains(&outcome), "{outcome:?} of {capacity} in {seen:?}");
        }
    }
}

/// Both sides park when they have to, and are woken.
#[test]
fn spsc_wait_both_sides_woken() {
    for (capacity, values) in [(1, 3), (2, 4)] {
        explore(capacity, 3, move |shared| {
            let mut consumer = Worker::<false>::new(shared);
            let producer = thread::spawn({
                let mut producer = Worker::<true>::new(shared);
                move || {
                    for value in 1..=values {
                        producer.wait();
                        producer.write(0, value);
                        producer.commit(1);
                    }
                }
            });
            for value in 1..=values {
                consumer.wait();
                assert_eq!(consumer.read(0), value);
                consumer.commit(1);
            }
            producer.join().unwrap();
        });
    }
}

/// A producer dies while it writes a value, and its successor goes on from the last commit point.
#[test]
fn spsc_push_dead_producer_successor() {
    for capacity in [1, 2] {
        let seen = explore(capacity, 5, move |shared| {
            let mut dying = Worker::<true>::new(shared);
            let consumer = thread::spawn({
                let mut consumer = Worker::<false>::new(shared);
                move || consumer.pop(3)
            });
            let pushed = dying.push(&[1], 1);
            if dying.room() > 0 {
                dying.write(0, u64::MAX);
            }
            let pushed = pushed + Worker::<true>::new(shared).push(&[2, 3], 2);
            let early = consumer.join().unwrap();
            delivered(pushed, &early, &Worker::<false>::new(shared).pop(1))
        });
        assert!(seen.contains(&(3, 3)) && seen.contains(&(capacity, 0)), "{seen:?}");
    }
}

/// A consumer dies after it has read a value and before it commits; its successor reads the value
/// again.
#[test]
fn spsc_pop_dead_consumer_successor() {
    for capacity in [1, 2] {
        let seen = explore(capacity, 5, move |shared| {
            let mut producer = Worker::<true>::new(shared);
            let consumers = thread::spawn({
                let shared = Arc::clone(shared);
                move || {
                    let mut dying = Worker::<false>::new(&shared);
                    let mut popped = dying.pop(1);
                    let last = (dying.room() > 0).then(|| dying.read(0));
                    let of_successor = Worker::<false>::new(&shared).pop(2);
                    assert!(
                        last.is_none() || last == of_successor.first().copied(),
                        "what the dead consumer has read"
                    );
                    popped.extend(of_successor);
                    popped
                }
            });
            let pushed = producer.push(&[1, 2, 3], 3);
            let early = consumers.join().unwrap();
            delivered(pushed, &early, &Worker::<false>::new(shared).pop(1))
        });
        assert!(seen.contains(&(3, capacity + 1)) && seen.contains(&(capacity, 0)), "{seen:?}");
    }
}

/// The indices wrap around at 2^64.
#[test]
fn spsc_push_pop_indices_wrap() {
    let seen = explore(2, 5, |shared| {
        for line in [&shared.state.tail, &shared.state.head] {
            line.word.store(u64::MAX - 1, Ordering::Relaxed); // A multiple of the capacity.
        }
        let mut producer = Worker::<true>::new(shared);
        let consumer = thread::spawn({
            let mut consumer = Worker::<false>::new(shared);
            move || consumer.pop(2)
        });
        let pushed = producer.push(&[1, 2, 3, 4], 3);
        let early = consumer.join().unwrap();
        delivered(pushed, &early, &Worker::<false>::new(shared).pop(1))
    });
    assert!(seen.contains(&(4, 4)) && seen.contains(&(2, 0)), "{seen:?}");
}
