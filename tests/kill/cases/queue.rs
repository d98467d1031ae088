//! `Queue`: every push that has returned is delivered once and in order, and any other push wholly
//! or not at all. What a dead consumer had not taken is available to the next one, immediately or
//! when the dead one is reaped.

use std::time::Duration;

use breezeway::queue::Queue;
use breezeway::{PopError, PushError, Segment};

use super::numbered::Numbered;
use super::queue_slots::{QueueSlots, SlotState};
use crate::child::Child;
use crate::kill::{self, Death, Scenario};
use crate::kill_counts::KillCounts;

pub(super) const QUEUE: &str = "queue";
const SURVIVOR_TIMEOUT: Duration = Duration::from_secs(5);

/// The queue's contents before the operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contents {
    /// The slot of the first message.
    pub(super) start: usize,
    /// The number of messages in the queue.
    pub(super) filled: usize,
    /// Whether a lease of the first message was dropped, and then the second message was
    /// acknowledged.
    pub(super) returned: bool,
}

pub(super) const fn contents(start: usize, filled: usize) -> Contents {
    Contents { start, filled, returned: false }
}

pub(super) const fn contents_with_returned(start: usize, filled: usize) -> Contents {
    Contents { start, filled, returned: true }
}

/// What the child does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Push,
    PushRefused,
    PushTwo,
    Pop,
    PopRefused,
    PopTwo,
    LeaseAndAck,
    LeaseAndDrop,
}

impl Operation {
    /// Performs the operation: `before` are the queue's messages, `new` those to push.
    pub(super) fn perform<T: Numbered>(self, queue: &Queue<T>, before: &[T], new: &[T; 2]) {
        match self {
            Self::Push => queue.push(new[0]).unwrap(),
            Self::PushRefused => assert!(matches!(queue.try_push(new[0]), Err(PushError::Full(_)))),
            Self::PushTwo => queue.push_slice(new).unwrap(),
            Self::Pop => assert!(queue.pop().unwrap() == before[0]),
            Self::PopRefused => assert!(matches!(queue.try_pop(), Err(PopError::Empty))),
            Self::PopTwo => {
                let mut found = *new;
                assert_eq!(queue.pop_slice(&mut found).unwrap(), 2);
                assert!(found == before[..2]);
            }
            Self::LeaseAndAck => {
                let lease = queue.lease().unwrap();
                assert!(*lease == before[0]);
                lease.ack().unwrap();
            }
            Self::LeaseAndDrop => {
                let lease = queue.lease().unwrap();
                assert!(*lease == before[0]);
                drop(lease);
            }
        }
    }

    /// The queue's messages, step by step.
    fn stages(self, before: &[u32], new: &[u32; 2]) -> Vec<Vec<u32>> {
        let with = |count: usize| [before, &new[..count]].concat();
        match self {
            Self::Push => vec![with(0), with(1)],
            Self::PushTwo => vec![with(0), with(1), with(2)],
            Self::Pop | Self::LeaseAndAck => vec![with(0), before[1..].to_vec()],
            Self::PopTwo => vec![with(0), before[1..].to_vec(), before[2..].to_vec()],
            Self::PushRefused | Self::PopRefused | Self::LeaseAndDrop => vec![with(0)],
        }
    }
}

/// The surviving process, which observes the queue.
pub(super) struct Parent<T: Numbered> {
    pub(super) segment: Segment,
    pub(super) queue: Queue<T>,
    pub(super) slots: QueueSlots,
    round: u32,
}

impl<T: Numbered> Parent<T> {
    pub(super) fn new(name: &str, capacity: usize) -> Self {
        let segment = super::small_segment::create(name);
        let queue = segment.add(QUEUE, capacity).unwrap();
        super::settle::add_idle_queue(&segment);
        let slots = QueueSlots::of(&segment, QUEUE, capacity, size_of::<T>());
        Self { segment, queue, slots, round: 0 }
    }

    /// A child's own handle.
    pub(super) fn open(&self) -> Queue<T> {
        Segment::open(self.segment.name().unwrap()).unwrap().get(QUEUE).unwrap()
    }

    /// A number that no recent round has used: each round has a hundred.
    pub(super) fn number(&self, n: usize) -> u32 {
        self.round * 100 + n as u32
    }

    /// Empties the queue and puts the messages in. Returns them in the order in which they will be
    /// delivered.
    pub(super) fn set(&mut self, contents: Contents) -> Vec<u32> {
        self.segment.reap().unwrap();
        self.round += 1;
        while self.queue.try_pop().is_ok() {}
        while self.slots.tail_index() != contents.start {
            self.queue.try_push(T::of(0)).unwrap();
            assert_eq!(self.queue.try_pop().unwrap().number(), 0);
        }
        for n in 0..contents.filled {
            self.queue.try_push(T::of(self.number(n))).unwrap();
        }
        let mut messages: Vec<u32> = (0..contents.filled).map(|n| self.number(n)).collect();
        if contents.returned {
            let (first, second) = (self.queue.try_lease().unwrap(), self.queue.try_lease().unwrap());
            drop(first);
            second.ack().unwrap();
            messages.remove(1);
        }
        messages
    }

    /// Removes all messages, which must be these; then the queue works like a new one.
    pub(super) fn check(&self, expected: &[u32], first: FirstCheck) {
        let capacity = self.queue.capacity();
        let mut expected = expected.to_vec();
        let is_writing = self.slots.any(SlotState::Writing);
        match first {
            FirstCheck::Pop => {}
            FirstCheck::Reap => assert_eq!(self.segment.reap().unwrap(), 1, "one has died"),
            FirstCheck::Push => {
                let new = (0..).map(|n| self.number(60 + n));
                let pushed: Vec<u32> =
                    new.take_while(|&number| self.queue.try_push(T::of(number)).is_ok()).collect();
                // A slot that the dead producer was writing counts as used as long as there are
                // messages before it.
                let hole = usize::from(is_writing && !expected.is_empty());
                assert_eq!(
                    pushed.len(),
                    capacity - expected.len() - hole,
                    "the dead process leaves all the room"
                );
                expected.extend(pushed);
            }
            FirstCheck::Wait => {
                let number = self
                    .queue
                    .pop_timeout(SURVIVOR_TIMEOUT)
                    .expect("what the dead process had leased")
                    .number();
                assert_eq!(number, expected.remove(0));
            }
        }
        let found = self.drain();
        assert_eq!(found, expected, "what was pushed, each once and in order");
        self.exercise();
    }

    /// Removes all messages, every other time by leases, and checks that those that had been leased
    /// are marked.
    pub(super) fn drain(&self) -> Vec<u32> {
        let (_, mut redelivered) = self.slots.messages();
        let by_lease = self.round.is_multiple_of(2);
        let take = || {
            let marked = redelivered > 0;
            redelivered = redelivered.saturating_sub(1);
            if by_lease {
                let lease = self.queue.try_lease().ok()?;
                assert_eq!(lease.redelivered(), marked, "whether it had been leased");
                let number = lease.number();
                lease.ack().unwrap();
                Some(number)
            } else {
                self.queue.try_pop().ok().map(|value| value.number())
            }
        };
        core::iter::from_fn(take).collect()
    }

    /// An empty queue has room for its capacity.
    pub(super) fn exercise(&self) {
        let capacity = self.queue.capacity() as u32;
        for n in 0..capacity {
            assert!(self.queue.try_push(T::of(n)).is_ok(), "room for {capacity}, {n} are there");
        }
        assert!(matches!(self.queue.try_push(T::of(0)), Err(PushError::Full(_))), "room for no more");
        for n in 0..capacity {
            let lease = self.queue.try_lease().expect("as many as were pushed");
            assert!(lease.number() == n && !lease.redelivered());
            lease.ack().unwrap();
        }
        assert!(matches!(self.queue.try_pop(), Err(PopError::Empty)));
    }
}

/// What the survivors do first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FirstCheck {
    /// They pop.
    Pop,
    /// They reap the dead process.
    Reap,
    /// They push as much as they can.
    Push,
    /// They wait for a message.
    Wait,
}

/// A child operates on the queue.
pub(super) struct QueueOperation<T: Numbered> {
    pub(super) parent: Parent<T>,
    pub(super) contents: Contents,
    pub(super) operation: Operation,
    before: Vec<u32>,
    /// The queue's messages when the child was last observed.
    seen: Vec<u32>,
    state: &'static str,
}

impl<T: Numbered> QueueOperation<T> {
    pub(super) fn new(parent: Parent<T>, contents: Contents, operation: Operation) -> Self {
        Self { parent, contents, operation, before: Vec::new(), seen: Vec::new(), state: "" }
    }

    fn new_numbers(&self) -> [u32; 2] {
        [50, 51].map(|n| self.parent.number(n))
    }
}

impl<T: Numbered> Scenario for QueueOperation<T> {
    type Handle = (Queue<T>, Vec<T>, [T; 2]);

    fn reset(&mut self) {
        self.before = self.parent.set(self.contents);
    }

    fn open(&self) -> Self::Handle {
        let before = self.before.iter().map(|&number| T::of(number)).collect();
        (super::settle::settled(self.parent.open()), before, self.new_numbers().map(T::of))
    }

    fn operate(&self, (queue, before, new): &Self::Handle) {
        self.operation.perform(queue, before, new);
    }

    fn observe(&mut self, _: &Child) {
        let slots = &self.parent.slots;
        self.seen = slots.messages().0;
        self.state = match () {
            () if slots.any(SlotState::Writing) => "half written",
            () if slots.any(SlotState::Leased) => "leased by the dead",
            () if slots.any(SlotState::Returned) && !slots.knows_of_returned() => "returned by the dead",
            () => "",
        };
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        assert_eq!(self.parent.slots.messages().0, self.seen, "a death changes nothing");
        let stages = self.operation.stages(&self.before, &self.new_numbers());
        let stage = stages.iter().position(|stage| *stage == self.seen);
        let stage = stage.unwrap_or_else(|| panic!("{:?} is none of {stages:?}", self.seen));
        let is_last = stage + 1 == stages.len();
        assert!(
            !death.completed || is_last && self.state.is_empty(),
            "a completed operation has taken effect"
        );
        let for_reapers = matches!(self.state, "leased by the dead" | "returned by the dead");
        let first = match death.point {
            // A waiting consumer reaps. That takes a whole recheck interval, so not every time.
            n if for_reapers && self.seen.len() == 1 && n.is_multiple_of(16) => FirstCheck::Wait,
            _ if for_reapers => FirstCheck::Reap,
            n => [FirstCheck::Pop, FirstCheck::Reap, FirstCheck::Push][n % 3],
        };
        self.parent.check(&self.seen, first);
        match (self.state, stage) {
            ("", 0) => "as before",
            ("", _) if !is_last => "in peer",
            ("", _) => "done",
            (state, _) => state,
        }
    }
}

/// Kills each operation at every instruction.
pub(super) fn every<T: Numbered>(name: &str, capacity: usize, runs: &[(Operation, Contents)]) -> KillCounts {
    let mut kills = KillCounts::default();
    let mut parent = Parent::<T>::new(name, capacity);
    for &(operation, contents) in runs {
        let mut work = QueueOperation::new(parent, contents, operation);
        kills.merge(&kill::at_every_instruction(&mut work));
        parent = work.parent;
    }
    kills
}

/// Into an empty queue, a half full one, one with one free slot; around the ring's end, and past a
/// returned message.
const PUSHES: &[(Operation, Contents)] = &[
    (Operation::Push, contents(0, 0)),
    (Operation::Push, contents(2, 0)),
    (Operation::Push, contents(1, 1)),
    (Operation::Push, contents(1, 2)),
    (Operation::Push, contents(0, 2)),
    (Operation::Push, contents_with_returned(0, 3)),
    (Operation::Push, contents_with_returned(2, 3)),
    (Operation::PushRefused, contents(0, 3)),
    (Operation::PushRefused, contents(2, 3)),
    (Operation::PushTwo, contents(2, 1)),
];

const POPS: &[(Operation, Contents)] = &[
    (Operation::Pop, contents(0, 1)),
    (Operation::Pop, contents(2, 2)),
    (Operation::Pop, contents(0, 3)),
    (Operation::Pop, contents_with_returned(0, 3)),
    (Operation::Pop, contents_with_returned(2, 2)),
    (Operation::PopRefused, contents(0, 0)),
    (Operation::PopRefused, contents(2, 0)),
    (Operation::PopTwo, contents(2, 3)),
    (Operation::PopTwo, contents_with_returned(1, 3)),
];

const LEASES: &[(Operation, Contents)] = &[
    (Operation::LeaseAndAck, contents(0, 1)),
    (Operation::LeaseAndAck, contents(2, 3)),
    (Operation::LeaseAndAck, contents_with_returned(1, 3)),
    (Operation::LeaseAndDrop, contents(0, 3)),
    (Operation::LeaseAndDrop, contents(2, 2)),
    (Operation::LeaseAndDrop, contents_with_returned(2, 3)),
];

/// No power of two, so that going round is more than a carry.
const CAPACITY: usize = 3;

pub(crate) fn push_8_bytes(name: &str) -> KillCounts {
    every::<u64>(name, CAPACITY, PUSHES)
}

pub(crate) fn push_24_bytes(name: &str) -> KillCounts {
    every::<[u32; 6]>(name, CAPACITY, PUSHES)
}

pub(crate) fn push_300_bytes(name: &str) -> KillCounts {
    every::<[u32; 75]>(name, CAPACITY, &[PUSHES[1], PUSHES[5]])
}

pub(crate) fn pop_8_bytes(name: &str) -> KillCounts {
    every::<u64>(name, CAPACITY, POPS)
}

pub(crate) fn pop_24_bytes(name: &str) -> KillCounts {
    every::<[u32; 6]>(name, CAPACITY, POPS)
}

/// Values of this size are leased when they are popped.
pub(crate) fn pop_300_bytes(name: &str) -> KillCounts {
    every::<[u32; 75]>(name, CAPACITY, &[POPS[1], POPS[3]])
}

pub(crate) fn lease_8_bytes(name: &str) -> KillCounts {
    every::<u64>(name, CAPACITY, LEASES)
}

pub(crate) fn lease_24_bytes(name: &str) -> KillCounts {
    every::<[u32; 6]>(name, CAPACITY, LEASES)
}

/// A queue of capacity one, where every position is the same slot.
pub(crate) fn capacity_one(name: &str) -> KillCounts {
    every::<u64>(
        name,
        1,
        &[
            (Operation::Push, contents(0, 0)),
            (Operation::PushRefused, contents(0, 1)),
            (Operation::Pop, contents(0, 1)),
            (Operation::LeaseAndAck, contents(0, 1)),
            (Operation::LeaseAndDrop, contents(0, 1)),
        ],
    )
}
