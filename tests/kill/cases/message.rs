//! `MessageQueue`: nothing that was pushed is lost or doubled, and all the room there was is there again.

use breezeway::PopError;
use breezeway::queue::{Limits, MessageQueue};

use super::locked::{SOON, Watched};
use crate::child::Child;
use crate::drive::{self, Death, Point, Subject};
use crate::tally::Tally;
use crate::trace::Trace;
use crate::window::Holder;

type Message = Vec<u64>;

/// Small, so that all of it is seen to be there again: the blocks are enough for a long message and three short ones.
const LIMITS: Limits = Limits { messages: 4, bytes: 7 * 56 };

/// Messages of one block, and of more.
fn short(n: u64) -> Message {
    vec![n]
}

fn long(n: u64) -> Message {
    (n << 56..).take(22).collect()
}

/// A child does something with a queue.
struct Act {
    name: String,
    queue: MessageQueue<Message>,
    watched: Watched,
    /// What is in it,
    before: Vec<Message>,
    /// and what is when the child is done.
    after: Vec<Message>,
    act: fn(&MessageQueue<Message>),
}

impl Act {
    fn new(name: &str, before: &[Message], after: &[Message], act: fn(&MessageQueue<Message>)) -> Self {
        let queue = MessageQueue::create(name, LIMITS).unwrap();
        let watched = Watched::of(queue.segment());
        Self { name: name.to_owned(), queue, watched, before: before.to_vec(), after: after.to_vec(), act }
    }

    fn push(name: &str) -> Self {
        Self::new(name, &[short(1)], &[short(1), long(2)], |queue| queue.push(long(2)).unwrap())
    }

    fn pop(name: &str) -> Self {
        Self::new(name, &[long(1), short(2)], &[short(2)], |queue| assert_eq!(queue.pop().unwrap(), long(1)))
    }

    fn check(&self, death: &Death) -> &'static str {
        // Every other time, a pusher comes first.
        let pushed = death.point.is_multiple_of(2);
        if pushed {
            self.queue.push_timeout(short(9), SOON).unwrap();
        }
        let mut found: Vec<Message> = (0..self.queue.len()).map(|_| self.queue.try_pop().unwrap()).collect();
        assert!(matches!(self.queue.try_pop(), Err(PopError::Empty)), "as many as it says");
        if pushed {
            assert_eq!(found.pop(), Some(short(9)));
        }
        let is_new = found == self.after;
        assert!(is_new || found == self.before, "as before or as after: {found:?}");
        assert!(is_new || !death.completed, "what has returned has happened");
        self.fill();
        if is_new { "new" } else { "old" }
    }

    /// All messages and all blocks can be had.
    fn fill(&self) {
        let all = [short(3), short(4), short(5), long(6)];
        for message in &all {
            self.queue.try_push(message.clone()).expect("all the room there was");
        }
        self.queue.try_push(short(7)).expect_err("no more room than there was");
        for message in all {
            assert_eq!(self.queue.try_pop().unwrap(), message);
        }
    }
}

impl Subject for Act {
    type Handle = MessageQueue<Message>;

    fn reset(&mut self) {
        while self.queue.try_pop().is_ok() {}
        for message in &self.before {
            self.queue.try_push(message.clone()).unwrap();
        }
    }

    fn open(&self) -> Self::Handle {
        MessageQueue::open(&self.name).unwrap()
    }

    fn operate(&self, queue: &Self::Handle) {
        (self.act)(queue);
    }

    fn observe(&mut self, child: &Child) {
        self.watched.observe(child);
    }

    fn survive(&mut self, death: &Death) -> &'static str {
        self.watched.was_held_by(death);
        self.check(death)
    }
}

pub(crate) fn push(name: &str) -> Tally {
    drive::every(&mut Act::push(name))
}

pub(crate) fn pop(name: &str) -> Tally {
    drive::every(&mut Act::pop(name))
}

/// Clearing up after another's death in the lock.
struct Recoverer {
    first: Act,
    trace: Trace,
    point: usize,
}

impl Subject for Recoverer {
    type Handle = MessageQueue<Message>;

    fn reset(&mut self) {
        self.first.reset();
        drive::die(&mut self.first, &self.trace, Point::after(self.point));
        assert_eq!(self.first.watched.lock.holder(), Holder::Dead, "the first one died holding the lock");
    }

    fn open(&self) -> Self::Handle {
        self.first.open()
    }

    /// Closes nothing and takes nothing, but has to clear up.
    fn operate(&self, queue: &Self::Handle) {
        assert!(!queue.is_empty());
    }

    fn observe(&mut self, child: &Child) {
        self.first.observe(child);
    }

    fn survive(&mut self, death: &Death) -> &'static str {
        self.first.watched.was_left_behind(death);
        self.first.check(&Death { completed: false, ..*death })
    }
}

/// How many points of the first one's death are tried.
const FIRST_DEATHS: usize = 6;

fn recoverer(mut first: Act) -> Tally {
    let mut points = Vec::new();
    let trace = drive::trace(&mut first, |first, child, trace| {
        if first.watched.lock.holder() == Holder::Thread(child.pid()) {
            points.push(trace.last());
        }
    });
    let mut tally = Tally::default();
    let chosen: Vec<usize> =
        (0..FIRST_DEATHS).map(|n| points[n * (points.len() - 1) / (FIRST_DEATHS - 1)]).collect();
    let mut second = Recoverer { first, trace, point: 0 };
    for point in chosen {
        second.point = point;
        tally.merge(&drive::every(&mut second));
    }
    tally
}

pub(crate) fn after_push(name: &str) -> Tally {
    recoverer(Act::push(name))
}

pub(crate) fn after_pop(name: &str) -> Tally {
    recoverer(Act::pop(name))
}
