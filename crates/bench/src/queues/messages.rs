//! A `MessageQueue` of byte strings.

use bytemuck::{bytes_of, bytes_of_mut};
use serde_bytes::ByteBuf;

use super::{Polled, popped};
use crate::message::{Message, Receiver, Sender, poll_until};
use breezeway::queue::{Limits, MessageQueue};
use breezeway::{PushError, SegmentError};

/// A queue of byte strings.
pub type ByteMessages = MessageQueue<ByteBuf>;

/// Creates a queue for `messages` byte strings of `bytes`.
///
/// # Errors
/// Those of [`MessageQueue::new`].
pub fn byte_messages(messages: usize, bytes: usize) -> Result<ByteMessages, SegmentError> {
    /// At least the encoded length and the slack of a message's last block.
    const OVERHEAD: usize = 128;
    MessageQueue::new(Limits { messages, bytes: messages * (bytes + OVERHEAD) })
}

impl<M: Message> Sender<M> for ByteMessages {
    #[inline(always)]
    fn send(&mut self, message: &M) {
        self.push(ByteBuf::from(bytes_of(message))).map_err(drop).expect("an open queue");
    }
}

impl<M: Message> Receiver<M> for ByteMessages {
    #[inline(always)]
    fn receive(&mut self, message: &mut M) {
        bytes_of_mut(message).copy_from_slice(&self.pop().expect("an open queue"));
    }
}

impl<M: Message> Sender<M> for Polled<ByteMessages> {
    #[inline(always)]
    fn send(&mut self, message: &M) {
        let mut message = Some(ByteBuf::from(bytes_of(message)));
        poll_until(|| match self.0.try_push(message.take()?) {
            Err(PushError::Full(returned)) => {
                message = Some(returned);
                None
            }
            Err(other) => panic!("{other}"),
            Ok(()) => Some(()),
        });
    }
}

impl<M: Message> Receiver<M> for Polled<ByteMessages> {
    #[inline(always)]
    fn receive(&mut self, message: &mut M) {
        bytes_of_mut(message).copy_from_slice(&poll_until(|| popped(self.0.try_pop())));
    }
}
