//! Pipes: every message that was sent is received, whole, and of one that was cut short nothing is. Who waits at the other end hears
//! of the death.

use std::cell::RefCell;
use std::time::Duration;

use breezeway::pipe::{Receiver, Sender};
use breezeway::queue::bytes::{self, BytesConsumer, BytesProducer};
use breezeway::{PopError, PushError, Segment};

use super::sleeper::asleep;
use crate::kill::child::Child;
use crate::kill::drive::{self, Death, Subject};
use crate::kill::process::Process;
use crate::kill::tally::Tally;
use crate::kill::window::Window;

/// How it went for the sleeper, as its exit code.
const AS_MEANT: libc::c_int = 0;
const CUT_SHORT: libc::c_int = 1;
const DISCONNECTED: libc::c_int = 2;

const RING: &str = "ring";

type Message = Vec<u8>;

fn message(len: usize, seed: u8) -> Message {
    (0..len).map(|at| (at as u8).wrapping_mul(7).wrapping_add(seed)).collect()
}

/// A ring that lies in a segment by itself, nobody's.
struct Parent {
    segment: Segment,
    capacity: u64,
    window: Window,
    at: usize,
}

impl Parent {
    fn new(name: &str, capacity: u64) -> Self {
        let segment = Segment::create(name, 1 << 16).unwrap();
        drop(bytes::add(&segment, RING, capacity as usize).unwrap());
        let window = Window::open(&segment.path().unwrap()).unwrap();
        let at = segment.objects().unwrap()[0].offset as usize;
        Self { segment, capacity, window, at }
    }

    fn tail(&self) -> u64 {
        self.window.word64(self.at)
    }

    fn head(&self) -> u64 {
        self.window.word64(self.at + 128)
    }

    fn ends(&self) -> (BytesProducer, BytesConsumer) {
        let (tx, rx) = (self.segment.get(RING), self.segment.get(RING));
        (tx.expect("the sender's end"), rx.expect("the receiver's end"))
    }

    /// Puts these messages in, the first one at `start`, and lets go of the ends.
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
            // Those that are too long for one frame go in several: there is room.
            tx.send_bytes_timeout(message, Duration::ZERO).expect("room for the messages");
        }
        drop(tx);
        rx.release();
        // Whoever comes for messages waits for a sender.
        let tx: BytesProducer = self.segment.get(RING).unwrap();
        tx.release();
    }

    /// For a child, or a sleeper: one that stays open.
    fn open_segment(&self) -> &'static Segment {
        Box::leak(Box::new(Segment::open(self.segment.name().unwrap()).unwrap()))
    }

    /// A pipe that works as if it were new: short messages pass, and long ones.
    fn exercise(&self) {
        let (tx, rx) = self.ends();
        let (mut tx, mut rx) = (Sender::<u32>::from(tx), Receiver::<u32>::from(rx));
        for number in [7, 1 << 30] {
            tx.try_send(number).unwrap();
            assert_eq!(rx.try_recv().unwrap(), number);
            // Longer than the ring: a part of it comes, and then something else.
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

/// A child sends; its parent receives, or a sleeper does.
struct Sending {
    parent: Parent,
    start: u64,
    before: Vec<Message>,
    send: fn(&mut Sender<(u32, u8)>),
    /// As it arrives.
    message: Message,
    has_sleeper: bool,
    sleeper: Option<Process>,
}

/// What a receiver finds: messages, and then the end, perhaps in the middle of one.
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
        // Somebody sends something else before anybody looks: what was cut short is forgotten.
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

impl Subject for Sending {
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

    fn begin(&mut self, _: &Child) {
        if self.has_sleeper {
            self.sleeper = Some(asleep(|| {
                let rx: BytesConsumer = self.parent.open_segment().get(RING).unwrap();
                match drain(&mut rx.into()) {
                    (found, false) if found.is_empty() => DISCONNECTED,
                    (found, false) if found[..] == [self.message.clone()] => AS_MEANT,
                    (found, true) if found.is_empty() => CUT_SHORT,
                    (found, _) => panic!("{found:?} was sent by nobody"),
                }
            }));
        }
    }

    fn survive(&mut self, death: &Death) -> &'static str {
        // Mostly, somebody reaps, and nobody has to find out by itself.
        if !death.point.is_multiple_of(8) {
            self.parent.segment.reap().unwrap();
        }
        let outcome = match self.sleeper.take() {
            Some(sleeper) => match sleeper.exit_code() {
                Some(AS_MEANT) => "sent",
                Some(CUT_SHORT) => "cut short",
                Some(DISCONNECTED) => "nothing",
                code => panic!("the sleeper ended with {code:?}"),
            },
            None => {
                let (found, is_cut) = self.survivors(death);
                assert!(found.starts_with(&self.before), "what was sent, in order: {found:?}");
                match &found[self.before.len()..] {
                    [] if is_cut => "cut short",
                    [] => "nothing",
                    [one] if *one == self.message && !is_cut => "sent",
                    other => panic!("{other:?} was sent by nobody"),
                }
            }
        };
        assert!(!death.completed || outcome == "sent", "what has returned has happened");
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
) -> Tally {
    let parent = Parent::new(name, 256);
    let before = before.to_vec();
    drive::every(&mut Sending { parent, start, before, send, message, has_sleeper, sleeper: None })
}

/// Encoded where it lies.
fn send_short(tx: &mut Sender<(u32, u8)>) {
    tx.send((300, 5)).unwrap();
}

const SHORT: [u8; 3] = [0xac, 2, 5];

/// In two frames, the second shorter than the first.
const LONG: usize = 100;

fn send_long(tx: &mut Sender<(u32, u8)>) {
    tx.send_bytes(&message(LONG, 3)).unwrap();
}

pub(crate) fn send(name: &str) -> Tally {
    let mut tally = sending(name, 0, &[], SHORT.to_vec(), send_short, false);
    // Over the ring's end, behind another.
    tally.merge(&sending(&format!("{name}-2"), 200, &[message(2, 1)], SHORT.to_vec(), send_short, false));
    tally
}

pub(crate) fn send_long_message(name: &str) -> Tally {
    let mut tally = sending(name, 0, &[], message(LONG, 3), send_long, false);
    tally.merge(&sending(&format!("{name}-2"), 224, &[message(9, 1)], message(LONG, 3), send_long, false));
    tally
}

pub(crate) fn send_with_sleeper(name: &str) -> Tally {
    sending(name, 0, &[], SHORT.to_vec(), send_short, true)
}

pub(crate) fn send_long_message_with_sleeper(name: &str) -> Tally {
    sending(name, 224, &[], message(LONG, 3), send_long, true)
}

/// A child receives the first of two messages; another one does when it is dead.
struct Receiving {
    parent: Parent,
    messages: [Message; 2],
    /// Where the child had come to when it was last seen.
    head: u64,
}

impl Subject for Receiving {
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

    fn survive(&mut self, death: &Death) -> &'static str {
        let has_begun = self.parent.head() != self.head;
        self.parent.segment.reap().unwrap();
        let (tx, rx) = self.parent.ends();
        drop(tx);
        let (found, is_cut) = drain(&mut rx.into());
        assert!(!is_cut);
        // Whatever the dead one has begun to take out was its.
        let left = usize::from(has_begun);
        assert_eq!(found, self.messages[left..], "the messages from there on");
        assert!(!death.completed || has_begun, "what has returned has happened");
        self.parent.exercise();
        if has_begun { "received" } else { "left" }
    }
}

fn receiving(name: &str, first: Message) -> Tally {
    let parent = Parent::new(name, 256);
    drive::every(&mut Receiving { parent, messages: [first, message(5, 2)], head: 0 })
}

pub(crate) fn recv(name: &str) -> Tally {
    receiving(name, message(20, 1))
}

pub(crate) fn recv_long_message(name: &str) -> Tally {
    receiving(name, message(LONG, 1))
}

/// A child receives what somebody is about to send who sleeps because there is no room for all of it.
struct Draining {
    parent: Parent,
    sleeper: Option<Process>,
}

/// In four frames of 24 bytes, of which two fit into the ring.
const LONGER: usize = 40;

impl Subject for Draining {
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

    fn begin(&mut self, _: &Child) {
        self.sleeper = Some(asleep(|| {
            let tx: BytesProducer = self.parent.open_segment().get(RING).unwrap();
            match Sender::<()>::from(tx).send_bytes(&message(LONGER, 4)) {
                Ok(()) => AS_MEANT,
                Err(PushError::Disconnected(())) => DISCONNECTED,
                Err(error) => panic!("{error}"),
            }
        }));
    }

    fn survive(&mut self, death: &Death) -> &'static str {
        if !death.point.is_multiple_of(8) {
            self.parent.segment.reap().unwrap();
        }
        let code = self.sleeper.take().expect("a sleeper").exit_code();
        assert!(matches!(code, Some(AS_MEANT | DISCONNECTED)), "how it woke: {code:?}");
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

pub(crate) fn recv_long_message_with_sleeper(name: &str) -> Tally {
    drive::every(&mut Draining { parent: Parent::new(name, 64), sleeper: None })
}
