//! Pipes: every sent message is received whole, and a truncated one not at all. A waiter at the
//! other endpoint is told of the death.

use std::cell::RefCell;
use std::time::Duration;

use breezeway::pipe::{Receiver, Sender};
use breezeway::queue::bytes::{self, BytesConsumer, BytesProducer};
use breezeway::{PopError, PushError, Segment};

use crate::child::Child;
use crate::kill::{self, Death, Scenario};
use crate::kill_counts::KillCounts;
use crate::observe::FileMapping;
use crate::process::Process;
use crate::process::fork_until_blocked;

/// The waiter's result, as its exit code.
const AS_MEANT: libc::c_int = 0;
const CUT_SHORT: libc::c_int = 1;
const DISCONNECTED: libc::c_int = 2;

const RING: &str = "ring";

type Message = Vec<u8>;

fn message(len: usize, seed: u8) -> Message {
    (0..len).map(|at| (at as u8).wrapping_mul(7).wrapping_add(seed)).collect()
}

/// A ring in a segment of its own, with unclaimed endpoints.
struct Parent {
    segment: Segment,
    capacity: u64,
    mapping: FileMapping,
    at: usize,
}

impl Parent {
    fn new(name: &str, capacity: u64) -> Self {
        let segment = super::small_segment::create(name);
        drop(bytes::add(&segment, RING, capacity as usize).unwrap());
        let mapping = FileMapping::open(&segment.path().unwrap()).unwrap();
        let at = segment.objects().unwrap()[0].offset as usize;
        Self { segment, capacity, mapping, at }
    }

    fn tail(&self) -> u64 {
        self.mapping.word64(self.at)
    }

    fn head(&self) -> u64 {
        self.mapping.word64(self.at + 128)
    }

    fn ends(&self) -> (BytesProducer, BytesConsumer) {
        let (tx, rx) = (self.segment.get(RING), self.segment.get(RING));
        (tx.expect("the sender's end"), rx.expect("the receiver's end"))
    }

    /// Puts these messages in, the first one at `start`, and releases the endpoints.
    fn set(&self, start: u64, messages: &[Message]) {
        self.segment.reap().unwrap();
        let (mut tx, mut rx) = self.ends();
        while rx.try_read().is_ok() {}
        while self.tail() % self.capacity != start {
            tx.try_push(&[]).unwrap();
            drop(rx.try_read().unwrap());
        }
        let mut tx = Sender::<()>::from(tx);
        for message in messages {
            // Messages that are too long for one frame go in several frames; there is room.
            tx.send_bytes_timeout(message, Duration::ZERO).expect("room for the messages");
        }
        drop(tx);
        rx.release();
        // A receiver waits until there is a sender.
        let tx: BytesProducer = self.segment.get(RING).unwrap();
        tx.release();
    }

    /// A handle for a child or a waiter that stays open.
    fn open_segment(&self) -> &'static Segment {
        Box::leak(Box::new(Segment::open(self.segment.name().unwrap()).unwrap()))
    }

    /// The pipe works like a new one: short messages pass, and long ones.
    fn exercise(&self) {
        let (tx, rx) = self.ends();
        let (mut tx, mut rx) = (Sender::<u32>::from(tx), Receiver::<u32>::from(rx));
        for number in [7, 1 << 30] {
            tx.try_send(number).unwrap();
            assert_eq!(rx.try_recv().unwrap(), number);
            // Longer than the ring: a part of it arrives, and then another message.
            let long = message(2 * self.capacity as usize, 9);
            assert!(matches!(tx.send_bytes_timeout(&long, Duration::ZERO), Err(PushError::Timeout(()))));
            assert!(!rx.is_ready());
        }
        tx.try_send(8).unwrap();
        assert_eq!(rx.try_recv().unwrap(), 8);
        drop(tx);
        assert!(matches!(rx.recv(), Err(PopError::Disconnected)));
    }
}

/// A child sends, and its parent or a waiter receives.
struct Sending {
    parent: Parent,
    start: u64,
    before: Vec<Message>,
    send: fn(&mut Sender<(u32, u8)>),
    /// The message as it arrives.
    message: Message,
    has_sleeper: bool,
    waiter: Option<Process>,
}

/// What a receiver finds: messages, and whether the last one is truncated.
fn drain(rx: &mut Receiver<()>) -> (Vec<Message>, bool) {
    let mut found = Vec::new();
    loop {
        match rx.recv_bytes() {
            Ok(message) => found.push(message),
            Err(PopError::Disconnected) => return (found, false),
            Err(PopError::Truncated) => {
                assert!(matches!(rx.recv_bytes(), Err(PopError::Disconnected)), "and then the end");
                return (found, true);
            }
            Err(error) => panic!("{error}"),
        }
    }
}

impl Sending {
    fn survivors(&self, death: &Death) -> (Vec<Message>, bool) {
        let rx: BytesConsumer = self.parent.segment.get(RING).unwrap();
        let mut rx = Receiver::<()>::from(rx);
        if death.point % 3 != 1 {
            return drain(&mut rx);
        }
        // Another sender sends before the receiver looks: the truncated message is discarded.
        let tx: BytesProducer = self.parent.segment.get(RING).unwrap();
        let mut tx = Sender::<()>::from(tx);
        tx.try_send_bytes(&[1, 2, 3]).expect("room for a short message");
        drop(tx);
        let (mut found, is_cut) = drain(&mut rx);
        assert!(!is_cut, "what came next is whole");
        assert_eq!(found.pop().unwrap(), [1, 2, 3]);
        (found, false)
    }
}

impl Scenario for Sending {
    type Handle = RefCell<Sender<(u32, u8)>>;

    fn reset(&mut self) {
        self.parent.set(self.start, &self.before);
    }

    fn open(&self) -> Self::Handle {
        let tx: BytesProducer = self.parent.open_segment().get(RING).unwrap();
        RefCell::new(tx.into())
    }

    fn operate(&self, tx: &Self::Handle) {
        (self.send)(&mut tx.borrow_mut());
    }

    fn before_operation(&mut self, _: &Child) {
        if self.has_sleeper {
            self.waiter = Some(fork_until_blocked(|| {
                let rx: BytesConsumer = self.parent.open_segment().get(RING).unwrap();
                match drain(&mut rx.into()) {
                    (found, false) if found.is_empty() => DISCONNECTED,
                    (found, false) if found[..] == [self.message.clone()] => AS_MEANT,
                    (found, true) if found.is_empty() => CUT_SHORT,
                    (found, _) => panic!("{found:?} was never sent"),
                }
            }));
        }
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        // Mostly the parent reaps, and the waiter need not detect the death itself.
        if !death.point.is_multiple_of(8) {
            self.parent.segment.reap().unwrap();
        }
        let outcome = match self.waiter.take() {
            Some(waiter) => match waiter.exit_code() {
                Some(AS_MEANT) => "sent",
                Some(CUT_SHORT) => "cut short",
                Some(DISCONNECTED) => "nothing",
                code => panic!("the waiter ended with {code:?}"),
            },
            None => {
                let (found, is_cut) = self.survivors(death);
                assert!(found.starts_with(&self.before), "what was sent, in order: {found:?}");
                match &found[self.before.len()..] {
                    [] if is_cut => "cut short",
                    [] => "nothing",
                    [one] if *one == self.message && !is_cut => "sent",
                    other => panic!("{other:?} was never sent"),
                }
            }
        };
        assert!(!death.completed || outcome == "sent", "a completed operation has taken effect");
        self.parent.segment.reap().unwrap();
        self.parent.exercise();
        outcome
    }
}

fn sending(
    name: &str,
    start: u64,
    before: &[Message],
    message: Message,
    send: fn(&mut Sender<(u32, u8)>),
    has_sleeper: bool,
) -> KillCounts {
    let parent = Parent::new(name, 256);
    let before = before.to_vec();
    kill::at_every_instruction(&mut Sending {
        parent,
        start,
        before,
        send,
        message,
        has_sleeper,
        waiter: None,
    })
}

/// Encoded in place.
fn send_short(tx: &mut Sender<(u32, u8)>) {
    tx.send((300, 5)).unwrap();
}

/// A sequence of two: the kind and the number of each.
const SHORT: [u8; 7] = [0x14, 2, 7, 0xac, 2, 5, 5];

/// In two frames, the second shorter than the first.
const LONG: usize = 100;

fn send_long(tx: &mut Sender<(u32, u8)>) {
    tx.send_bytes(&message(LONG, 3)).unwrap();
}

pub(crate) fn send(name: &str) -> KillCounts {
    let mut kills = sending(name, 0, &[], SHORT.to_vec(), send_short, false);
    // Across the ring's end, after another message.
    kills.merge(&sending(&format!("{name}-2"), 200, &[message(2, 1)], SHORT.to_vec(), send_short, false));
    kills
}

pub(crate) fn send_long_message(name: &str) -> KillCounts {
    let mut kills = sending(name, 0, &[], message(LONG, 3), send_long, false);
    kills.merge(&sending(&format!("{name}-2"), 224, &[message(9, 1)], message(LONG, 3), send_long, false));
    kills
}

pub(crate) fn send_with_waiter(name: &str) -> KillCounts {
    sending(name, 0, &[], SHORT.to_vec(), send_short, true)
}

pub(crate) fn send_long_message_with_waiter(name: &str) -> KillCounts {
    sending(name, 224, &[], message(LONG, 3), send_long, true)
}

/// A child receives the first of two messages; its parent receives after its death.
struct Receiving {
    parent: Parent,
    messages: [Message; 2],
    /// The child's head index when it was last observed.
    head: u64,
}

impl Scenario for Receiving {
    type Handle = RefCell<Receiver<()>>;

    fn reset(&mut self) {
        self.parent.set(0, &self.messages);
        self.head = self.parent.head();
    }

    fn open(&self) -> Self::Handle {
        let rx: BytesConsumer = self.parent.open_segment().get(RING).unwrap();
        RefCell::new(rx.into())
    }

    fn operate(&self, rx: &Self::Handle) {
        assert!(rx.borrow_mut().recv_bytes().unwrap() == self.messages[0]);
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        let has_begun = self.parent.head() != self.head;
        self.parent.segment.reap().unwrap();
        let (tx, rx) = self.parent.ends();
        drop(tx);
        let (found, is_cut) = drain(&mut rx.into());
        assert!(!is_cut);
        // The dead receiver owns any message that it has begun to remove.
        let left = usize::from(has_begun);
        assert_eq!(found, self.messages[left..], "the messages from there on");
        assert!(!death.completed || has_begun, "a completed operation has taken effect");
        self.parent.exercise();
        if has_begun { "received" } else { "left" }
    }
}

fn receiving(name: &str, first: Message) -> KillCounts {
    let parent = Parent::new(name, 256);
    kill::at_every_instruction(&mut Receiving { parent, messages: [first, message(5, 2)], head: 0 })
}

pub(crate) fn recv(name: &str) -> KillCounts {
    receiving(name, message(20, 1))
}

pub(crate) fn recv_long_message(name: &str) -> KillCounts {
    receiving(name, message(LONG, 1))
}

/// A child receives a message whose sender waits for room for the rest of it.
struct Draining {
    parent: Parent,
    waiter: Option<Process>,
}

/// In four frames of 24 bytes, of which two fit into the ring.
const LONGER: usize = 40;

impl Scenario for Draining {
    type Handle = RefCell<Receiver<()>>;

    fn reset(&mut self) {
        self.parent.set(0, &[]);
    }

    fn open(&self) -> Self::Handle {
        let rx: BytesConsumer = self.parent.open_segment().get(RING).unwrap();
        RefCell::new(rx.into())
    }

    fn operate(&self, rx: &Self::Handle) {
        assert!(rx.borrow_mut().recv_bytes().unwrap() == message(LONGER, 4));
    }

    fn before_operation(&mut self, _: &Child) {
        self.waiter = Some(fork_until_blocked(|| {
            let tx: BytesProducer = self.parent.open_segment().get(RING).unwrap();
            match Sender::<()>::from(tx).send_bytes(&message(LONGER, 4)) {
                Ok(()) => AS_MEANT,
                Err(PushError::Disconnected(())) => DISCONNECTED,
                Err(error) => panic!("{error}"),
            }
        }));
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        if !death.point.is_multiple_of(8) {
            self.parent.segment.reap().unwrap();
        }
        let code = self.waiter.take().expect("a waiter").exit_code();
        assert!(matches!(code, Some(AS_MEANT | DISCONNECTED)), "the result of the waiter: {code:?}");
        let is_sent = code == Some(AS_MEANT);
        assert!(!death.completed || is_sent, "what was received has been sent");
        self.parent.segment.reap().unwrap();
        let rx: BytesConsumer = self.parent.segment.get(RING).unwrap();
        let (found, _) = drain(&mut rx.into());
        assert!(found.is_empty(), "a part of a message is none: {found:?}");
        self.parent.exercise();
        if is_sent { "sent" } else { "told of the death" }
    }
}

pub(crate) fn recv_long_message_with_waiter(name: &str) -> KillCounts {
    kill::at_every_instruction(&mut Draining { parent: Parent::new(name, 64), waiter: None })
}
