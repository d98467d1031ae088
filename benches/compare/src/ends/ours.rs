//! Breezeway's queues.
//!
//! They lie in segments without a name, which forked children inherit; each process opens its end.

use breezeway::queue::{Queue, bytes, spsc};
use breezeway::{PopError, PushError, Segment, Shareable};

use crate::bulk::{BulkReceiver, BulkSender};
use crate::message::{Message, Receiver, Sender, persist};
use crate::stream::{BatchReceiver, BatchSender};

/// What a queue is called in its segment.
const NAME: &str = "queue";

/// A queue with one producer and one consumer, neither of them taken.
pub struct Ring(Segment);

impl Ring {
    pub fn new<M: Shareable>(capacity: usize) -> Self {
        let segment = segment(capacity * size_of::<M>());
        let (tx, rx) = spsc::add::<M>(&segment, NAME, capacity).expect("a queue");
        tx.release();
        rx.release();
        Self(segment)
    }

    pub fn tx<M: Shareable>(&self) -> spsc::Producer<M> {
        self.0.get(NAME).expect("the producer's end")
    }

    pub fn rx<M: Shareable>(&self) -> spsc::Consumer<M> {
        self.0.get(NAME).expect("the consumer's end")
    }
}

/// The same for bytes.
pub struct ByteRing(Segment);

impl ByteRing {
    pub fn new(capacity: usize) -> Self {
        let segment = segment(capacity);
        let (tx, rx) = bytes::add(&segment, NAME, capacity).expect("a queue");
        tx.release();
        rx.release();
        Self(segment)
    }

    pub fn tx(&self) -> bytes::Producer {
        self.0.get(NAME).expect("the producer's end")
    }

    pub fn rx(&self) -> bytes::Consumer {
        self.0.get(NAME).expect("the consumer's end")
    }
}

/// With so much room in it.
fn segment(bytes: usize) -> Segment {
    const TABLES: usize = 64 << 10;
    Segment::new((bytes + TABLES) as u64).expect("a segment")
}

/// An end that is tried until it works, in place of one that waits in its own way.
#[derive(Clone)]
pub struct Trying<E>(pub E);

impl<M: Message + Shareable> Sender<M> for spsc::Producer<M> {
    #[inline(always)]
    fn send(&mut self, message: M) {
        self.push(message).expect("a living consumer");
    }
}

impl<M: Message + Shareable> Receiver<M> for spsc::Consumer<M> {
    #[inline(always)]
    fn receive(&mut self) -> M {
        self.pop().expect("a living producer")
    }
}

impl<M: Message + Shareable> Sender<M> for Trying<spsc::Producer<M>> {
    #[inline(always)]
    fn send(&mut self, message: M) {
        persist(|| pushed(self.0.try_push(message)));
    }
}

impl<M: Message + Shareable> Receiver<M> for Trying<spsc::Consumer<M>> {
    #[inline(always)]
    fn receive(&mut self) -> M {
        persist(|| popped(self.0.try_pop()))
    }
}

impl BatchSender for spsc::Producer<u64> {
    #[inline(always)]
    fn send_all(&mut self, messages: &[u64]) {
        self.push_slice(messages).expect("a living consumer");
    }
}

impl BatchReceiver for spsc::Consumer<u64> {
    #[inline(always)]
    fn receive_some(&mut self, space: &mut [u64]) -> usize {
        self.pop_slice(space).expect("a living producer")
    }
}

impl Sender<u64> for Queue<u64> {
    #[inline(always)]
    fn send(&mut self, message: u64) {
        self.push(message).expect("an open queue");
    }
}

impl Receiver<u64> for Queue<u64> {
    #[inline(always)]
    fn receive(&mut self) -> u64 {
        self.pop().expect("an open queue")
    }
}

impl Sender<u64> for Trying<Queue<u64>> {
    #[inline(always)]
    fn send(&mut self, message: u64) {
        persist(|| pushed(self.0.try_push(message)));
    }
}

impl Receiver<u64> for Trying<Queue<u64>> {
    #[inline(always)]
    fn receive(&mut self) -> u64 {
        persist(|| popped(self.0.try_pop()))
    }
}

impl BulkSender for bytes::Producer {
    fn send_bytes(&mut self, bytes: &[u8]) {
        let mut room = self.reserve(bytes.len()).expect("a living consumer");
        room.copy_from_slice(bytes);
        room.commit(bytes.len());
    }
}

impl BulkReceiver for bytes::Consumer {
    fn receive_bytes(&mut self, space: &mut [u8]) {
        let bytes = self.read().expect("a living producer");
        space.copy_from_slice(&bytes);
    }
}

#[inline(always)]
fn pushed<M>(result: Result<(), PushError<M>>) -> Option<()> {
    match result {
        Ok(()) => Some(()),
        Err(PushError::Full(_)) => None,
        Err(other) => panic!("{other}"),
    }
}

#[inline(always)]
fn popped<M>(result: Result<M, PopError>) -> Option<M> {
    match result {
        Ok(message) => Some(message),
        Err(PopError::Empty) => None,
        Err(other) => panic!("{other}"),
    }
}
