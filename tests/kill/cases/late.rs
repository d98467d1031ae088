//! One that has found the holder of an end dead, and stands still before it does anything about it. Meanwhile the end has a new
//! holder, of the same id. It must not be taken from that one.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use breezeway::queue::spsc::{Consumer, Producer};
use breezeway::{Atomic, PopError, Segment, SegmentError};

use super::number::Numbered;
use super::two_ends::{Line, Parent, QUEUE, Values, Whose};
use crate::child::{Child, Stop};
use crate::drive::{self, Death, Subject};
use crate::progress;
use crate::tally::Tally;

const TOLD: &str = "told";
const MESSAGE: u32 = 42;

/// How it went for the late one.
const DISCONNECTED: u64 = 1;
const GOT_THE_MESSAGE: u64 = 2;
const END_IS_TAKEN: u64 = 3;
const HAS_THE_END: u64 = 4;

/// A child that comes upon the end of a dead producer.
struct Late {
    parent: Parent<Values<u64, 4>>,
    told: Atomic<u64>,
    act: Act,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// Waits for a message from it.
    Pop,
    /// Wants to have it.
    Open,
}

impl Late {
    fn segment(&self) -> &'static Segment {
        Box::leak(Box::new(Segment::open(self.parent.segment.name().unwrap()).unwrap()))
    }

    /// A child that has the producer's end.
    fn producer(&self) -> Child {
        let open = || RefCell::new(self.segment().get::<Producer<u64>>(QUEUE).unwrap());
        Child::fork(open, |tx| tx.borrow_mut().push(u64::of(MESSAGE)).unwrap())
    }
}

impl Subject for Late {
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
        let rx = (self.act == Act::Pop).then(|| segment.get(QUEUE).unwrap());
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

    fn survive(&mut self, _: &Death) -> &'static str {
        "alone"
    }
}

/// Lets it stand still, and another come.
fn come_between(late: &mut Late, mut slow: Child) -> &'static str {
    let segment = &late.parent.segment;
    segment.reap().unwrap();
    if late.parent.whose(true) == Whose::Somebodys {
        assert_eq!(late.act, Act::Open);
        return "was there before";
    }
    let mut new = late.producer();
    new.finish();
    slow.finish();
    assert_eq!(late.parent.whose(true), Whose::Somebodys, "the end is its new holder's");
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

/// It stands still at each of so many instructions behind the last system calls. By one of them it finds the holder dead.
const BEHIND_CALLS: usize = 80;
const LAST_CALLS: usize = 4;

fn every(name: &str, act: Act) -> Tally {
    let parent = Parent::new(name);
    let told = parent.segment.add(TOLD, 0).unwrap();
    let mut late = Late { parent, told, act };
    let trace = drive::trace(&mut late, |_, _, _| {});
    let last_calls = trace.system_calls().iter().rev().take(LAST_CALLS);
    let points: BTreeSet<usize> = last_calls.flat_map(|&n| n..(n + BEHIND_CALLS).min(trace.last())).collect();
    let mut tally = Tally::default();
    for point in points {
        progress::at(format_args!("one that stands still after instruction {point}"));
        let mut slow = drive::start(&mut late);
        if slow.travel(trace.stepped_route(point)) == Stop::Underway {
            tally.count(come_between(&mut late, slow));
            progress::count_kill();
        }
    }
    tally
}

pub(crate) fn pop(name: &str) -> Tally {
    every(name, Act::Pop)
}

pub(crate) fn open(name: &str) -> Tally {
    every(name, Act::Open)
}
