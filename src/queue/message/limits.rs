//! [`Limits`]: how much a queue of messages holds.

use crate::error::SegmentError;
use crate::raw::message_ring::MessageGeometry;
use crate::segment::object::Shape;

/// How much a [`MessageQueue`](super::MessageQueue) or a
/// [`JoinableQueue`](crate::queue::JoinableQueue) holds at a time.
///
/// If messages have a few hundred bytes each, their number alone is enough.
///
/// ```
/// use breezeway::queue::{Limits, MessageQueue};
///
/// let pictures = MessageQueue::<Vec<u8>>::new(Limits { messages: 16, bytes: 4 << 20 })?;
/// assert_eq!(pictures.capacity(), 16);
/// assert!(pictures.max_message() >= 4 << 20); // one message may take all of it
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// The number of messages, at least 1 and less than 2³².
    pub messages: usize,
    /// The number of bytes of their encodings together: any messages fit that are no more than
    /// `messages` and have no more than these bytes. (Up to a quarter more may fit, because each
    /// message takes whole blocks, and those of up to 104 bytes take none.)
    pub bytes: usize,
}

/// Bytes for each message if only the number of messages is given.
const DEFAULT_MESSAGE_BYTES: usize = 256;

/// Bytes of all messages together, at least.
const MIN_BYTES: usize = 64 << 10;

impl Limits {
    /// The limits for this many messages: 256 bytes for each, but at least 64 KiB in all.
    pub fn messages(messages: usize) -> Self {
        Self { messages, bytes: messages.saturating_mul(DEFAULT_MESSAGE_BYTES).max(MIN_BYTES) }
    }

    /// Checks the number of messages.
    ///
    /// # Errors
    /// [`SegmentError::InvalidOption`] if it is 0 or too large.
    pub(in crate::queue) fn check(self) -> Result<(), SegmentError> {
        if (1..=u32::MAX as usize).contains(&self.messages) {
            return Ok(());
        }
        Err(SegmentError::InvalidOption { option: "messages", allowed: "1 to 4294967295" })
    }

    pub(in crate::queue) fn shape(self) -> Shape {
        Shape { count: self.messages as u64, aux: self.bytes as u64 }
    }
}

pub(in crate::queue) fn geometry_of(shape: Shape) -> Option<MessageGeometry> {
    MessageGeometry::new(shape.count, shape.aux)
}
