//! A process has found the holder of an endpoint dead, and is stopped before it acts on that.
//! Meanwhile the endpoint gets a new holder, with the same id. The stopped process must not take
//! the endpoint from this successor.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use breezeway::queue::spsc::{Consumer, Producer};
use breezeway::{Atomic, PopError, Segment, SegmentError};

use super::numbered::Numbered;
use super::spsc_fixture::{EndpointState, Parent};
use super::spsc_kinds::{EndpointQueue, QUEUE, ValueQueue};
use crate::child::{Child, Stop};
use crate::kill::{self, Death, Scenario};
use crate::kill_counts::KillCounts;
use crate::progress;

const RESULT: &str = "result";
const MESSAGE: u32 = 42;

/// The stopped process's result.
const DISCONNECTED: u64 = 1;
const GOT_THE_MESSAGE: u64 = 2;
const ENDPOINT_TAKEN: u64 = 3;
const HAS_THE_ENDPOINT: u64 = 4;

/// A child that finds the endpoint of a dead producer.
struct StoppedOpener {
    parent: Parent<ValueQueue<u64, 4>>,
    result: Atomic<u64>,
    operation: Operation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    /// Waits for a message from it.
    Pop,
    /// Opens it.
    Open,
}

impl StoppedOpener {
    fn segment(&self) -> &'static Segment {
        Box::leak(Box::new(Segment::open(self.parent.segment.name().unwrap()).unwrap()))
    }

    /// A child that holds the producer's endpoint.
    fn producer(&self) -> Child {
        let open = || RefCell::new(self.segment().get::<Producer<u64>>(QUEUE).unwrap());
        Child::fork(open, |tx| tx.borrow_mut().push(u64::of(MESSAGE)).unwrap())
    }
}

impl Scenario for StoppedOpener {
    type Handle = (&'static Segment, Atomic<u64>, RefCell<Option<Consumer<u64>>>);

    fn reset(&mut self) {
        self.parent.fill(0, &[]);
        self.parent.release(true);
        self.parent.release(false);
        self.result.store(0, Ordering::Relaxed);
        self.producer().kill();
    }

    fn open(&self) -> Self::Handle {
        let segment = self.segment();
        let rx = (self.operation == Operation::Pop).then(|| segment.get(QUEUE).unwrap());
        (segment, segment.get(RESULT).unwrap(), RefCell::new(rx))
    }

    fn operate(&self, (segment, result, rx): &Self::Handle) {
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
                    HAS_THE_ENDPOINT
                }
                Err(SegmentError::EndpointTaken { .. }) => ENDPOINT_TAKEN,
                Err(error) => panic!("{error}"),
            },
        };
        result.store(how, Ordering::Relaxed);
    }

    fn check_survivors(&mut self, _: &Death) -> &'static str {
        "no successor"
    }
}

/// Opens the endpoint in another process while the child is stopped, and then lets the child go on.
fn open_meanwhile(stopped: &mut StoppedOpener, mut child: Child) -> &'static str {
    let segment = &stopped.parent.segment;
    segment.reap().unwrap();
    if stopped.parent.endpoint(true) == EndpointState::Held {
        assert_eq!(stopped.operation, Operation::Open);
        return "opened before";
    }
    let mut new = stopped.producer();
    new.finish();
    child.finish();
    assert_eq!(stopped.parent.endpoint(true), EndpointState::Held, "the endpoint is its new holder's");
    let result = stopped.result.load(Ordering::Relaxed);
    child.kill();
    let left = <ValueQueue<u64, 4> as EndpointQueue>::try_pop(stopped.parent.take_rx());
    new.kill();
    match (result, left) {
        (GOT_THE_MESSAGE, None) => "got the message",
        (DISCONNECTED, Some(MESSAGE)) => "left before",
        (ENDPOINT_TAKEN, Some(MESSAGE)) => "found it taken",
        strange => panic!("{strange:?}"),
    }
}

/// The child is stopped at each of this many instructions after the last system calls. By one of
/// these it finds the holder dead.
const POINTS_AFTER_CALL: usize = 80;
const LAST_CALLS: usize = 4;

fn every(name: &str, operation: Operation) -> KillCounts {
    let parent = Parent::new(name);
    let result = parent.segment.add(RESULT, 0).unwrap();
    let mut stopped = StoppedOpener { parent, result, operation };
    let trace = kill::trace_operation(&mut stopped, |_, _, _| {});
    let last_calls = trace.system_calls().iter().rev().take(LAST_CALLS);
    let points: BTreeSet<usize> =
        last_calls.flat_map(|&n| n..(n + POINTS_AFTER_CALL).min(trace.last())).collect();
    let mut kills = KillCounts::default();
    for point in points {
        progress::set_stage(format_args!("stopped after instruction {point}"));
        let mut child = kill::start_child(&mut stopped);
        if child.run_route(trace.stepped_route(point)) == Stop::InOperation {
            kills.count(open_meanwhile(&mut stopped, child));
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
