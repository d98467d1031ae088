//! A `MessageQueue` of byte strings.

use std::fmt;

use bytemuck::{bytes_of, bytes_of_mut};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

use super::{Polled, popped};
use crate::message::{Message, Receiver, Sender, poll_until};
use breezeway::queue::{Limits, MessageQueue};
use breezeway::{PushError, SegmentError};

/// A byte string, serialised as such.
pub struct ByteMessage(Vec<u8>);

/// A queue of byte strings.
pub type ByteMessages = MessageQueue<ByteMessage>;

/// Creates a queue for `messages` byte strings of `bytes`.
///
/// # Errors
/// Those of [`MessageQueue::new`].
pub fn byte_messages(messages: usize, bytes: usize) -> Result<ByteMessages, SegmentError> {
    /// At least the encoded length and the slack of a message's last block.
    const OVERHEAD: usize = 128;
    MessageQueue::new(Limits { messages, bytes: messages * (bytes + OVERHEAD) })
}

impl ByteMessage {
    #[inline(always)]
    fn of<M: Message>(message: &M) -> Self {
        Self(bytes_of(message).to_vec())
    }

    #[inline(always)]
    fn open<M: Message>(&self, message: &mut M) {
        bytes_of_mut(message).copy_from_slice(&self.0);
    }
}

impl<M: Message> Sender<M> for ByteMessages {
    #[inline(always)]
    fn send(&mut self, message: &M) {
        self.push(ByteMessage::of(message)).map_err(drop).expect("an open queue");
    }
}

impl<M: Message> Receiver<M> for ByteMessages {
    #[inline(always)]
    fn receive(&mut self, message: &mut M) {
        self.pop().expect("an open queue").open(message);
    }
}

impl<M: Message> Sender<M> for Polled<ByteMessages> {
    #[inline(always)]
    fn send(&mut self, message: &M) {
        let mut message = Some(ByteMessage::of(message));
        poll_until(|| match self.0.try_push(message.take()?) {
            Err(PushError::Full(back)) => {
                message = Some(back);
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
        poll_until(|| popped(self.0.try_pop())).open(message);
    }
}

impl Serialize for ByteMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for ByteMessage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;

        impl Visitor<'_> for Bytes {
            type Value = ByteMessage;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("bytes")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<ByteMessage, E> {
                Ok(ByteMessage(bytes.to_vec()))
            }
        }

        deserializer.deserialize_bytes(Bytes)
    }
}
