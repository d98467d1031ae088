//! Somebody sleeps for what a child is about to do, and the child is killed doing it: the sleeper gets it if it was done, or the next
//! one's, or hears of the death. It never sleeps on.

use std::cell::RefCell;
use std::time::Duration;

use breezeway::queue::{Lease, Queue};
use breezeway::{PopError, Segment};
#[cfg(feature = "async")]
use futures_lite::future::block_on;

use super::mpmc::{Parent, scene};
use super::number::Numbered;
use super::slots::{Slot, State};
use super::two_ends::{self, Bytes, End, Line, Values};
use crate::child::Child;
use crate::drive::{self, Death, Subject};
use crate::process::{self, Process};
use crate::tally::Tally;

/// How it went for the sleeper, as its exit code.
const AS_MEANT: libc::c_int = 0;
const ANOTHER: libc::c_int = 1;
const DISCONNECTED: libc::c_int = 2;
const CLOSED: libc::c_int = 3;

/// Starts a process that will sleep, and waits until it does.
pub(super) fn asleep(work: impl FnOnce() -> libc::c_int) -> Process {
    let process = process::fork(work);
    while !process.is_on_a_futex() {
        std::thread::sleep(Duration::from_micros(50));
    }
    process
}

/// A child works at one end of a queue, and somebody sleeps at the other.
struct AtOneEnd<L: Line> {
    parent: two_ends::Parent<L>,
    /// Whether the child pushes.
    pushes: bool,
    sizes: &'static [u32],
    before: Vec<u32>,
    new: u32,
    start: u64,
    sleeper: Option<Process>,
    has_committed: bool,
}

impl<L: Line> AtOneEnd<L> {
    fn open_segment(&self) -> &'static Segment {
        Box::leak(Box::new(Segment::open(self.parent.segment.name().unwrap()).unwrap()))
    }

    /// What the sleeper does.
    fn sleep(&self) -> libc::c_int {
        let segment = self.open_segment();
        if self.pushes {
            let mut rx: L::Rx = segment.get(two_ends::QUEUE).unwrap();
            match L::pop(&mut rx) {
                Ok(number) if number == self.new => AS_MEANT,
                Ok(_) => ANOTHER,
                Err(PopError::Disconnected) => DISCONNECTED,
                Err(error) => panic!("{error}"),
            }
        } else {
            let mut tx: L::Tx = segment.get(two_ends::QUEUE).unwrap();
            if L::push(&mut tx, self.new) { AS_MEANT } else { DISCONNECTED }
        }
    }
}

impl<L: Line> Subject for AtOneEnd<L> {
    type Handle = RefCell<End<L>>;

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
            End::Tx(segment.get(two_ends::QUEUE).unwrap())
        } else {
            End::Rx(segment.get(two_ends::QUEUE).unwrap())
        })
    }

    fn operate(&self, end: &Self::Handle) {
        match &mut *end.borrow_mut() {
            End::Tx(tx) => assert!(L::push(tx, self.new)),
            End::Rx(rx) => assert_eq!(L::pop(rx).unwrap(), self.before[0]),
        }
    }

    fn begin(&mut self, _: &Child) {
        self.sleeper = Some(asleep(|| self.sleep()));
    }

    fn observe(&mut self, _: &Child) {
        self.has_committed = self.parent.index(self.pushes) != self.start;
    }

    fn survive(&mut self, death: &Death) -> &'static str {
        assert!(!death.completed || self.has_committed, "what has returned has happened");
        // Mostly, somebody reaps, and the sleeper need not find out by itself.
        if !self.has_committed && !death.point.is_multiple_of(8) {
            self.parent.segment.reap().unwrap();
        }
        let code = self.sleeper.take().expect("a sleeper").exit_code();
        assert_eq!(code, Some(if self.has_committed { AS_MEANT } else { DISCONNECTED }));
        let content = match (self.pushes, self.has_committed) {
            (true, _) => Vec::new(),
            (false, true) => [&self.before[1..], &[self.new]].concat(),
            (false, false) => self.before.clone(),
        };
        self.parent.check(&content);
        if self.has_committed { "served" } else { "told of the death" }
    }
}

fn at_one_end<L: Line>(name: &str, pushes: bool, sizes: &'static [u32]) -> Tally {
    let parent = two_ends::Parent::<L>::new(name);
    let before = Vec::new();
    let mut subject =
        AtOneEnd { parent, pushes, sizes, before, new: 0, start: 0, sleeper: None, has_committed: false };
    drive::every(&mut subject)
}

pub(crate) fn spsc_push(name: &str) -> Tally {
    at_one_end::<Values<u64, 4>>(name, true, &[])
}

pub(crate) fn spsc_pop(name: &str) -> Tally {
    at_one_end::<Values<[u32; 5], 4>>(name, false, &[0; 4])
}

pub(crate) fn bytes_push(name: &str) -> Tally {
    at_one_end::<Bytes<64>>(name, true, &[])
}

/// What the child does at a `Queue`, and the sleeper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    /// The sleeper pops.
    Push,
    /// The sleeper pushes.
    Pop,
    /// Lets a message fall. The sleeper pops.
    Return,
    /// Closes the queue. The sleeper pops.
    Close,
}

/// A child works at a queue, and somebody sleeps there.
struct AtTheQueue {
    name: String,
    parent: Option<Parent<u64>>,
    deed: Deed,
    /// Whether the sleeper is a task.
    #[cfg_attr(not(feature = "async"), expect(dead_code))]
    is_task: bool,
    /// The lap of the first slot, beforehand.
    first_lap: u64,
    sleeper: Option<Process>,
    has_committed: bool,
}

impl AtTheQueue {
    const CAPACITY: usize = 2;

    fn new(name: &str, deed: Deed, is_task: bool) -> Self {
        let name = name.to_owned();
        Self { name, parent: None, deed, is_task, first_lap: 0, sleeper: None, has_committed: false }
    }

    fn parent(&self) -> &Parent<u64> {
        self.parent.as_ref().expect("a queue")
    }

    /// The messages of whoever does what it is meant to, and of who comes next.
    fn new_numbers(&self) -> [u32; 2] {
        [50, 51].map(|n| self.parent().number(n))
    }

    fn sleep(&self) -> libc::c_int {
        let queue = self.parent().open();
        let [meant, another] = self.new_numbers();
        if self.deed == Deed::Pop {
            #[cfg(feature = "async")]
            if self.is_task {
                block_on(queue.push_async(u64::of(another))).unwrap();
                return AS_MEANT;
            }
            queue.push(u64::of(another)).unwrap();
            return AS_MEANT;
        }
        #[cfg(feature = "async")]
        let popped = if self.is_task { block_on(queue.pop_async()) } else { queue.pop() };
        #[cfg(not(feature = "async"))]
        let popped = queue.pop();
        match popped {
            Ok(value) if value.number() == meant => AS_MEANT,
            Ok(value) if value.number() == another => ANOTHER,
            Ok(value) => panic!("{} was pushed by nobody", value.number()),
            Err(PopError::Closed) => CLOSED,
            Err(error) => panic!("{error}"),
        }
    }
}

/// What the child has: a queue, and perhaps something in hand.
type Handle = (&'static Queue<u64>, RefCell<Option<Lease<'static, u64>>>);

impl Subject for AtTheQueue {
    type Handle = Handle;

    fn reset(&mut self) {
        if self.deed == Deed::Close {
            // A closed queue remains so.
            self.parent = None;
        }
        let parent = self.parent.get_or_insert_with(|| Parent::new(&self.name, Self::CAPACITY));
        parent.set(scene(0, if self.deed == Deed::Pop { Self::CAPACITY } else { 0 }));
        if self.deed == Deed::Return {
            parent.queue.try_push(u64::of(parent.number(50))).unwrap();
        }
        self.first_lap = parent.slots.all()[0].lap;
    }

    fn open(&self) -> Handle {
        let queue: &'static Queue<u64> = Box::leak(Box::new(self.parent().open()));
        (queue, RefCell::new((self.deed == Deed::Return).then(|| queue.lease().unwrap())))
    }

    fn operate(&self, (queue, lease): &Handle) {
        match self.deed {
            Deed::Push => queue.push(u64::of(self.new_numbers()[0])).unwrap(),
            Deed::Pop => assert_eq!(queue.pop().unwrap().number(), self.parent().number(0)),
            Deed::Return => drop(lease.take()),
            Deed::Close => assert!(queue.close()),
        }
    }

    fn begin(&mut self, _: &Child) {
        self.sleeper = Some(asleep(|| self.sleep()));
    }

    fn observe(&mut self, _: &Child) {
        let Slot { lap, state, .. } = self.parent().slots.all()[0];
        let first_lap = self.first_lap;
        self.has_committed = match self.deed {
            Deed::Close => self.parent().queue.is_closed(),
            // The sleeper may have had it by now.
            Deed::Push => state == State::Full || lap > first_lap,
            Deed::Pop => !(state == State::Full && lap == first_lap),
            // It gets that in any case.
            Deed::Return => true,
        };
    }

    fn survive(&mut self, death: &Death) -> &'static str {
        assert!(!death.completed || self.has_committed, "what has returned has happened");
        let parent = self.parent.as_ref().expect("a queue");
        let [_, another] = self.new_numbers();
        if !self.has_committed {
            // The next one does it instead.
            match self.deed {
                Deed::Push => parent.queue.push(u64::of(another)).unwrap(),
                Deed::Pop => assert_eq!(parent.queue.pop().unwrap().number(), parent.number(0)),
                Deed::Close => assert!(parent.queue.close()),
                Deed::Return => {}
            }
        }
        let expected = match self.deed {
            Deed::Push if !self.has_committed => ANOTHER,
            Deed::Close => CLOSED,
            _ => AS_MEANT,
        };
        assert_eq!(self.sleeper.take().expect("a sleeper").exit_code(), Some(expected), "how it woke");
        parent.segment.reap().unwrap();
        let rest: &[u32] = if self.deed == Deed::Pop { &[parent.number(1), another] } else { &[] };
        let found: Vec<u32> =
            core::iter::from_fn(|| parent.queue.try_pop().ok()).map(|value| value.number()).collect();
        assert_eq!(found, rest, "what else was there");
        if self.deed != Deed::Close {
            parent.exercise();
        }
        if self.has_committed { "served" } else { "served by the next" }
    }
}

fn at_the_queue(name: &str, deed: Deed) -> Tally {
    drive::every(&mut AtTheQueue::new(name, deed, false))
}

/// The same where the sleeper is a task, for which a thread of its process sleeps.
#[cfg(feature = "async")]
fn beside_a_task(name: &str, deed: Deed) -> Tally {
    drive::every(&mut AtTheQueue::new(name, deed, true))
}

#[cfg(feature = "async")]
pub(crate) fn queue_push_beside_a_task(name: &str) -> Tally {
    beside_a_task(name, Deed::Push)
}

#[cfg(feature = "async")]
pub(crate) fn queue_pop_beside_a_task(name: &str) -> Tally {
    beside_a_task(name, Deed::Pop)
}

#[cfg(feature = "async")]
pub(crate) fn queue_return_beside_a_task(name: &str) -> Tally {
    beside_a_task(name, Deed::Return)
}

pub(crate) fn queue_push(name: &str) -> Tally {
    at_the_queue(name, Deed::Push)
}

pub(crate) fn queue_pop(name: &str) -> Tally {
    at_the_queue(name, Deed::Pop)
}

pub(crate) fn queue_return(name: &str) -> Tally {
    at_the_queue(name, Deed::Return)
}

pub(crate) fn queue_close(name: &str) -> Tally {
    at_the_queue(name, Deed::Close)
}
