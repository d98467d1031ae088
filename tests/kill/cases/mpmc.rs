//! `Queue`: every push that returned is delivered once and in order, every other one wholly or not at all; and what a dead
//! consumer had not taken is there for the next, at once or when the dead one is reaped.

use std::time::Duration;

use breezeway::queue::Queue;
use breezeway::{PopError, PushError, Segment};

use super::number::Numbered;
use super::slots::{Slots, State};
use crate::child::Child;
use crate::drive::{self, Death, Subject};
use crate::tally::Tally;

pub(super) const QUEUE: &str = "queue";
const SOON: Duration = Duration::from_secs(5);

/// What the child finds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scene {
    /// The slot of the first message.
    pub(super) start: usize,
    /// Messages in the queue.
    pub(super) filled: usize,
    /// Whether somebody has let the first one fall, and then dealt with the second.
    pub(super) returned: bool,
}

pub(super) const fn scene(start: usize, filled: usize) -> Scene {
    Scene { start, filled, returned: false }
}

pub(super) const fn scene_with_returned(start: usize, filled: usize) -> Scene {
    Scene { start, filled, returned: true }
}

/// What the child does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Push,
    PushRefused,
    PushTwo,
    Pop,
    PopRefused,
    PopTwo,
    LeaseAndAck,
    LeaseAndDrop,
}

impl Act {
    /// Does it: `before` is in the queue, and these are the new messages.
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
                lease.ack();
            }
            Self::LeaseAndDrop => {
                let lease = queue.lease().unwrap();
                assert!(*lease == before[0]);
                drop(lease);
            }
        }
    }

    /// What the queue's messages are, step by step.
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

/// The parent of those who work at a queue.
pub(super) struct Parent<T: Numbered> {
    pub(super) segment: Segment,
    pub(super) queue: Queue<T>,
    pub(super) slots: Slots,
    round: u32,
}

impl<T: Numbered> Parent<T> {
    pub(super) fn new(name: &str, capacity: usize) -> Self {
        let segment = Segment::create(name, 1 << 16).unwrap();
        let queue = segment.add(QUEUE, capacity).unwrap();
        let slots = Slots::of(&segment, QUEUE, capacity, size_of::<T>());
        Self { segment, queue, slots, round: 0 }
    }

    /// A child's own handle.
    pub(super) fn open(&self) -> Queue<T> {
        let segment = Segment::open(self.segment.name().unwrap()).unwrap();
        segment.get(QUEUE).unwrap()
    }

    /// A number that nobody had in the last rounds, each round having a hundred.
    pub(super) fn number(&self, n: usize) -> u32 {
        self.round * 100 + n as u32
    }

    /// Empties the queue and sets the scene. Returns the messages in it, in the order in which they will be delivered.
    pub(super) fn set(&mut self, scene: Scene) -> Vec<u32> {
        self.segment.reap().unwrap();
        self.round += 1;
        while self.queue.try_pop().is_ok() {}
        while self.slots.tail_index() != scene.start {
            self.queue.try_push(T::of(0)).unwrap();
            assert_eq!(self.queue.try_pop().unwrap().number(), 0);
        }
        for n in 0..scene.filled {
            self.queue.try_push(T::of(self.number(n))).unwrap();
        }
        let mut messages: Vec<u32> = (0..scene.filled).map(|n| self.number(n)).collect();
        if scene.returned {
            let (first, second) = (self.queue.try_lease().unwrap(), self.queue.try_lease().unwrap());
            drop(first);
            second.ack();
            messages.remove(1);
        }
        messages
    }

    /// Takes everything out, which must be this; then the queue works as if it were new.
    pub(super) fn check(&self, expected: &[u32], way: Way) {
        let capacity = self.queue.capacity();
        let mut expected = expected.to_vec();
        let is_writing = self.slots.any(State::Writing);
        match way {
            Way::Pop => {}
            Way::Reap => assert_eq!(self.segment.reap().unwrap(), 1, "one has died"),
            Way::Push => {
                let new = (0..).map(|n| self.number(60 + n));
                let pushed: Vec<u32> =
                    new.take_while(|&number| self.queue.try_push(T::of(number)).is_ok()).collect();
                // A slot that the dead was writing counts as used for as long as there are messages before it.
                let hole = usize::from(is_writing && !expected.is_empty());
                assert_eq!(pushed.len(), capacity - expected.len() - hole, "the dead leaves all the room");
                expected.extend(pushed);
            }
            Way::Wait => {
                let number = self.queue.pop_timeout(SOON).expect("what the dead had in hand").number();
                assert_eq!(number, expected.remove(0));
            }
        }
        let found = self.drain();
        assert_eq!(found, expected, "what was pushed, each once and in order");
        self.exercise();
    }

    /// Takes everything out, every other message by a lease, and checks that those are marked which somebody had in hand.
    pub(super) fn drain(&self) -> Vec<u32> {
        let (_, mut redelivered) = self.slots.messages();
        let by_lease = self.round.is_multiple_of(2);
        let take = || {
            let marked = redelivered > 0;
            redelivered = redelivered.saturating_sub(1);
            if by_lease {
                let lease = self.queue.try_lease().ok()?;
                assert_eq!(lease.redelivered(), marked, "whether somebody had it in hand");
                let number = lease.number();
                lease.ack();
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
            lease.ack();
        }
        assert!(matches!(self.queue.try_pop(), Err(PopError::Empty)));
    }
}

/// What survivors do first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// They pop.
    Pop,
    /// They reap the dead.
    Reap,
    /// They push as much as they can.
    Push,
    /// They wait for a message.
    Wait,
}

/// A child works at the queue.
pub(super) struct Work<T: Numbered> {
    pub(super) parent: Parent<T>,
    pub(super) scene: Scene,
    pub(super) act: Act,
    before: Vec<u32>,
    /// What was in the queue when the child was seen last.
    seen: Vec<u32>,
    state: &'static str,
}

impl<T: Numbered> Work<T> {
    pub(super) fn new(parent: Parent<T>, scene: Scene, act: Act) -> Self {
        Self { parent, scene, act, before: Vec::new(), seen: Vec::new(), state: "" }
    }

    fn new_numbers(&self) -> [u32; 2] {
        [50, 51].map(|n| self.parent.number(n))
    }
}

impl<T: Numbered> Subject for Work<T> {
    type Handle = (Queue<T>, Vec<T>, [T; 2]);

    fn reset(&mut self) {
        self.before = self.parent.set(self.scene);
    }

    fn open(&self) -> Self::Handle {
        let before = self.before.iter().map(|&number| T::of(number)).collect();
        (self.parent.open(), before, self.new_numbers().map(T::of))
    }

    fn operate(&self, (queue, before, new): &Self::Handle) {
        self.act.perform(queue, before, new);
    }

    fn observe(&mut self, _: &Child) {
        let slots = &self.parent.slots;
        self.seen = slots.messages().0;
        self.state = match () {
            () if slots.any(State::Writing) => "half written",
            () if slots.any(State::Leased) => "in dead hands",
            () if slots.any(State::Returned) && !slots.knows_of_returned() => "let fall by the dead",
            () => "",
        };
    }

    fn survive(&mut self, death: &Death) -> &'static str {
        assert_eq!(self.parent.slots.messages().0, self.seen, "a death changes nothing");
        let stages = self.act.stages(&self.before, &self.new_numbers());
        let stage = stages.iter().position(|stage| *stage == self.seen);
        let stage = stage.unwrap_or_else(|| panic!("{:?} is none of {stages:?}", self.seen));
        let is_last = stage + 1 == stages.len();
        assert!(!death.completed || is_last && self.state.is_empty(), "what has returned has happened");
        let for_reapers = matches!(self.state, "in dead hands" | "let fall by the dead");
        let way = match death.point {
            // Who waits for a message reaps. That takes as long as a sleep, so not every time.
            n if for_reapers && self.seen.len() == 1 && n.is_multiple_of(16) => Way::Wait,
            _ if for_reapers => Way::Reap,
            n => [Way::Pop, Way::Reap, Way::Push][n % 3],
        };
        self.parent.check(&self.seen, way);
        match (self.state, stage) {
            ("", 0) => "as before",
            ("", _) if !is_last => "in part",
            ("", _) => "done",
            (state, _) => state,
        }
    }
}

/// Each scene in turn, killed at every instruction.
pub(super) fn every<T: Numbered>(name: &str, capacity: usize, scenes: &[(Act, Scene)]) -> Tally {
    let mut tally = Tally::default();
    let mut parent = Parent::<T>::new(name, capacity);
    for &(act, scene) in scenes {
        let mut work = Work::new(parent, scene, act);
        tally.merge(&drive::every(&mut work));
        parent = work.parent;
    }
    tally
}

/// Into an empty queue, a half full one, one with one place; going round, and past a message that was let fall.
const PUSHES: &[(Act, Scene)] = &[
    (Act::Push, scene(0, 0)),
    (Act::Push, scene(2, 0)),
    (Act::Push, scene(1, 1)),
    (Act::Push, scene(1, 2)),
    (Act::Push, scene(0, 2)),
    (Act::Push, scene_with_returned(0, 3)),
    (Act::Push, scene_with_returned(2, 3)),
    (Act::PushRefused, scene(0, 3)),
    (Act::PushRefused, scene(2, 3)),
    (Act::PushTwo, scene(2, 1)),
];

const POPS: &[(Act, Scene)] = &[
    (Act::Pop, scene(0, 1)),
    (Act::Pop, scene(2, 2)),
    (Act::Pop, scene(0, 3)),
    (Act::Pop, scene_with_returned(0, 3)),
    (Act::Pop, scene_with_returned(2, 2)),
    (Act::PopRefused, scene(0, 0)),
    (Act::PopRefused, scene(2, 0)),
    (Act::PopTwo, scene(2, 3)),
    (Act::PopTwo, scene_with_returned(1, 3)),
];

const LEASES: &[(Act, Scene)] = &[
    (Act::LeaseAndAck, scene(0, 1)),
    (Act::LeaseAndAck, scene(2, 3)),
    (Act::LeaseAndAck, scene_with_returned(1, 3)),
    (Act::LeaseAndDrop, scene(0, 3)),
    (Act::LeaseAndDrop, scene(2, 2)),
    (Act::LeaseAndDrop, scene_with_returned(2, 3)),
];

/// No power of two, so that going round is more than a carry.
const CAPACITY: usize = 3;

pub(crate) fn push_8_bytes(name: &str) -> Tally {
    every::<u64>(name, CAPACITY, PUSHES)
}

pub(crate) fn push_24_bytes(name: &str) -> Tally {
    every::<[u32; 6]>(name, CAPACITY, PUSHES)
}

pub(crate) fn push_300_bytes(name: &str) -> Tally {
    every::<[u32; 75]>(name, CAPACITY, &[PUSHES[1], PUSHES[5]])
}

pub(crate) fn pop_8_bytes(name: &str) -> Tally {
    every::<u64>(name, CAPACITY, POPS)
}

pub(crate) fn pop_24_bytes(name: &str) -> Tally {
    every::<[u32; 6]>(name, CAPACITY, POPS)
}

/// Values of this size are leased on their way out.
pub(crate) fn pop_300_bytes(name: &str) -> Tally {
    every::<[u32; 75]>(name, CAPACITY, &[POPS[1], POPS[3]])
}

pub(crate) fn lease_8_bytes(name: &str) -> Tally {
    every::<u64>(name, CAPACITY, LEASES)
}

pub(crate) fn lease_24_bytes(name: &str) -> Tally {
    every::<[u32; 6]>(name, CAPACITY, LEASES)
}

/// A queue of one place, where every position is the same slot.
pub(crate) fn one_place(name: &str) -> Tally {
    every::<u64>(
        name,
        1,
        &[
            (Act::Push, scene(0, 0)),
            (Act::PushRefused, scene(0, 1)),
            (Act::Pop, scene(0, 1)),
            (Act::LeaseAndAck, scene(0, 1)),
            (Act::LeaseAndDrop, scene(0, 1)),
        ],
    )
}
