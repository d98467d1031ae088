//! The ends of breezeway's queues.
//!
//! They lie in segments without a name, which forked children inherit; each process opens its end.
//!
//! - [`mail`]: those of a queue of messages of any type
//! - [`mod@pipe`]: those of a pipe

pub mod messages;
pub mod pipe;

use bytemuck::{bytes_of, bytes_of_mut};

use super::message::{Message, Receiver, Sender, poll_until};
use super::stream::{BatchReceiver, BatchSender};
use breezeway::queue::{Queue, bytes, spsc};
use breezeway::{PopError, PushError, Segment, SegmentError, Shareable};

/// What a queue is called in its segment.
const NAME: &str = "queue";

/// A queue with one producer and one consumer, neither of them taken.
#[derive(Clone)]
pub struct SpscLink(Segment);

impl SpscLink {
    /// For so many messages.
    ///
    /// # Errors
    /// Those of [`Segment::new`].
    pub fn new<M: Shareable>(capacity: usize) -> Result<Self, SegmentError> {
        let segment = segment(capacity * size_of::<M>())?;
        let (tx, rx) = spsc::add::<M>(&segment, NAME, capacity)?;
        tx.release();
        rx.release();
        Ok(Self(segment))
    }

    /// The producer's end.
    ///
    /// # Panics
    /// Where it is taken.
    pub fn tx<M: Shareable>(&self) -> spsc::Producer<M> {
        self.0.get(NAME).expect("the producer's end")
    }

    /// The consumer's end.
    ///
    /// # Panics
    /// Where it is taken.
    pub fn rx<M: Shareable>(&self) -> spsc::Consumer<M> {
        self.0.get(NAME).expect("the consumer's end")
    }
}

/// The same for bytes.
#[derive(Clone)]
pub struct BytesLink(Segment);

impl BytesLink {
    /// For so many bytes.
    ///
    /// # Errors
    /// Those of [`Segment::new`].
    pub fn new(capacity: usize) -> Result<Self, SegmentError> {
        let segment = segment(capacity)?;
        let (tx, rx) = bytes::add(&segment, NAME, capacity)?;
        tx.release();
        rx.release();
        Ok(Self(segment))
    }

    /// The producer's end.
    ///
    /// # Panics
    /// Where it is taken.
    pub fn tx(&self) -> bytes::Producer {
        self.0.get(NAME).expect("the producer's end")
    }

    /// The consumer's end.
    ///
    /// # Panics
    /// Where it is taken.
    pub fn rx(&self) -> bytes::Consumer {
        self.0.get(NAME).expect("the consumer's end")
    }
}

/// With so much room in it.
fn segment(bytes: usize) -> Result<Segment, SegmentError> {
    const TABLES: usize = 64 << 10;
    Segment::new((bytes + TABLES) as u64)
}

/// An end that is tried until it works, in place of one that waits in its own way.
#[derive(Clone)]
pub struct Polled<E>(pub E);

impl<M: Message> Sender<M> for spsc::Producer<M> {
    #[inline(always)]
    fn send(&mut self, message: &M) {
        self.push(*message).expect("a living consumer");
    }
}

impl<M: Message> Receiver<M> for spsc::Consumer<M> {
    #[inline(always)]
    fn receive(&mut self, message: &mut M) {
        *message = self.pop().expect("a living producer");
    }
}

impl<M: Message> Sender<M> for Polled<spsc::Producer<M>> {
    #[inline(always)]
    fn send(&mut self, message: &M) {
        poll_until(|| pushed(self.0.try_push(*message)));
    }
}

impl<M: Message> Receiver<M> for Polled<spsc::Consumer<M>> {
    #[inline(always)]
    fn receive(&mut self, message: &mut M) {
        *message = poll_until(|| popped(self.0.try_pop()));
    }
}

impl<M: Message> BatchSender<M> for spsc::Producer<M> {
    #[inline(always)]
    fn send_all(&mut self, messages: &[M]) {
        self.push_slice(messages).expect("a living consumer");
    }
}

impl<M: Message> BatchReceiver<M> for spsc::Consumer<M> {
    #[inline(always)]
    fn receive_some(&mut self, space: &mut [M]) -> usize {
        self.pop_slice(space).expect("a living producer")
    }
}

impl<M: Message> BatchSender<M> for Polled<spsc::Producer<M>> {
    #[inline(always)]
    fn send_all(&mut self, mut messages: &[M]) {
        while !messages.is_empty() {
            let sent = poll_until(|| match self.0.try_push_slice(messages) {
                Ok(0) | Err(PushError::Full(_)) => None,
                other => Some(other.expect("a living consumer")),
            });
            messages = &messages[sent..];
        }
    }
}

impl<M: Message> BatchReceiver<M> for Polled<spsc::Consumer<M>> {
    #[inline(always)]
    fn receive_some(&mut self, space: &mut [M]) -> usize {
        poll_until(|| match popped(self.0.try_pop_slice(space)) {
            Some(0) | None => None,
            some => some,
        })
    }
}

impl<M: Message> Sender<M> for Queue<M> {
    #[inline(always)]
    fn send(&mut self, message: &M) {
        self.push(*message).expect("an open queue");
    }
}

impl<M: Message> Receiver<M> for Queue<M> {
    #[inline(always)]
    fn receive(&mut self, message: &mut M) {
        *message = self.pop().expect("an open queue");
    }
}

impl<M: Message> Sender<M> for Polled<Queue<M>> {
    #[inline(always)]
    fn send(&mut self, message: &M) {
        poll_until(|| pushed(self.0.try_push(*message)));
    }
}

impl<M: Message> Receiver<M> for Polled<Queue<M>> {
    #[inline(always)]
    fn receive(&mut self, message: &mut M) {
        *message = poll_until(|| popped(self.0.try_pop()));
    }
}

impl<M: Message> Sender<M> for bytes::Producer {
    #[inline(always)]
    fn send(&mut self, message: &M) {
        put(self.reserve(size_of::<M>()).expect("a living consumer"), message);
    }
}

impl<M: Message> Receiver<M> for bytes::Consumer {
    #[inline(always)]
    fn receive(&mut self, message: &mut M) {
        bytes_of_mut(message).copy_from_slice(&self.read().expect("a living producer"));
    }
}

impl<M: Message> Sender<M> for Polled<bytes::Producer> {
    #[inline(always)]
    fn send(&mut self, message: &M) {
        poll_until(|| match self.0.try_reserve(size_of::<M>()) {
            Ok(room) => {
                put(room, message);
                Some(())
            }
            Err(other) => pushed(Err(other)),
        });
    }
}

impl<M: Message> Receiver<M> for Polled<bytes::Consumer> {
    #[inline(always)]
    fn receive(&mut self, message: &mut M) {
        poll_until(|| popped(self.0.try_read()).map(|bytes| bytes_of_mut(message).copy_from_slice(&bytes)));
    }
}

#[inline(always)]
fn put<M: Message>(mut room: bytes::Reservation<'_>, message: &M) {
    room.copy_from_slice(bytes_of(message));
    room.commit(size_of::<M>());
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
