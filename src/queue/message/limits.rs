//! How much a queue of messages may hold.

use crate::error::SegmentError;
use crate::raw::message_slab::{BLOCK_BYTES, SlabLayout};
use crate::segment::object::Shape;

/// How much a [`MessageQueue`](super::MessageQueue) or a [`JoinableQueue`](crate::queue::JoinableQueue) may hold at a time.
///
/// A number of messages alone is enough where they are a few hundred bytes each.
///
/// ```
/// use breezeway::queue::{Limits, MessageQueue};
///
/// let pictures = MessageQueue::<Vec<u8>>::new(Limits { messages: 16, bytes: 4 << 20 })?;
/// assert_eq!(pictures.capacity(), 16);
/// assert!(pictures.max_message() >= 4 << 20); // one of them may have it all
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// So many messages, at least 1 and less than 2³².
    pub messages: usize,
    /// So many bytes of all their encodings together. Each message takes whole blocks of 56; no fewer are made than one for each
    /// message.
    pub bytes: usize,
}

/// Bytes for each message where nobody says how many.
const DEFAULT_MESSAGE_BYTES: usize = 256;

/// Bytes of all of them, at least.
const MIN_BYTES: usize = 64 << 10;

impl Limits {
    /// So many messages, and 256 bytes for each, but no less than 64 KiB.
    pub fn messages(messages: usize) -> Self {
        Self { messages, bytes: messages.saturating_mul(DEFAULT_MESSAGE_BYTES).max(MIN_BYTES) }
    }

    /// # Errors
    /// `InvalidOption`.
    pub(in crate::queue) fn check(self) -> Result<(), SegmentError> {
        if (1..=u32::MAX as usize).contains(&self.messages) {
            return Ok(());
        }
        Err(SegmentError::InvalidOption { option: "messages", allowed: "1 to 4294967295" })
    }

    pub(in crate::queue) fn shape(self) -> Shape {
        let blocks = self.bytes.div_ceil(BLOCK_BYTES).max(self.messages);
        Shape { count: self.messages as u64, aux: blocks as u64 }
    }
}

pub(in crate::queue) fn layout_of(shape: Shape) -> Option<SlabLayout> {
    SlabLayout::new(shape.count, shape.aux)
}
