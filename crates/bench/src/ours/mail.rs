//! Messages of any type, of which a string of bytes is one.

use std::fmt;

use bytemuck::{bytes_of, bytes_of_mut};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

use super::{Trying, popped};
use crate::message::{Message, Receiver, Sender, persist};
use breezeway::queue::{Limits, MessageQueue};
use breezeway::{PushError, SegmentError};

/// Bytes, encoded as they are.
pub struct Letter(Vec<u8>);

/// Letters from many to many.
pub type Letters = MessageQueue<Letter>;

/// A queue for so many letters of so many bytes.
///
/// # Errors
/// Those of [`MessageQueue::new`].
pub fn letters(messages: usize, bytes: usize) -> Result<Letters, SegmentError> {
    /// More than an encoded length, and what is lost in the last of a message's blocks.
    const OVERHEAD: usize = 128;
    MessageQueue::new(Limits { messages, bytes: messages * (bytes + OVERHEAD) })
}

impl Letter {
    #[inline(always)]
    fn of<M: Message>(message: &M) -> Self {
        Self(bytes_of(message).to_vec())
    }

    #[inline(always)]
    fn open<M: Message>(&self, message: &mut M) {
        bytes_of_mut(message).copy_from_slice(&self.0);
    }
}

impl<M: Message> Sender<M> for Letters {
    #[inline(always)]
    fn send(&mut self, message: &M) {
        self.push(Letter::of(message)).map_err(drop).expect("an open queue");
    }
}

impl<M: Message> Receiver<M> for Letters {
    #[inline(always)]
    fn receive(&mut self, message: &mut M) {
        self.pop().expect("an open queue").open(message);
    }
}

impl<M: Message> Sender<M> for Trying<Letters> {
    #[inline(always)]
    fn send(&mut self, message: &M) {
        let mut letter = Some(Letter::of(message));
        persist(|| match self.0.try_push(letter.take()?) {
            Err(PushError::Full(back)) => {
                letter = Some(back);
                None
            }
            Err(other) => panic!("{other}"),
            Ok(()) => Some(()),
        });
    }
}

impl<M: Message> Receiver<M> for Trying<Letters> {
    #[inline(always)]
    fn receive(&mut self, message: &mut M) {
        persist(|| popped(self.0.try_pop())).open(message);
    }
}

impl Serialize for Letter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Letter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;

        impl Visitor<'_> for Bytes {
            type Value = Letter;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("bytes")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Letter, E> {
                Ok(Letter(bytes.to_vec()))
            }
        }

        deserializer.deserialize_bytes(Bytes)
    }
}
