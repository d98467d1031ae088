//! A queue with a producer's and a consumer's endpoint: a child has one of them, its parent the
//! other.
//!
//! The parent reads the two indices while the child is stopped. So it knows whether the operation
//! had committed, and which messages must be in the queue.

use std::cell::RefCell;

use breezeway::queue::{bytes, spsc};
use breezeway::{Object, PopError, PushError, Segment};

use super::numbered::Numbered;
use crate::child::{Child, Stop};
use crate::kill::{self, Death, Scenario};
use crate::kill_counts::KillCounts;
use crate::observe::FileMapping;
use crate::progress;

/// The object's name.
pub(super) const QUEUE: &str = "queue";

/// A kind of queue with two endpoints, as the cases see it: messages are numbers.
pub(super) trait Line {
    type Tx: Object;
    type Rx: Object;
    type Message;
    const CAPACITY: usize;

    fn add(segment: &Segment) -> (Self::Tx, Self::Rx);
    /// The number that identifies a message of this size.
    fn number(size: u32, id: u32) -> u32;
    fn message(number: u32) -> Self::Message;
    fn try_push(tx: &mut Self::Tx, number: u32) -> bool;
    /// Pushes, and waits for room. `false` if there is no consumer any more.
    fn push(tx: &mut Self::Tx, number: u32) -> bool;
    fn try_pop(rx: &mut Self::Rx) -> Option<u32>;
    /// Pops, and waits for a message.
    fn pop(rx: &mut Self::Rx) -> Result<u32, PopError>;
    fn release_tx(tx: Self::Tx);
    fn release_rx(rx: Self::Rx);
    /// Fills the empty queue to its capacity and empties it.
    fn exercise(tx: &mut Self::Tx, rx: &mut Self::Rx);
}

/// Values of a fixed size, `N` of them.
pub(super) struct Values<T, const N: usize>(T);

impl<T: Numbered, const N: usize> Line for Values<T, N> {
    type Tx = spsc::Producer<T>;
    type Rx = spsc::Consumer<T>;
    type Message = T;
    const CAPACITY: usize = N;

    fn add(segment: &Segment) -> (Self::Tx, Self::Rx) {
        spsc::add(segment, QUEUE, N).unwrap()
    }

    fn number(_: u32, id: u32) -> u32 {
        id
    }

    fn message(number: u32) -> T {
        T::of(number)
    }

    fn try_push(tx: &mut Self::Tx, number: u32) -> bool {
        tx.try_push(T::of(number)).is_ok()
    }

    fn push(tx: &mut Self::Tx, number: u32) -> bool {
        match tx.push(T::of(number)) {
            Ok(()) => true,
            Err(PushError::Disconnected(_)) => false,
            Err(error) => panic!("{error}"),
        }
    }

    fn try_pop(rx: &mut Self::Rx) -> Option<u32> {
        rx.try_pop().ok().map(|value| value.number())
    }

    fn pop(rx: &mut Self::Rx) -> Result<u32, PopError> {
        rx.pop().map(|value| value.number())
    }

    fn release_tx(tx: Self::Tx) {
        tx.release();
    }

    fn release_rx(rx: Self::Rx) {
        rx.release();
    }

    fn exercise(tx: &mut Self::Tx, rx: &mut Self::Rx) {
        for n in 0..N as u32 {
            assert!(Self::try_push(tx, n), "room for {N}");
        }
        assert!(matches!(tx.try_push(T::of(0)), Err(PushError::Full(_))), "room for {N} only");
        assert!((0..N as u32).all(|n| Self::try_pop(rx) == Some(n)));
        assert!(matches!(rx.try_pop(), Err(PopError::Empty)));
    }
}

/// Messages of any length in a ring of `N` bytes.
pub(super) struct Bytes<const N: usize>;

impl<const N: usize> Bytes<N> {
    /// A message's number. An empty message's is 0.
    fn number_of(message: &[u8]) -> u32 {
        let id: [u8; 2] = core::array::from_fn(|n| message.get(n).copied().unwrap_or(0));
        let number = (message.len() as u32) << 16 | u32::from(u16::from_le_bytes(id));
        assert_eq!(message, Self::message(number), "a message is whole");
        number
    }
}

impl<const N: usize> Line for Bytes<N> {
    type Tx = bytes::Producer;
    type Rx = bytes::Consumer;
    type Message = Vec<u8>;
    const CAPACITY: usize = N;

    fn add(segment: &Segment) -> (Self::Tx, Self::Rx) {
        bytes::add(segment, QUEUE, N).unwrap()
    }

    fn number(size: u32, id: u32) -> u32 {
        if size == 0 { 0 } else { size << 16 | id & 0xffff }
    }

    /// Of the size that is in the number's upper half.
    fn message(number: u32) -> Vec<u8> {
        let [low, high, ..] = number.to_le_bytes();
        (0..number >> 16).map(|n| [low, high][n as usize % 2].wrapping_add(n as u8 / 2 * 17)).collect()
    }

    fn try_push(tx: &mut Self::Tx, number: u32) -> bool {
        tx.try_push(&Self::message(number)).is_ok()
    }

    fn push(tx: &mut Self::Tx, number: u32) -> bool {
        match tx.push(&Self::message(number)) {
            Ok(()) => true,
            Err(PushError::Disconnected(())) => false,
            Err(error) => panic!("{error}"),
        }
    }

    fn try_pop(rx: &mut Self::Rx) -> Option<u32> {
        rx.try_read().ok().map(|message| Self::number_of(&message))
    }

    fn pop(rx: &mut Self::Rx) -> Result<u32, PopError> {
        rx.read().map(|message| Self::number_of(&message))
    }

    fn release_tx(tx: Self::Tx) {
        tx.release();
    }

    fn release_rx(rx: Self::Rx) {
        rx.release();
    }

    fn exercise(tx: &mut Self::Tx, rx: &mut Self::Rx) {
        for n in 0..N as u32 / 8 {
            assert!(Self::try_push(tx, 0), "room for {n} headers and one more");
        }
        assert!(matches!(tx.try_push(&[]), Err(PushError::Full(()))), "room for no more");
        assert!((0..N as u32 / 8).all(|_| Self::try_pop(rx) == Some(0)));
        for id in 1..4 {
            let longest = Self::number(tx.max_message() as u32, id);
            assert!(Self::try_push(tx, longest), "room for the longest message");
            assert_eq!(Self::try_pop(rx), Some(longest));
        }
        assert!(matches!(rx.try_read(), Err(PopError::Empty)));
    }
}

/// The queue's contents, and the child's operation.
pub(super) struct Scene<L: Line> {
    /// Where in the ring the first message is.
    pub(super) start: u64,
    /// The sizes of the messages in the queue.
    pub(super) filled: &'static [u32],
    pub(super) operation: Operation<L>,
}

/// What the child does at its endpoint.
pub(super) enum Operation<L: Line> {
    /// Pushes messages of these sizes, which it is given.
    Push(&'static [u32], fn(&mut L::Tx, &[L::Message])),
    /// Pops this many messages, which must be those that it is given.
    Pop(usize, fn(&mut L::Rx, &[L::Message])),
}

impl<L: Line> Operation<L> {
    fn is_push(&self) -> bool {
        matches!(self, Self::Push(..))
    }
}

/// An endpoint of the queue.
pub(super) enum End<L: Line> {
    Tx(L::Tx),
    Rx(L::Rx),
}

/// The parent of a child that has one endpoint of the queue.
pub(super) struct Parent<L: Line> {
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
        [EndpointState::Unclaimed, EndpointState::Held, EndpointState::InTransit, EndpointState::Gone]
            [(half >> 16 & 3) as usize]
    }
}

/// Whether and by whom an endpoint is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndpointState {
    Unclaimed,
    Held,
    InTransit,
    Gone,
}

impl<L: Line> Parent<L> {
    pub(super) fn new(name: &str) -> Self {
        let segment = Segment::create(name, 1 << 16).unwrap();
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
            assert!(!L::push(tx, number), "nobody listens");
        }
    }
}

/// A child pushes or pops.
pub(super) struct Work<L: Line> {
    parent: Parent<L>,
    scene: Scene<L>,
    /// The messages in the queue before the operation, and those that the child pushes.
    before: Vec<u32>,
    pushed: Vec<u32>,
    /// The child's index before the operation, and when it was last observed.
    started_at: u64,
    seen_at: u64,
}

impl<L: Line> Work<L> {
    pub(super) fn new(parent: Parent<L>, scene: Scene<L>) -> Self {
        Self { parent, scene, before: Vec::new(), pushed: Vec::new(), started_at: 0, seen_at: 0 }
    }

    fn index(&self) -> u64 {
        self.parent.index(self.scene.operation.is_push())
    }

    /// The queue's messages once the child has committed.
    fn after(&self) -> Vec<u32> {
        match self.scene.operation {
            Operation::Push(..) => [&self.before[..], &self.pushed].concat(),
            Operation::Pop(count, _) => self.before[count..].to_vec(),
        }
    }
}

impl<L: Line> Scenario for Work<L> {
    type Handle = (RefCell<End<L>>, Vec<L::Message>);

    fn reset(&mut self) {
        self.before = self.parent.fill(self.scene.start, self.scene.filled);
        if let Operation::Push(sizes, _) = self.scene.operation {
            self.pushed = self.parent.numbers(50, sizes);
        }
        self.parent.release(self.scene.operation.is_push());
        self.started_at = self.index();
    }

    fn open(&self) -> Self::Handle {
        let segment: &'static Segment =
            Box::leak(Box::new(Segment::open(self.parent.segment.name().unwrap()).unwrap()));
        let (end, numbers) = match self.scene.operation {
            Operation::Push(..) => (End::Tx(segment.get(QUEUE).unwrap()), &self.pushed[..]),
            Operation::Pop(count, _) => (End::Rx(segment.get(QUEUE).unwrap()), &self.before[..count]),
        };
        (RefCell::new(end), numbers.iter().map(|&number| L::message(number)).collect())
    }

    fn operate(&self, (end, messages): &Self::Handle) {
        match (&mut *end.borrow_mut(), &self.scene.operation) {
            (End::Tx(tx), Operation::Push(_, push)) => push(tx, messages),
            (End::Rx(rx), Operation::Pop(_, pop)) => pop(rx, messages),
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
        assert!(!death.completed || has_committed || after == self.before, "what has returned has happened");
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
pub(super) fn every<L: Line>(name: &str, scenes: impl IntoIterator<Item = Scene<L>>) -> KillCounts {
    let mut kills = KillCounts::default();
    let mut parent = Parent::new(name);
    for scene in scenes {
        let mut work = Work::new(parent, scene);
        kills.merge(&kill::at_every_instruction(&mut work));
        parent = work.parent;
    }
    kills
}

/// Stops each operation at every instruction, and lets it go on when the other endpoint has done
/// all it can.
pub(super) fn frozen<L: Line>(name: &str, scenes: impl IntoIterator<Item = Scene<L>>) -> KillCounts {
    let mut kills = KillCounts::default();
    let mut parent = Parent::new(name);
    for scene in scenes {
        let mut work = Work::new(parent, scene);
        let trace = kill::trace_operation(&mut work, |_, _, _| {});
        for point in 0..trace.last() {
            progress::set_stage(format_args!("one that stands still after instruction {point}"));
            let mut child = kill::start_child(&mut work);
            assert_eq!(child.run_route(trace.route(point)), Stop::InOperation, "in the middle of it");
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
