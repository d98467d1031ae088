//! Runs a [`Queue`] against a model, or with its memory damaged repeatedly.

use std::collections::VecDeque;

use breezeway::queue::{Lease, Queue};
use breezeway::{PopError, PushError, Shareable};

use crate::program::{Arena, NAME, Program};

/// The most operations on a damaged queue: each may take a million steps before it returns.
const MAX_DAMAGED_OPERATIONS: usize = 60;

/// A value with a number that identifies it.
trait Numbered: Shareable {
    fn new(number: u64) -> Self;
    /// The number; `None` if the value is torn.
    fn number(&self) -> Option<u64>;
}

impl Numbered for u64 {
    fn new(number: u64) -> Self {
        number
    }

    fn number(&self) -> Option<u64> {
        Some(*self)
    }
}

impl<const N: usize> Numbered for [u64; N] {
    fn new(number: u64) -> Self {
        [number; N]
    }

    fn number(&self) -> Option<u64> {
        self.iter().all(|word| *word == self[0]).then_some(self[0])
    }
}

/// Runs the program. Its first bytes choose the value type, the capacity, and whether memory is
/// damaged.
pub fn run(input: &[u8]) {
    let mut program = Program::new(input);
    let (kind, capacity) = (program.below(6), 1 + program.below(5));
    match kind {
        0 => run_sound::<u64>(program, capacity),
        1 => run_sound::<[u64; 3]>(program, capacity),
        // Large enough to be leased instead of popped.
        2 => run_sound::<[u64; 40]>(program, capacity),
        3 => run_damaged::<u64>(program, capacity),
        4 => run_damaged::<[u64; 3]>(program, capacity),
        _ => run_damaged::<[u64; 40]>(program, capacity),
    }
}

/// The model: what the queue must contain.
#[derive(Default)]
struct Model {
    capacity: usize,
    ready: VecDeque<u64>,
    returned: Vec<u64>,
    leased: usize,
    next: u64,
    closed: bool,
    /// Whether a lease may have left a free slot that producers reach only later.
    gaps: bool,
}

impl Model {
    fn room(&self) -> usize {
        self.capacity - self.ready.len() - self.returned.len() - self.leased
    }

    /// Records that `pushed` of the `offered` values were pushed.
    fn record_push(&mut self, offered: usize, pushed: usize) {
        assert!(!self.closed && pushed <= self.room() && pushed <= offered);
        assert!(self.gaps || pushed == self.room().min(offered), "there was room for more than {pushed}");
        self.ready.extend(self.next..self.next + pushed as u64);
        self.next += pushed as u64;
    }

    fn record_refusal<T>(&self, error: &PushError<T>) {
        match error {
            PushError::Full(_) => assert!(!self.closed && (self.gaps || self.room() == 0)),
            PushError::Closed(_) => assert!(self.closed),
            _ => panic!("{error}"),
        }
    }

    /// Records a popped value: the first, or any returned one if there are any. Returns whether it
    /// was a returned one.
    fn record_pop(&mut self, number: Option<u64>) -> bool {
        let number = number.expect("a whole value");
        let redelivered = !self.returned.is_empty();
        if redelivered {
            let at = self.returned.iter().position(|returned| *returned == number);
            self.returned.swap_remove(at.expect("one of those that were returned"));
        } else {
            assert_eq!(Some(number), self.ready.pop_front());
        }
        redelivered
    }

    fn record_empty(&mut self, error: &PopError) {
        assert!(self.ready.is_empty() && self.returned.is_empty(), "{error}");
        match error {
            PopError::Empty => assert!(!self.closed),
            PopError::Closed => assert!(self.closed),
            _ => panic!("{error}"),
        }
        self.gaps &= self.leased > 0;
    }
}

/// Every operation must do what the model says.
fn run_sound<T: Numbered>(mut program: Program<'_>, capacity: usize) {
    let arena = Arena::new(1 << 14);
    let made = arena.segment.add::<Queue<T>>(NAME, capacity).expect("room for the queue");
    let queues = [made, arena.segment.get(NAME).expect("the queue")];
    let mut model = Model { capacity, ..Model::default() };
    let mut leases: Vec<Lease<'_, T>> = Vec::new();
    while let Some(operation) = program.next() {
        let queue = &queues[usize::from(operation >> 7)];
        match operation % 16 {
            0..5 => match queue.try_push(T::new(model.next)) {
                Ok(()) => model.record_push(1, 1),
                Err(error) => model.record_refusal(&error),
            },
            5..8 => match queue.try_pop() {
                Ok(value) => _ = model.record_pop(value.number()),
                Err(error) => model.record_empty(&error),
            },
            8 => {
                let count = 1 + program.below(6);
                let values: Vec<T> = (0..count as u64).map(|ahead| T::new(model.next + ahead)).collect();
                match queue.try_push_slice(&values) {
                    Ok(pushed) => model.record_push(count, pushed),
                    Err(error) => model.record_refusal(&error),
                }
            }
            9 => {
                let mut values = vec![T::new(0); 1 + program.below(6)];
                let there = model.ready.len() + model.returned.len();
                match queue.try_pop_slice(&mut values) {
                    Ok(popped) => {
                        assert_eq!(popped, there.min(values.len()));
                        for value in &values[..popped] {
                            model.record_pop(value.number());
                        }
                    }
                    Err(error) => model.record_empty(&error),
                }
            }
            10..12 => match queue.try_lease() {
                Ok(lease) => {
                    assert_eq!(lease.redelivered(), model.record_pop(lease.number()));
                    model.leased += 1;
                    model.gaps = true;
                    leases.push(lease);
                }
                Err(error) => model.record_empty(&error),
            },
            12..15 if !leases.is_empty() => {
                let lease = leases.swap_remove(program.below(leases.len()));
                model.leased -= 1;
                if operation & 0x40 != 0 {
                    lease.ack().unwrap();
                } else {
                    model.returned.extend(lease.number());
                }
            }
            15 if operation == 0xff => {
                assert_eq!(queue.close(), !model.closed);
                model.closed = true;
            }
            _ => {
                assert_eq!(queue.is_closed(), model.closed);
                assert_eq!(queue.len(), model.ready.len() + model.returned.len());
            }
        }
    }
    model.returned.extend(leases.drain(..).filter_map(|lease| lease.number()));
    model.leased = 0;
    let end = loop {
        match queues[0].try_pop() {
            Ok(value) => _ = model.record_pop(value.number()),
            Err(error) => break error,
        }
    };
    model.record_empty(&end);
    if !model.closed {
        let values: Vec<T> = (0..=capacity as u64).map(T::new).collect();
        assert_eq!(queues[1].try_push_slice(&values).expect("room"), capacity, "all slots are free again");
    }
}

/// Nothing is expected of a damaged queue, except that each operation returns.
fn run_damaged<T: Numbered>(mut program: Program<'_>, capacity: usize) {
    let arena = Arena::new(1 << 14);
    let made = arena.segment.add::<Queue<T>>(NAME, capacity).expect("room for the queue");
    let queues = [made, arena.segment.get(NAME).expect("the queue")];
    let mut leases: Vec<Lease<'_, T>> = Vec::new();
    for number in 0..MAX_DAMAGED_OPERATIONS as u64 {
        let Some(operation) = program.next() else { break };
        let queue = &queues[usize::from(operation >> 7)];
        let value = T::new(number);
        match operation % 16 {
            0..5 => arena.damage(&mut program),
            5..8 => drop(queue.try_push(value)),
            8..10 => drop(queue.try_pop()),
            10 => drop(queue.try_push_slice(&[value; 3])),
            11 => drop(queue.try_pop_slice(&mut [value; 3])),
            12 => leases.extend(queue.try_lease()),
            13 if !leases.is_empty() => drop(leases.swap_remove(program.below(leases.len())).ack()),
            14 if !leases.is_empty() => drop(leases.swap_remove(program.below(leases.len()))),
            15 if operation == 0xff => drop(queue.close()),
            _ => drop((queue.is_closed(), queue.len(), arena.segment.reap())),
        }
    }
}
