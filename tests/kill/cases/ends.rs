//! The ends of a single-producer queue, opened, taken over and let go of: whoever comes next goes on where the last one stopped, and
//! who waits for the dead is told.

use std::cell::RefCell;
use std::path::PathBuf;

use breezeway::Segment;

use super::two_ends::{Bytes, End, Line, Parent, QUEUE, Values, Whose};
use crate::child::Child;
use crate::drive::{self, Death, Subject};
use crate::tally::Tally;

/// Two messages of three or 24 bytes lie in the queue, and go round its end.
const START: u64 = 24;
const SIZES: &[u32] = &[24, 3];

/// A child comes to an end of the queue, or leaves it.
struct Move<L: Line> {
    parent: Parent<L>,
    /// Which end.
    producer: bool,
    act: Act,
    before: Vec<u32>,
    whose: Whose,
}

/// What the child does with the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// Opens it: it is nobody's.
    Open,
    /// Opens it: it is a dead process's.
    TakeOver,
    Drop,
    Release,
    /// Repairs after the dead process whose it is.
    Reap,
}

impl<L: Line> Move<L> {
    /// A handle of the segment that stays open, so that nobody detaches.
    fn segment(&self) -> &'static Segment {
        Box::leak(Box::new(Segment::open(self.parent.segment.name().unwrap()).unwrap()))
    }

    fn open_end(&self, segment: &Segment) -> End<L> {
        if self.producer {
            End::Tx(segment.get(QUEUE).unwrap())
        } else {
            End::Rx(segment.get(QUEUE).unwrap())
        }
    }
}

impl<L: Line> Subject for Move<L> {
    type Handle = (&'static Segment, RefCell<Option<End<L>>>);

    fn reset(&mut self) {
        let start = START % L::CAPACITY as u64;
        self.before = self.parent.fill(start, SIZES);
        self.parent.release(self.producer);
        if matches!(self.act, Act::TakeOver | Act::Reap) {
            Child::fork(|| self.open_end(self.segment()), |_| {}).kill();
            assert_eq!(self.parent.whose(self.producer), Whose::Somebodys);
        }
    }

    fn open(&self) -> Self::Handle {
        let segment = self.segment();
        let has_it = matches!(self.act, Act::Drop | Act::Release);
        (segment, RefCell::new(has_it.then(|| self.open_end(segment))))
    }

    fn operate(&self, (segment, end): &Self::Handle) {
        match self.act {
            Act::Open | Act::TakeOver => *end.borrow_mut() = Some(self.open_end(segment)),
            Act::Drop => drop(end.take()),
            Act::Release => match end.take() {
                Some(End::Tx(tx)) => L::release_tx(tx),
                Some(End::Rx(rx)) => L::release_rx(rx),
                None => unreachable!("it has opened it"),
            },
            Act::Reap => assert_eq!(segment.reap().unwrap(), 1),
        }
    }

    fn observe(&mut self, _: &Child) {
        self.whose = self.parent.whose(self.producer);
    }

    fn survive(&mut self, death: &Death) -> &'static str {
        assert_eq!(self.parent.whose(self.producer), self.whose, "a death changes nothing");
        let last = match self.act {
            Act::Open | Act::TakeOver => Whose::Somebodys,
            Act::Drop | Act::Reap => Whose::Gone,
            Act::Release => Whose::Nobodys,
        };
        assert!(!death.completed || self.whose == last, "what has returned has happened");
        let mut content = self.before.clone();
        // Who waits at the end of a queue that is nobody's waits for somebody to come.
        if self.whose != Whose::Nobodys && death.point.is_multiple_of(2) {
            self.parent.peer_is_told(&mut content);
        }
        self.parent.check(&content);
        match self.whose {
            Whose::Nobodys => "nobody's",
            Whose::Somebodys => "the dead one's",
            Whose::OnItsWay => panic!("nobody has sent it"),
            Whose::Gone => "gone",
        }
    }

    fn files(&self, _: u32) -> Vec<PathBuf> {
        self.parent.segment.path().into_iter().collect()
    }
}

fn every<L: Line>(name: &str, producer: bool, act: Act) -> Tally {
    let parent = Parent::<L>::new(name);
    let mut subject = Move { parent, producer, act, before: Vec::new(), whose: Whose::Nobodys };
    drive::changes_unless_short(&mut subject, 1000)
}

type Four = Values<u64, 4>;
type Ring = Bytes<64>;

pub(crate) fn open_producer(name: &str) -> Tally {
    every::<Four>(name, true, Act::Open)
}

pub(crate) fn open_consumer(name: &str) -> Tally {
    every::<Four>(name, false, Act::Open)
}

pub(crate) fn take_over_producer(name: &str) -> Tally {
    every::<Ring>(name, true, Act::TakeOver)
}

pub(crate) fn take_over_consumer(name: &str) -> Tally {
    every::<Ring>(name, false, Act::TakeOver)
}

pub(crate) fn drop_producer(name: &str) -> Tally {
    every::<Four>(name, true, Act::Drop)
}

pub(crate) fn drop_consumer(name: &str) -> Tally {
    every::<Ring>(name, false, Act::Drop)
}

pub(crate) fn release_producer(name: &str) -> Tally {
    every::<Four>(name, true, Act::Release)
}

pub(crate) fn reap(name: &str) -> Tally {
    every::<Four>(name, true, Act::Reap)
}
