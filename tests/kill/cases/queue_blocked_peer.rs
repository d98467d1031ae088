//! A process waits for what a child is about to do, and the child is killed while it does it. The
//! waiter gets what was done, or what the next process does, or is told of the death. It never goes
//! on waiting.

use std::cell::RefCell;

use breezeway::queue::{Lease, Queue};
use breezeway::{PopError, Segment};
#[cfg(feature = "async")]
use futures_lite::future::block_on;

use super::numbered::Numbered;
use super::queue::{Parent, contents};
use super::queue_slots::{SlotState, SlotView};
use super::settle::settled;
use super::spsc_fixture::{self, Endpoint};
use super::spsc_kinds::{self, ByteQueue, EndpointQueue, ValueQueue};
use crate::child::Child;
use crate::kill::{self, Death, Scenario};
use crate::kill_counts::KillCounts;
use crate::process::{Process, fork_until_blocked};

/// The waiter's result, as its exit code.
const AS_INTENDED: libc::c_int = 0;
const ANOTHER: libc::c_int = 1;
const DISCONNECTED: libc::c_int = 2;
const CLOSED: libc::c_int = 3;

/// A child operates on one endpoint of a queue, and a process waits at the other.
struct EndpointOperation<L: EndpointQueue> {
    parent: spsc_fixture::Parent<L>,
    /// Whether the child pushes.
    pushes: bool,
    sizes: &'static [u32],
    before: Vec<u32>,
    new: u32,
    start: u64,
    waiter: Option<Process>,
    has_committed: bool,
}

impl<L: EndpointQueue> EndpointOperation<L> {
    fn open_segment(&self) -> &'static Segment {
        Box::leak(Box::new(Segment::open(self.parent.segment.name().unwrap()).unwrap()))
    }

    /// What the waiter does.
    fn wait(&self) -> libc::c_int {
        let segment = self.open_segment();
        if self.pushes {
            let mut rx: L::Rx = segment.get(spsc_kinds::QUEUE).unwrap();
            match L::pop(&mut rx) {
                Ok(number) if number == self.new => AS_INTENDED,
                Ok(_) => ANOTHER,
                Err(PopError::Disconnected) => DISCONNECTED,
                Err(error) => panic!("{error}"),
            }
        } else {
            let mut tx: L::Tx = segment.get(spsc_kinds::QUEUE).unwrap();
            if L::push(&mut tx, self.new) { AS_INTENDED } else { DISCONNECTED }
        }
    }
}

impl<L: EndpointQueue> Scenario for EndpointOperation<L> {
    type Handle = RefCell<Endpoint<L>>;

    fn reset(&mut self) {
        self.before = self.parent.fill(0, self.sizes);
        self.new = self.parent.numbers(50, &[16])[0];
        self.parent.release(true);
        self.parent.release(false);
        self.start = self.parent.index(self.pushes);
    }

    fn open(&self) -> Self::Handle {
        let segment = self.open_segment();
        RefCell::new(if self.pushes {
            Endpoint::Tx(segment.get(spsc_kinds::QUEUE).unwrap())
        } else {
            Endpoint::Rx(segment.get(spsc_kinds::QUEUE).unwrap())
        })
    }

    fn operate(&self, end: &Self::Handle) {
        match &mut *end.borrow_mut() {
            Endpoint::Tx(tx) => assert!(L::push(tx, self.new)),
            Endpoint::Rx(rx) => assert_eq!(L::pop(rx).unwrap(), self.before[0]),
        }
    }

    fn before_operation(&mut self, _: &Child) {
        self.waiter = Some(fork_until_blocked(|| self.wait()));
    }

    fn observe(&mut self, _: &Child) {
        self.has_committed = self.parent.index(self.pushes) != self.start;
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        assert!(!death.completed || self.has_committed, "a completed operation has taken effect");
        // Mostly the parent reaps, and the waiter need not detect the death itself.
        if !self.has_committed && !death.point.is_multiple_of(8) {
            self.parent.segment.reap().unwrap();
        }
        let code = self.waiter.take().expect("a waiter").exit_code();
        assert_eq!(code, Some(if self.has_committed { AS_INTENDED } else { DISCONNECTED }));
        let content = match (self.pushes, self.has_committed) {
            (true, _) => Vec::new(),
            (false, true) => [&self.before[1..], &[self.new]].concat(),
            (false, false) => self.before.clone(),
        };
        self.parent.check(&content);
        if self.has_committed { "served" } else { "result of the death" }
    }
}

fn with_waiter_at_peer<L: EndpointQueue>(name: &str, pushes: bool, sizes: &'static [u32]) -> KillCounts {
    let parent = spsc_fixture::Parent::<L>::new(name);
    let before = Vec::new();
    let mut scenario = EndpointOperation {
        parent,
        pushes,
        sizes,
        before,
        new: 0,
        start: 0,
        waiter: None,
        has_committed: false,
    };
    kill::at_every_instruction(&mut scenario)
}

pub(crate) fn spsc_push_with_waiter(name: &str) -> KillCounts {
    with_waiter_at_peer::<ValueQueue<u64, 4>>(name, true, &[])
}

pub(crate) fn spsc_pop_with_waiter(name: &str) -> KillCounts {
    with_waiter_at_peer::<ValueQueue<[u32; 5], 4>>(name, false, &[0; 4])
}

pub(crate) fn bytes_push_with_waiter(name: &str) -> KillCounts {
    with_waiter_at_peer::<ByteQueue<64>>(name, true, &[])
}

/// What the child does at a `Queue`, and what the waiter does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    /// The waiter pops.
    Push,
    /// The waiter pushes.
    Pop,
    /// Drops a lease. The waiter pops.
    Return,
    /// Closes the queue. The waiter pops.
    Close,
}

/// A child operates on a queue, and a process waits there.
struct SharedQueueOperation {
    name: String,
    parent: Option<Parent<u64>>,
    operation: Operation,
    /// Whether the waiter is a task.
    #[cfg_attr(not(feature = "async"), expect(dead_code))]
    is_task: bool,
    /// The lap of the first slot, before the operation.
    first_lap: u64,
    waiter: Option<Process>,
    has_committed: bool,
}

impl SharedQueueOperation {
    const CAPACITY: usize = 2;

    fn new(name: &str, operation: Operation, is_task: bool) -> Self {
        let name = name.to_owned();
        Self { name, parent: None, operation, is_task, first_lap: 0, waiter: None, has_committed: false }
    }

    fn parent(&self) -> &Parent<u64> {
        self.parent.as_ref().expect("a queue")
    }

    /// The message that the child pushes, and that which the next process pushes.
    fn new_numbers(&self) -> [u32; 2] {
        [50, 51].map(|n| self.parent().number(n))
    }

    fn wait(&self) -> libc::c_int {
        let queue = settled(self.parent().open());
        let [intended, another] = self.new_numbers();
        if self.operation == Operation::Pop {
            #[cfg(feature = "async")]
            if self.is_task {
                block_on(queue.push_async(u64::of(another))).unwrap();
                return AS_INTENDED;
            }
            queue.push(u64::of(another)).unwrap();
            return AS_INTENDED;
        }
        #[cfg(feature = "async")]
        let popped = if self.is_task { block_on(queue.pop_async()) } else { queue.pop() };
        #[cfg(not(feature = "async"))]
        let popped = queue.pop();
        match popped {
            Ok(value) if value.number() == intended => AS_INTENDED,
            Ok(value) if value.number() == another => ANOTHER,
            Ok(value) => panic!("{} was never pushed", value.number()),
            Err(PopError::Closed) => CLOSED,
            Err(error) => panic!("{error}"),
        }
    }
}

/// What the child has: a queue, and perhaps a lease.
type Handle = (&'static Queue<u64>, RefCell<Option<Lease<'static, u64>>>);

impl Scenario for SharedQueueOperation {
    type Handle = Handle;

    fn reset(&mut self) {
        if self.operation == Operation::Close {
            // A closed queue remains closed.
            self.parent = None;
        }
        let parent = self.parent.get_or_insert_with(|| Parent::new(&self.name, Self::CAPACITY));
        parent.set(contents(0, if self.operation == Operation::Pop { Self::CAPACITY } else { 0 }));
        if self.operation == Operation::Return {
            parent.queue.try_push(u64::of(parent.number(50))).unwrap();
        }
        self.first_lap = parent.slots.all()[0].lap;
    }

    fn open(&self) -> Handle {
        let queue: &'static Queue<u64> = Box::leak(Box::new(settled(self.parent().open())));
        (queue, RefCell::new((self.operation == Operation::Return).then(|| queue.lease().unwrap())))
    }

    fn operate(&self, (queue, lease): &Handle) {
        match self.operation {
            Operation::Push => queue.push(u64::of(self.new_numbers()[0])).unwrap(),
            Operation::Pop => assert_eq!(queue.pop().unwrap().number(), self.parent().number(0)),
            Operation::Return => drop(lease.take()),
            Operation::Close => assert!(queue.close()),
        }
    }

    fn before_operation(&mut self, _: &Child) {
        self.waiter = Some(fork_until_blocked(|| self.wait()));
    }

    fn observe(&mut self, _: &Child) {
        let SlotView { lap, state, .. } = self.parent().slots.all()[0];
        let first_lap = self.first_lap;
        self.has_committed = match self.operation {
            Operation::Close => self.parent().queue.is_closed(),
            // The waiter may have taken the message by now.
            Operation::Push => state == SlotState::Full || lap > first_lap,
            Operation::Pop => !(state == SlotState::Full && lap == first_lap),
            // The waiter gets the message in any case.
            Operation::Return => true,
        };
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        assert!(!death.completed || self.has_committed, "a completed operation has taken effect");
        let parent = self.parent.as_ref().expect("a queue");
        let [_, another] = self.new_numbers();
        if !self.has_committed {
            // The next process does the operation instead.
            match self.operation {
                Operation::Push => parent.queue.push(u64::of(another)).unwrap(),
                Operation::Pop => assert_eq!(parent.queue.pop().unwrap().number(), parent.number(0)),
                Operation::Close => assert!(parent.queue.close()),
                Operation::Return => {}
            }
        }
        let expected = match self.operation {
            Operation::Push if !self.has_committed => ANOTHER,
            Operation::Close => CLOSED,
            _ => AS_INTENDED,
        };
        assert_eq!(
            self.waiter.take().expect("a waiter").exit_code(),
            Some(expected),
            "the result of the waiter"
        );
        parent.segment.reap().unwrap();
        let rest: &[u32] = if self.operation == Operation::Pop { &[parent.number(1), another] } else { &[] };
        let found: Vec<u32> =
            core::iter::from_fn(|| parent.queue.try_pop().ok()).map(|value| value.number()).collect();
        assert_eq!(found, rest, "what else was there");
        if self.operation != Operation::Close {
            parent.exercise();
        }
        if self.has_committed { "served" } else { "served by the next" }
    }
}

fn with_waiter(name: &str, operation: Operation) -> KillCounts {
    kill::at_every_instruction(&mut SharedQueueOperation::new(name, operation, false))
}

/// The waiter is a task, for which a thread of its process blocks.
#[cfg(feature = "async")]
fn with_task(name: &str, operation: Operation) -> KillCounts {
    kill::at_every_instruction(&mut SharedQueueOperation::new(name, operation, true))
}

#[cfg(feature = "async")]
pub(crate) fn queue_push_with_task(name: &str) -> KillCounts {
    with_task(name, Operation::Push)
}

#[cfg(feature = "async")]
pub(crate) fn queue_pop_with_task(name: &str) -> KillCounts {
    with_task(name, Operation::Pop)
}

#[cfg(feature = "async")]
pub(crate) fn queue_drop_lease_with_task(name: &str) -> KillCounts {
    with_task(name, Operation::Return)
}

pub(crate) fn queue_push_with_waiter(name: &str) -> KillCounts {
    with_waiter(name, Operation::Push)
}

pub(crate) fn queue_pop_with_waiter(name: &str) -> KillCounts {
    with_waiter(name, Operation::Pop)
}

pub(crate) fn queue_drop_lease_with_waiter(name: &str) -> KillCounts {
    with_waiter(name, Operation::Return)
}

pub(crate) fn queue_close_with_waiter(name: &str) -> KillCounts {
    with_waiter(name, Operation::Close)
}
