//! A queue with a producer's and a consumer's endpoint: a child has one of them, its parent the
//! other.
//!
//! The parent reads the two indices while the child is stopped. So it knows whether the operation
//! had committed, and which messages must be in the queue.

use std::cell::RefCell;

use breezeway::{PopError, Segment};

use super::spsc_kinds::{EndpointQueue, QUEUE};
use crate::child::{Child, Stop};
use crate::kill::{self, Death, Scenario};
use crate::kill_counts::KillCounts;
use crate::observe::FileMapping;
use crate::progress;

/// The queue's contents, and the child's operation.
pub(super) struct Run<L: EndpointQueue> {
    /// Where in the ring the first message is.
    pub(super) start: u64,
    /// The sizes of the messages in the queue.
    pub(super) filled: &'static [u32],
    pub(super) operation: Operation<L>,
}

/// What the child does at its endpoint.
pub(super) enum Operation<L: EndpointQueue> {
    /// Pushes messages of these sizes, which it is given.
    Push(&'static [u32], fn(&mut L::Tx, &[L::Message])),
    /// Pops this many messages, which must be those that it is given.
    Pop(usize, fn(&mut L::Rx, &[L::Message])),
}

impl<L: EndpointQueue> Operation<L> {
    fn is_push(&self) -> bool {
        matches!(self, Self::Push(..))
    }
}

/// An endpoint of the queue.
pub(super) enum Endpoint<L: EndpointQueue> {
    Tx(L::Tx),
    Rx(L::Rx),
}

/// The parent of a child that has one endpoint of the queue.
pub(super) struct Parent<L: EndpointQueue> {
    pub(super) segment: Segment,
    pub(super) tx: Option<L::Tx>,
    pub(super) rx: Option<L::Rx>,
    indices: Indices,
    round: u32,
}

/// The indices of a queue, read from outside.
struct Indices {
    mapping: FileMapping,
    at: usize,
}

impl Indices {
    fn tail(&self) -> u64 {
        self.mapping.word64(self.at)
    }

    fn head(&self) -> u64 {
        self.mapping.word64(self.at + 128)
    }

    fn endpoint(&self, producer: bool) -> EndpointState {
        let half = self.mapping.word64(self.at + 256) >> if producer { 0 } else { 31 };
        [EndpointState::Unclaimed, EndpointState::Held, EndpointState::InTransit, EndpointState::Disconnected]
            [(half >> 16 & 3) as usize]
    }
}

/// Whether and by whom an endpoint is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndpointState {
    Unclaimed,
    Held,
    InTransit,
    Disconnected,
}

impl<L: EndpointQueue> Parent<L> {
    pub(super) fn new(name: &str) -> Self {
        let segment = super::small_segment::create(name);
        let (tx, rx) = L::add(&segment);
        let mapping = FileMapping::open(&segment.path().unwrap()).unwrap();
        let indices = Indices { mapping, at: segment.objects().unwrap()[0].offset as usize };
        Self { segment, tx: Some(tx), rx: Some(rx), indices, round: 0 }
    }

    /// Opens the endpoint that the parent does not hold: it is unclaimed, or belongs to a dead
    /// process.
    pub(super) fn take_both(&mut self) -> (&mut L::Tx, &mut L::Rx) {
        let tx = self.tx.get_or_insert_with(|| self.segment.get(QUEUE).expect("the producer's end"));
        let rx = self.rx.get_or_insert_with(|| self.segment.get(QUEUE).expect("the consumer's end"));
        (tx, rx)
    }

    /// Opens the consumer's endpoint.
    pub(super) fn take_rx(&mut self) -> &mut L::Rx {
        self.rx.get_or_insert_with(|| self.segment.get(QUEUE).expect("the consumer's end"))
    }

    /// Empties the queue, and puts messages of these sizes in, the first one at `start`. Returns
    /// their numbers.
    pub(super) fn fill(&mut self, start: u64, sizes: &[u32]) -> Vec<u32> {
        self.segment.reap().unwrap();
        self.round += 1;
        let numbers = self.numbers(0, sizes);
        let (_, rx) = self.take_both();
        while L::try_pop(rx).is_some() {}
        while self.indices.tail() % L::CAPACITY as u64 != start {
            let (tx, rx) = self.take_both();
            assert!(L::try_push(tx, 0) && L::try_pop(rx) == Some(0));
        }
        let (tx, _) = self.take_both();
        assert!(numbers.iter().all(|&number| L::try_push(tx, number)), "room");
        numbers
    }

    /// Numbers for messages of these sizes that no recent round has used.
    pub(super) fn numbers(&self, first: u32, sizes: &[u32]) -> Vec<u32> {
        let ids = self.round % 500 * 100 + 100 + first..;
        sizes.iter().zip(ids).map(|(&size, id)| L::number(size, id)).collect()
    }

    /// The state of this endpoint.
    pub(super) fn endpoint(&self, producer: bool) -> EndpointState {
        self.indices.endpoint(producer)
    }

    /// The index that this endpoint advances when it commits.
    pub(super) fn index(&self, producer: bool) -> u64 {
        if producer { self.indices.tail() } else { self.indices.head() }
    }

    /// Releases the endpoint for the child.
    pub(super) fn release(&mut self, producer: bool) {
        if producer {
            self.tx.take().into_iter().for_each(L::release_tx);
        } else {
            self.rx.take().into_iter().for_each(L::release_rx);
        }
    }

    /// Removes all messages, which must be these; then the queue works like a new one.
    pub(super) fn check(&mut self, expected: &[u32]) {
        let (tx, rx) = self.take_both();
        let found: Vec<u32> = core::iter::from_fn(|| L::try_pop(rx)).collect();
        assert_eq!(found, expected, "what was pushed, each once and in order");
        L::exercise(tx, rx);
    }

    /// Before the dead process's endpoint is opened again: its peer is told of the death, once
    /// there is no message or no room.
    pub(super) fn check_peer_disconnects(&mut self, content: &mut Vec<u32>) {
        if let Some(rx) = &mut self.rx {
            for message in content.drain(..) {
                assert_eq!(L::pop(rx).unwrap(), message, "what was pushed, each once and in order");
            }
            assert!(matches!(L::pop(rx), Err(PopError::Disconnected)), "nothing more comes");
        } else if let Some(tx) = &mut self.tx {
            let number = L::number(8, 77);
            while L::try_push(tx, number) {
                content.push(number);
            }
            assert!(!L::push(tx, number), "no consumer any more");
        }
    }
}

/// A child pushes or pops.
pub(super) struct EndpointRun<L: EndpointQueue> {
    parent: Parent<L>,
    run: Run<L>,
    /// The messages in the queue before the operation, and those that the child pushes.
    before: Vec<u32>,
    pushed: Vec<u32>,
    /// The child's index before the operation, and when it was last observed.
    started_at: u64,
    seen_at: u64,
}

impl<L: EndpointQueue> EndpointRun<L> {
    pub(super) fn new(parent: Parent<L>, run: Run<L>) -> Self {
        Self { parent, run, before: Vec::new(), pushed: Vec::new(), started_at: 0, seen_at: 0 }
    }

    fn index(&self) -> u64 {
        self.parent.index(self.run.operation.is_push())
    }

    /// The queue's messages once the child has committed.
    fn after(&self) -> Vec<u32> {
        match self.run.operation {
            Operation::Push(..) => [&self.before[..], &self.pushed].concat(),
            Operation::Pop(count, _) => self.before[count..].to_vec(),
        }
    }
}

impl<L: EndpointQueue> Scenario for EndpointRun<L> {
    type Handle = (RefCell<Endpoint<L>>, Vec<L::Message>);

    fn reset(&mut self) {
        self.before = self.parent.fill(self.run.start, self.run.filled);
        if let Operation::Push(sizes, _) = self.run.operation {
            self.pushed = self.parent.numbers(50, sizes);
        }
        self.parent.release(self.run.operation.is_push());
        self.started_at = self.index();
    }

    fn open(&self) -> Self::Handle {
        let segment: &'static Segment =
            Box::leak(Box::new(Segment::open(self.parent.segment.name().unwrap()).unwrap()));
        let (end, numbers) = match self.run.operation {
            Operation::Push(..) => (Endpoint::Tx(segment.get(QUEUE).unwrap()), &self.pushed[..]),
            Operation::Pop(count, _) => (Endpoint::Rx(segment.get(QUEUE).unwrap()), &self.before[..count]),
        };
        (RefCell::new(end), numbers.iter().map(|&number| L::message(number)).collect())
    }

    fn operate(&self, (end, messages): &Self::Handle) {
        match (&mut *end.borrow_mut(), &self.run.operation) {
            (Endpoint::Tx(tx), Operation::Push(_, push)) => push(tx, messages),
            (Endpoint::Rx(rx), Operation::Pop(_, pop)) => pop(rx, messages),
            _ => unreachable!("the end that it opened"),
        }
    }

    fn observe(&mut self, _: &Child) {
        self.seen_at = self.index();
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        assert_eq!(self.index(), self.seen_at, "a death changes nothing");
        let has_committed = self.seen_at != self.started_at;
        let after = self.after();
        assert!(
            !death.completed || has_committed || after == self.before,
            "a completed operation has taken effect"
        );
        let mut content = if has_committed { after } else { self.before.clone() };
        match death.point % 3 {
            0 => {}
            1 => self.parent.check_peer_disconnects(&mut content),
            _ => assert_eq!(self.parent.segment.reap().unwrap(), 1, "the dead one is reaped"),
        }
        self.parent.check(&content);
        if has_committed { "committed" } else { "as before" }
    }
}

/// Kills each operation at every instruction.
pub(super) fn every<L: EndpointQueue>(name: &str, runs: impl IntoIterator<Item = Run<L>>) -> KillCounts {
    let mut kills = KillCounts::default();
    let mut parent = Parent::new(name);
    for run in runs {
        let mut work = EndpointRun::new(parent, run);
        kills.merge(&kill::at_every_instruction(&mut work));
        parent = work.parent;
    }
    kills
}

/// Stops each operation at every instruction, and lets it go on when the other endpoint has done
/// all it can.
pub(super) fn stopped_at_every_instruction<L: EndpointQueue>(
    name: &str,
    runs: impl IntoIterator<Item = Run<L>>,
) -> KillCounts {
    let mut kills = KillCounts::default();
    let mut parent = Parent::new(name);
    for run in runs {
        let mut work = EndpointRun::new(parent, run);
        let trace = kill::trace_operation(&mut work, |_, _, _| {});
        for point in 0..trace.last() {
            progress::set_stage(format_args!("stopped after instruction {point}"));
            let mut child = kill::start_child(&mut work);
            assert_eq!(child.run_route(trace.route(point)), Stop::InOperation, "in the operation");
            work.observe(&child);
            kills.count(if work.seen_at == work.started_at { "as before" } else { "committed" });
            let (mut taken, mut pushed) = (Vec::new(), Vec::new());
            if let Some(rx) = &mut work.parent.rx {
                taken.extend(core::iter::from_fn(|| L::try_pop(rx)));
            }
            if let Some(tx) = &mut work.parent.tx {
                let number = L::number(8, 77);
                pushed.extend(core::iter::repeat_n(number, 64).take_while(|&number| L::try_push(tx, number)));
            }
            child.finish();
            child.kill();
            let content = [work.after(), pushed].concat();
            assert!(content.starts_with(&taken), "in order: {taken:?} of {content:?}");
            work.parent.check(&content[taken.len()..]);
            progress::count_kill();
        }
        parent = work.parent;
    }
    kills
}
