//! A breezeway pipe that carries byte strings.

use bytemuck::{bytes_of, bytes_of_mut};

use super::{BytesLink, Polled, popped, pushed};
use crate::message::{Message, Receiver, Sender, poll_until};
use breezeway::SegmentError;
use breezeway::pipe;

/// The sending end.
pub type Tx = pipe::Sender<()>;
/// The receiving end.
pub type Rx = pipe::Receiver<()>;

/// A pipe whose ends are free.
#[derive(Clone)]
pub struct PipeLink(BytesLink);

impl PipeLink {
    /// Creates a pipe that buffers `capacity` bytes.
    ///
    /// # Errors
    /// Those of [`Segment::new`](breezeway::Segment::new).
    pub fn new(capacity: usize) -> Result<Self, SegmentError> {
        BytesLink::new(capacity).map(Self)
    }

    /// Opens the sending end.
    pub fn tx(&self) -> Tx {
        self.0.tx().into()
    }

    /// Opens the receiving end.
    pub fn rx(&self) -> Rx {
        self.0.rx().into()
    }
}

impl<M: Message> Sender<M> for Tx {
    #[inline(always)]
    fn send(&mut self, message: &M) {
        self.send_bytes(bytes_of(message)).expect("a live receiver");
    }
}

impl<M: Message> Receiver<M> for Rx {
    #[inline(always)]
    fn receive(&mut self, message: &mut M) {
        let length = self.recv_bytes_into(bytes_of_mut(message)).expect("a live sender");
        assert_eq!(length, size_of::<M>(), "a whole message");
    }
}

impl<M: Message> Sender<M> for Polled<Tx> {
    #[inline(always)]
    fn send(&mut self, message: &M) {
        poll_until(|| pushed(self.0.try_send_bytes(bytes_of(message))));
    }
}

impl<M: Message> Receiver<M> for Polled<Rx> {
    #[inline(always)]
    fn receive(&mut self, message: &mut M) {
        let length = poll_until(|| popped(self.0.try_recv_bytes_into(bytes_of_mut(message))));
        assert_eq!(length, size_of::<M>(), "a whole message");
    }
}
