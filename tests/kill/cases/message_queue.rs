//! `MessageQueue`: no pushed message is lost or delivered twice, and all space comes back.

use breezeway::PopError;
use breezeway::queue::{Limits, MessageQueue};

use super::lock_watch::{LockWatch, SURVIVOR_TIMEOUT};
use crate::child::Child;
use crate::kill::{self, Death, KillPoint, Scenario};
use crate::kill_counts::KillCounts;
use crate::observe::LockHolder;
use crate::trace::Trace;

type Message = (u64, String);

/// Small, so that a leak shows: the blocks suffice for a long message and three short ones.
const LIMITS: Limits = Limits { messages: 4, bytes: 7 * 56 };

/// Messages of one block, and of more. The text is encoded and decoded in one piece: a step for each
/// of many numbers would be alike, and is none of the queue's.
fn short(n: u64) -> Message {
    (n, String::new())
}

fn long(n: u64) -> Message {
    let text = (0..40).map(|place| format!("{n:02}{place:03}")).collect();
    (n << 56, text)
}

/// A child operates on a queue.
struct QueueOperation {
    name: String,
    queue: MessageQueue<Message>,
    watch: LockWatch,
    /// The messages before the operation.
    before: Vec<Message>,
    /// The messages after the operation.
    after: Vec<Message>,
    operation: Operation,
    /// The message that is pushed or popped, made beforehand: that is none of the queue's work.
    message: Message,
}

/// What the child does with this message.
type Operation = fn(&MessageQueue<Message>, &Message);

impl QueueOperation {
    fn new(name: &str, [before, after]: [&[Message]; 2], message: Message, operation: Operation) -> Self {
        let queue = MessageQueue::create(name, LIMITS).unwrap();
        let watch = LockWatch::of(queue.segment());
        Self {
            name: name.to_owned(),
            queue,
            watch,
            before: before.to_vec(),
            after: after.to_vec(),
            operation,
            message,
        }
    }

    fn push(name: &str) -> Self {
        let states: [&[Message]; 2] = [&[short(1)], &[short(1), long(2)]];
        Self::new(name, states, long(2), |queue, message| queue.push(message.clone()).unwrap())
    }

    fn pop(name: &str) -> Self {
        let states: [&[Message]; 2] = [&[long(1), short(2)], &[short(2)]];
        Self::new(name, states, long(1), |queue, message| assert_eq!(queue.pop().unwrap(), *message))
    }

    fn check(&self, death: &Death) -> &'static str {
        // Every other time, a push comes first.
        let pushed = death.point.is_multiple_of(2);
        if pushed {
            self.queue.push_timeout(short(9), SURVIVOR_TIMEOUT).unwrap();
        }
        let mut found: Vec<Message> = (0..self.queue.len()).map(|_| self.queue.try_pop().unwrap()).collect();
        assert!(matches!(self.queue.try_pop(), Err(PopError::Empty)), "as many as its length");
        if pushed {
            assert_eq!(found.pop(), Some(short(9)));
        }
        let is_new = found == self.after;
        assert!(is_new || found == self.before, "as before or as after: {found:?}");
        assert!(is_new || !death.completed, "a completed operation has taken effect");
        self.fill();
        if is_new { "new" } else { "old" }
    }

    /// All messages and all blocks are available.
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

impl Scenario for QueueOperation {
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
        (self.operation)(queue, &self.message);
    }

    fn observe(&mut self, child: &Child) {
        self.watch.observe(child);
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        self.watch.was_held_by(death);
        self.check(death)
    }
}

pub(crate) fn push(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut QueueOperation::push(name))
}

pub(crate) fn pop(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut QueueOperation::pop(name))
}

/// A child repairs the queue after another process died holding the lock.
struct Recoverer {
    first: QueueOperation,
    trace: Trace,
    point: usize,
}

impl Scenario for Recoverer {
    type Handle = MessageQueue<Message>;

    fn reset(&mut self) {
        self.first.reset();
        kill::at_point(&mut self.first, &self.trace, KillPoint::after(self.point));
        assert_eq!(
            self.first.watch.lock.holder(),
            LockHolder::Dead,
            "the first process died holding the lock"
        );
    }

    fn open(&self) -> Self::Handle {
        self.first.open()
    }

    /// Takes no message, but has to repair.
    fn operate(&self, queue: &Self::Handle) {
        assert!(!queue.is_empty());
    }

    fn observe(&mut self, child: &Child) {
        self.first.observe(child);
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        self.first.watch.was_left_behind(death);
        self.first.check(&Death { completed: false, ..*death })
    }
}

/// At how many points the first process dies.
const FIRST_DEATHS: usize = 6;

fn recoverer(mut first: QueueOperation) -> KillCounts {
    let mut points = Vec::new();
    let trace = kill::trace_operation(&mut first, |first, child, trace| {
        if first.watch.lock.holder() == LockHolder::Thread(child.pid()) {
            points.push(trace.last());
        }
    });
    let mut kills = KillCounts::default();
    let chosen: Vec<usize> =
        (0..FIRST_DEATHS).map(|n| points[n * (points.len() - 1) / (FIRST_DEATHS - 1)]).collect();
    let mut second = Recoverer { first, trace, point: 0 };
    for point in chosen {
        second.point = point;
        kills.merge(&kill::at_every_instruction(&mut second));
    }
    kills
}

pub(crate) fn is_empty_after_push_death(name: &str) -> KillCounts {
    recoverer(QueueOperation::push(name))
}

pub(crate) fn is_empty_after_pop_death(name: &str) -> KillCounts {
    recoverer(QueueOperation::pop(name))
}
