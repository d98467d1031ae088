//! A process has found the holder of an endpoint dead, and is stopped before it acts on that.
//! Meanwhile the endpoint gets a new holder, with the same id. The stopped process must not take
//! the endpoint from this successor.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use breezeway::queue::spsc::{Consumer, Producer};
use breezeway::{Atomic, PopError, Segment, SegmentError};

use super::numbered::Numbered;
use super::spsc_fixture::{EndpointState, Line, Parent, QUEUE, Values};
use crate::child::{Child, Stop};
use crate::kill::{self, Death, Scenario};
use crate::kill_counts::KillCounts;
use crate::progress;

const TOLD: &str = "told";
const MESSAGE: u32 = 42;

/// The stopped process's result.
const DISCONNECTED: u64 = 1;
const GOT_THE_MESSAGE: u64 = 2;
const END_IS_TAKEN: u64 = 3;
const HAS_THE_END: u64 = 4;

/// A child that finds the endpoint of a dead producer.
struct Late {
    parent: Parent<Values<u64, 4>>,
    told: Atomic<u64>,
    operation: Operation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    /// Waits for a message from it.
    Pop,
    /// Opens it.
    Open,
}

impl Late {
    fn segment(&self) -> &'static Segment {
        Box::leak(Box::new(Segment::open(self.parent.segment.name().unwrap()).unwrap()))
    }

    /// A child that holds the producer's endpoint.
    fn producer(&self) -> Child {
        let open = || RefCell::new(self.segment().get::<Producer<u64>>(QUEUE).unwrap());
        Child::fork(open, |tx| tx.borrow_mut().push(u64::of(MESSAGE)).unwrap())
    }
}

impl Scenario for Late {
    type Handle = (&'static Segment, Atomic<u64>, RefCell<Option<Consumer<u64>>>);

    fn reset(&mut self) {
        self.parent.fill(0, &[]);
        self.parent.release(true);
        self.parent.release(false);
        self.told.store(0, Ordering::Relaxed);
        self.producer().kill();
    }

    fn open(&self) -> Self::Handle {
        let segment = self.segment();
        let rx = (self.operation == Operation::Pop).then(|| segment.get(QUEUE).unwrap());
        (segment, segment.get(TOLD).unwrap(), RefCell::new(rx))
    }

    fn operate(&self, (segment, told, rx): &Self::Handle) {
        let how = match &mut *rx.borrow_mut() {
            Some(rx) => match rx.pop() {
                Ok(value) => {
                    assert_eq!(value.number(), MESSAGE);
                    GOT_THE_MESSAGE
                }
                Err(PopError::Disconnected) => DISCONNECTED,
                Err(error) => panic!("{error}"),
            },
            None => match segment.get::<Producer<u64>>(QUEUE) {
                Ok(tx) => {
                    core::mem::forget(tx);
                    HAS_THE_END
                }
                Err(SegmentError::EndpointTaken { .. }) => END_IS_TAKEN,
                Err(error) => panic!("{error}"),
            },
        };
        told.store(how, Ordering::Relaxed);
    }

    fn check_survivors(&mut self, _: &Death) -> &'static str {
        "alone"
    }
}

/// Opens the endpoint in another process while the child is stopped, and then lets the child go on.
fn come_between(late: &mut Late, mut slow: Child) -> &'static str {
    let segment = &late.parent.segment;
    segment.reap().unwrap();
    if late.parent.endpoint(true) == EndpointState::Held {
        assert_eq!(late.operation, Operation::Open);
        return "was there before";
    }
    let mut new = late.producer();
    new.finish();
    slow.finish();
    assert_eq!(late.parent.endpoint(true), EndpointState::Held, "the end is its new holder's");
    let told = late.told.load(Ordering::Relaxed);
    slow.kill();
    let left = <Values<u64, 4> as Line>::try_pop(late.parent.take_rx());
    new.kill();
    match (told, left) {
        (GOT_THE_MESSAGE, None) => "got the message",
        (DISCONNECTED, Some(MESSAGE)) => "left before",
        (END_IS_TAKEN, Some(MESSAGE)) => "found it taken",
        strange => panic!("{strange:?}"),
    }
}

/// The child is stopped at each of this many instructions after the last system calls. By one of
/// these it finds the holder dead.
const BEHIND_CALLS: usize = 80;
const LAST_CALLS: usize = 4;

fn every(name: &str, operation: Operation) -> KillCounts {
    let parent = Parent::new(name);
    let told = parent.segment.add(TOLD, 0).unwrap();
    let mut late = Late { parent, told, operation };
    let trace = kill::trace_operation(&mut late, |_, _, _| {});
    let last_calls = trace.system_calls().iter().rev().take(LAST_CALLS);
    let points: BTreeSet<usize> = last_calls.flat_map(|&n| n..(n + BEHIND_CALLS).min(trace.last())).collect();
    let mut kills = KillCounts::default();
    for point in points {
        progress::set_stage(format_args!("one that stands still after instruction {point}"));
        let mut slow = kill::start_child(&mut late);
        if slow.run_route(trace.stepped_route(point)) == Stop::InOperation {
            kills.count(come_between(&mut late, slow));
            progress::count_kill();
        }
    }
    kills
}

pub(crate) fn pop_successor(name: &str) -> KillCounts {
    every(name, Operation::Pop)
}

pub(crate) fn open_producer_successor(name: &str) -> KillCounts {
    every(name, Operation::Open)
}
