//! Breezeway's pipes, and the rings of bytes they lie in, with messages of 64 bytes.

use breezeway::pipe;
use breezeway::queue::bytes;
use bytemuck::{bytes_of, bytes_of_mut};

use crate::message::{Message, Receiver, Sender};

/// What goes through a pipe as bytes, encoded by nobody.
pub struct Raw<E>(pub E);

impl<M: Message> Sender<M> for bytes::Producer {
    #[inline(always)]
    fn send(&mut self, message: M) {
        self.push(bytes_of(&message)).expect("a living consumer");
    }
}

impl<M: Message> Receiver<M> for bytes::Consumer {
    #[inline(always)]
    fn receive(&mut self) -> M {
        let mut message = M::zeroed();
        bytes_of_mut(&mut message).copy_from_slice(&self.read().expect("a living producer"));
        message
    }
}

impl<M: Message> Sender<M> for Raw<pipe::Sender<M>> {
    #[inline(always)]
    fn send(&mut self, message: M) {
        self.0.send_bytes(bytes_of(&message)).expect("a living receiver");
    }
}

impl<M: Message> Receiver<M> for Raw<pipe::Receiver<M>> {
    #[inline(always)]
    fn receive(&mut self) -> M {
        let mut message = M::zeroed();
        let len = self.0.recv_bytes_into(bytes_of_mut(&mut message)).expect("a living sender");
        assert_eq!(len, size_of::<M>());
        message
    }
}

/// As serde sees it.
impl Sender<[u64; 8]> for pipe::Sender<[u64; 8]> {
    #[inline(always)]
    fn send(&mut self, message: [u64; 8]) {
        pipe::Sender::send(self, message).expect("a living receiver");
    }
}

impl Receiver<[u64; 8]> for pipe::Receiver<[u64; 8]> {
    #[inline(always)]
    fn receive(&mut self) -> [u64; 8] {
        self.recv().expect("a living sender")
    }
}
