//! The endpoints of a single-producer queue, opened, taken over, dropped and released: the next
//! holder continues where the last one stopped, and a peer that waits for a dead one is told.

use std::cell::RefCell;
use std::path::PathBuf;

use breezeway::Segment;

use super::spsc_fixture::{Endpoint, EndpointState, Parent};
use super::spsc_kinds::{ByteQueue, EndpointQueue, QUEUE, ValueQueue};
use crate::child::Child;
use crate::kill::{self, Death, Scenario};
use crate::kill_counts::KillCounts;

/// Two messages of three or 24 bytes are in the queue, and wrap at its end.
const START: u64 = 24;
const SIZES: &[u32] = &[24, 3];

/// A child opens an endpoint of the queue, or leaves it.
struct EndpointChange<L: EndpointQueue> {
    parent: Parent<L>,
    /// Whether the endpoint is the producer's.
    producer: bool,
    operation: Operation,
    before: Vec<u32>,
    endpoint: EndpointState,
}

/// What the child does with the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    /// Opens it: it is unclaimed.
    Open,
    /// Opens it: it belongs to a dead process.
    OpenAfterDeath,
    Drop,
    Release,
    /// Reaps the dead process that holds it.
    Reap,
}

impl<L: EndpointQueue> EndpointChange<L> {
    /// A handle of the segment that stays open, so that the child does not detach.
    fn segment(&self) -> &'static Segment {
        Box::leak(Box::new(Segment::open(self.parent.segment.name().unwrap()).unwrap()))
    }

    fn open_endpoint(&self, segment: &Segment) -> Endpoint<L> {
        if self.producer {
            Endpoint::Tx(segment.get(QUEUE).unwrap())
        } else {
            Endpoint::Rx(segment.get(QUEUE).unwrap())
        }
    }
}

impl<L: EndpointQueue> Scenario for EndpointChange<L> {
    type Handle = (&'static Segment, RefCell<Option<Endpoint<L>>>);

    fn reset(&mut self) {
        let start = START % L::CAPACITY as u64;
        self.before = self.parent.fill(start, SIZES);
        self.parent.release(self.producer);
        if matches!(self.operation, Operation::OpenAfterDeath | Operation::Reap) {
            Child::fork(|| self.open_endpoint(self.segment()), |_| {}).kill();
            assert_eq!(self.parent.endpoint(self.producer), EndpointState::Held);
        }
    }

    fn open(&self) -> Self::Handle {
        let segment = self.segment();
        let has_it = matches!(self.operation, Operation::Drop | Operation::Release);
        (segment, RefCell::new(has_it.then(|| self.open_endpoint(segment))))
    }

    fn operate(&self, (segment, end): &Self::Handle) {
        match self.operation {
            Operation::Open | Operation::OpenAfterDeath => {
                *end.borrow_mut() = Some(self.open_endpoint(segment))
            }
            Operation::Drop => drop(end.take()),
            Operation::Release => match end.take() {
                Some(Endpoint::Tx(tx)) => L::release_tx(tx),
                Some(Endpoint::Rx(rx)) => L::release_rx(rx),
                None => unreachable!("it has opened it"),
            },
            Operation::Reap => assert_eq!(segment.reap().unwrap(), 1),
        }
    }

    fn observe(&mut self, _: &Child) {
        self.endpoint = self.parent.endpoint(self.producer);
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        assert_eq!(self.parent.endpoint(self.producer), self.endpoint, "a death changes nothing");
        let last = match self.operation {
            Operation::Open | Operation::OpenAfterDeath => EndpointState::Held,
            Operation::Drop | Operation::Reap => EndpointState::Disconnected,
            Operation::Release => EndpointState::Unclaimed,
        };
        assert!(!death.completed || self.endpoint == last, "a completed operation has taken effect");
        let mut content = self.before.clone();
        // A peer at an unclaimed endpoint waits until it is opened.
        if self.endpoint != EndpointState::Unclaimed && death.point.is_multiple_of(2) {
            self.parent.check_peer_disconnects(&mut content);
        }
        self.parent.check(&content);
        match self.endpoint {
            EndpointState::Unclaimed => "unclaimed",
            EndpointState::Held => "held by the dead",
            EndpointState::InTransit => panic!("no process has sent it"),
            EndpointState::Disconnected => "disconnected",
        }
    }

    fn watched_files(&self, _: u32) -> Vec<PathBuf> {
        self.parent.segment.path().into_iter().collect()
    }
}

fn every<L: EndpointQueue>(name: &str, producer: bool, operation: Operation) -> KillCounts {
    let parent = Parent::<L>::new(name);
    let mut scenario = EndpointChange {
        parent,
        producer,
        operation,
        before: Vec::new(),
        endpoint: EndpointState::Unclaimed,
    };
    kill::at_changes_unless_short(&mut scenario, 1000)
}

type Four = ValueQueue<u64, 4>;
type Ring = ByteQueue<64>;

pub(crate) fn open_producer(name: &str) -> KillCounts {
    every::<Four>(name, true, Operation::Open)
}

pub(crate) fn open_consumer(name: &str) -> KillCounts {
    every::<Four>(name, false, Operation::Open)
}

pub(crate) fn open_producer_after_death(name: &str) -> KillCounts {
    every::<Ring>(name, true, Operation::OpenAfterDeath)
}

pub(crate) fn open_consumer_after_death(name: &str) -> KillCounts {
    every::<Ring>(name, false, Operation::OpenAfterDeath)
}

pub(crate) fn drop_producer(name: &str) -> KillCounts {
    every::<Four>(name, true, Operation::Drop)
}

pub(crate) fn drop_consumer(name: &str) -> KillCounts {
    every::<Ring>(name, false, Operation::Drop)
}

pub(crate) fn release_producer(name: &str) -> KillCounts {
    every::<Four>(name, true, Operation::Release)
}

pub(crate) fn reap_after_death(name: &str) -> KillCounts {
    every::<Four>(name, true, Operation::Reap)
}
