//! Breezeway's queues as channels: [`Sender`]s and [`Receiver`]s.
//!
//! The queues lie in anonymous segments, which forked children inherit; each process opens its own
//! end.
//!
//! - [`messages`]: a `MessageQueue` of byte strings
//! - [`mod@pipe`]: a pipe

pub mod messages;
pub mod pipe;

use bytemuck::{bytes_of, bytes_of_mut};

use super::message::{Message, Receiver, Sender, poll_until};
use super::stream::{BatchReceiver, BatchSender};
use breezeway::queue::{Queue, bytes, spsc};
use breezeway::{PopError, PushError, Segment, SegmentError, Shareable};

/// The name of a queue in its segment.
const NAME: &str = "queue";

/// An spsc queue whose endpoints are free.
#[derive(Clone)]
pub struct SpscLink(Segment);

impl SpscLink {
    /// Creates a queue for `capacity` messages.
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

    /// Opens the producer's end.
    pub fn tx<M: Shareable>(&self) -> spsc::Producer<M> {
        self.0.get(NAME).expect("the producer's end")
    }

    /// Opens the consumer's end.
    pub fn rx<M: Shareable>(&self) -> spsc::Consumer<M> {
        self.0.get(NAME).expect("the consumer's end")
    }
}

/// A `bytes` queue whose endpoints are free.
#[derive(Clone)]
pub struct BytesLink(Segment);

impl BytesLink {
    /// Creates a queue for `capacity` bytes.
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

    /// Opens the producer's end.
    pub fn tx(&self) -> bytes::BytesProducer {
        self.0.get(NAME).expect("the producer's end")
    }

    /// Opens the consumer's end.
    pub fn rx(&self) -> bytes::BytesConsumer {
        self.0.get(NAME).expect("the consumer's end")
    }
}

/// A segment with room for an object of `bytes`.
fn segment(bytes: usize) -> Result<Segment, SegmentError> {
    const TABLES: usize = 64 << 10;
    Segment::new((bytes + TABLES) as u64)
}

/// An end that polls, in place of its blocking calls.
#[derive(Clone)]
pub struct Polled<E>(pub E);

/// Implements the ends of a queue of values, blocking and polled.
macro_rules! ends {
    ($tx:ty, $rx:ty) => {
        impl<M: Message> Sender<M> for $tx {
            #[inline(always)]
            fn send(&mut self, message: &M) {
                self.push(*message).expect("an open queue");
            }
        }

        impl<M: Message> Receiver<M> for $rx {
            #[inline(always)]
            fn receive(&mut self, message: &mut M) {
                *message = self.pop().expect("an open queue");
            }
        }

        impl<M: Message> Sender<M> for Polled<$tx> {
            #[inline(always)]
            fn send(&mut self, message: &M) {
                poll_until(|| pushed(self.0.try_push(*message)));
            }
        }

        impl<M: Message> Receiver<M> for Polled<$rx> {
            #[inline(always)]
            fn receive(&mut self, message: &mut M) {
                *message = poll_until(|| popped(self.0.try_pop()));
            }
        }
    };
}

ends!(spsc::Producer<M>, spsc::Consumer<M>);
ends!(Queue<M>, Queue<M>);

impl<M: Message> BatchSender<M> for spsc::Producer<M> {
    #[inline(always)]
    fn send_all(&mut self, messages: &[M]) {
        self.push_slice(messages).expect("a live consumer");
    }
}

impl<M: Message> BatchReceiver<M> for spsc::Consumer<M> {
    #[inline(always)]
    fn receive_some(&mut self, space: &mut [M]) -> usize {
        self.pop_slice(space).expect("a live producer")
    }
}

impl<M: Message> BatchSender<M> for Polled<spsc::Producer<M>> {
    #[inline(always)]
    fn send_all(&mut self, mut messages: &[M]) {
        while !messages.is_empty() {
            let sent = poll_until(|| match self.0.try_push_slice(messages) {
                Ok(0) | Err(PushError::Full(_)) => None,
                other => Some(other.expect("a live consumer")),
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

impl<M: Message> Sender<M> for bytes::BytesProducer {
    #[inline(always)]
    fn send(&mut self, message: &M) {
        put(self.reserve(size_of::<M>()).expect("a live consumer"), message);
    }
}

impl<M: Message> Receiver<M> for bytes::BytesConsumer {
    #[inline(always)]
    fn receive(&mut self, message: &mut M) {
        bytes_of_mut(message).copy_from_slice(&self.read().expect("a live producer"));
    }
}

impl<M: Message> Sender<M> for Polled<bytes::BytesProducer> {
    #[inline(always)]
    fn send(&mut self, message: &M) {
        poll_until(|| match self.0.try_reserve(size_of::<M>()) {
            Ok(reservation) => {
                put(reservation, message);
                Some(())
            }
            Err(other) => pushed(Err(other)),
        });
    }
}

impl<M: Message> Receiver<M> for Polled<bytes::BytesConsumer> {
    #[inline(always)]
    fn receive(&mut self, message: &mut M) {
        poll_until(|| popped(self.0.try_read()).map(|bytes| bytes_of_mut(message).copy_from_slice(&bytes)));
    }
}

#[inline(always)]
fn put<M: Message>(mut reservation: bytes::Reservation<'_>, message: &M) {
    reservation.copy_from_slice(bytes_of(message));
    reservation.commit(size_of::<M>());
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
