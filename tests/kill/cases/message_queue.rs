//! `MessageQueue`: no pushed message is lost or delivered twice, and all space comes back.

use breezeway::queue::{Limits, MessageQueue};
use breezeway::{PopError, Segment};

use super::lock_watch::SURVIVOR_TIMEOUT;
use crate::kill::{self, Death, KillPoint, Scenario};
use crate::kill_counts::KillCounts;
use crate::observe::{ChangeDetector, FileMapping};
use crate::trace::Trace;

type Message = (u64, String);

/// Small, so that a leak shows: 12 blocks of 128 bytes suffice for two long messages.
const LIMITS: Limits = Limits { messages: 4, bytes: 1024 };

/// Messages that lie in their slot, and in 6 blocks. The text is encoded and decoded in one piece: a
/// step for each of many numbers would be alike, and is none of the queue's.
fn short(n: u64) -> Message {
    (n, String::new())
}

fn long(n: u64) -> Message {
    (n, (0..140).map(|place| format!("{n:02}{place:03}")).collect())
}

/// A child operates on a queue.
struct QueueOperation {
    name: String,
    queue: MessageQueue<Message>,
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
        let (before, after) = (before.to_vec(), after.to_vec());
        Self { name: name.to_owned(), queue, before, after, operation, message }
    }

    fn push_of(name: &str, first: Message, message: Message) -> Self {
        let both = [first, message.clone()];
        let states: [&[Message]; 2] = [&both[..1], &both];
        Self::new(name, states, message, |queue, message| queue.push(message.clone()).unwrap())
    }

    fn pop_of(name: &str, message: Message, second: Message) -> Self {
        let states: [&[Message]; 2] = [&[message.clone(), second.clone()], &[second]];
        Self::new(name, states, message, |queue, message| assert_eq!(queue.pop().unwrap(), *message))
    }

    fn push(name: &str) -> Self {
        Self::push_of(name, short(1), long(2))
    }

    fn push_short(name: &str) -> Self {
        Self::push_of(name, long(1), short(2))
    }

    fn pop(name: &str) -> Self {
        Self::pop_of(name, long(1), short(2))
    }

    fn pop_short(name: &str) -> Self {
        Self::pop_of(name, short(1), long(2))
    }

    fn segment(&self) -> &Segment {
        self.queue.segment()
    }

    fn check(&self, death: &Death) -> &'static str {
        // Every other time, a push comes first; and half of the times, the dead process is reaped
        // before.
        let pushed = death.point.is_multiple_of(2);
        if death.point % 4 < 2 {
            self.segment().reap().unwrap();
        }
        if pushed {
            self.queue.push_timeout(short(9), SURVIVOR_TIMEOUT).unwrap();
        }
        // A push that was killed in its slot is in the way until it is repaired, and counts.
        let mut found: Vec<Message> = std::iter::from_fn(|| self.queue.try_pop().ok()).collect();
        assert!(matches!(self.queue.try_pop(), Err(PopError::Empty)));
        assert_eq!(self.queue.len(), 0);
        if pushed {
            assert_eq!(found.pop(), Some(short(9)));
        }
        let is_new = found == self.after;
        assert!(is_new || found == self.before, "as before or as after: {found:?}");
        assert!(is_new || !death.completed, "a completed operation has taken effect");
        self.fill();
        if is_new { "new" } else { "old" }
    }

    /// All messages and all blocks are available, the dead process's once it is reaped.
    fn fill(&self) {
        self.segment().reap().unwrap();
        let all = [long(3), short(4), long(5), short(6)];
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

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        self.check(death)
    }
}

pub(crate) fn push(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut QueueOperation::push(name))
}

pub(crate) fn pop(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut QueueOperation::pop(name))
}

pub(crate) fn push_short(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut QueueOperation::push_short(name))
}

pub(crate) fn pop_short(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut QueueOperation::pop_short(name))
}

/// A child reaps another process, which died in an operation.
struct Reaper {
    first: QueueOperation,
    trace: Trace,
    point: usize,
}

impl Scenario for Reaper {
    type Handle = MessageQueue<Message>;

    fn reset(&mut self) {
        self.first.reset();
        kill::at_point(&mut self.first, &self.trace, KillPoint::after(self.point));
    }

    fn open(&self) -> Self::Handle {
        self.first.open()
    }

    fn operate(&self, queue: &Self::Handle) {
        queue.segment().reap().unwrap();
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        self.first.check(&Death { completed: false, ..*death })
    }

    fn watched_files(&self, _: u32) -> Vec<std::path::PathBuf> {
        self.first.segment().path().into_iter().collect()
    }

    fn sample_size(&self) -> usize {
        20
    }
}

/// At how many points the first process dies.
const FIRST_DEATHS: usize = 6;

/// The first process dies at points at which it has changed the queue, from its first change to its
/// last.
fn reaped(mut first: QueueOperation) -> KillCounts {
    let mut points = Vec::new();
    let mut changes = ChangeDetector::new(FileMapping::open(&first.segment().path().unwrap()).unwrap());
    first.reset();
    changes.has_changed();
    let trace = kill::trace_operation(&mut first, |_, _, trace| {
        if changes.has_changed() {
            points.push(trace.last());
        }
    });
    let mut kills = KillCounts::default();
    let chosen: Vec<usize> =
        (0..FIRST_DEATHS).map(|n| points[n * (points.len() - 1) / (FIRST_DEATHS - 1)]).collect();
    let mut second = Reaper { first, trace, point: 0 };
    for point in chosen {
        second.point = point;
        kills.merge(&kill::at_changes(&mut second));
    }
    kills
}

pub(crate) fn reap_after_push_death(name: &str) -> KillCounts {
    reaped(QueueOperation::push(name))
}

pub(crate) fn reap_after_pop_death(name: &str) -> KillCounts {
    reaped(QueueOperation::pop(name))
}
