//! The geometry of a message ring, as it lies in shared memory.
//!
//! ```text
//! the state, 512 bytes
//! the slots, 128 bytes each: word, length, 104 bytes of a message or its first block, 8 unused
//! the records, 128 bytes each: word, position, then as a slot: length, 104 bytes or first block
//! the blocks' entries, 16 bytes each: word, next block; padded to a cache line
//! the blocks
//! ```

use crate::raw::atomic_copy::WORD;
use crate::raw::mpmc::MpmcGeometry;

/// Words of a message's payload in a slot or a record: the length, and the message or its first
/// block. Few in models, which explore each of them.
pub(super) const PAYLOAD_WORDS: usize = if cfg!(loom) { 2 } else { 14 };

/// Bytes of the state.
#[cfg(not(loom))]
pub(super) const STATE_BYTES: usize = 512;

/// Bytes of the longest message that lies in its slot.
pub(super) const INLINE_BYTES: usize = (PAYLOAD_WORDS - 1) * WORD;

/// Bytes of a slot's payload: with the word, two cache lines.
const SLOT_BYTES: usize = (PAYLOAD_WORDS + 1) * WORD;

/// Words of a record.
pub(super) const RECORD_WORDS: usize = 2 + PAYLOAD_WORDS;

/// Words of a block's entry.
pub(super) const ENTRY_WORDS: usize = 2;

/// Records of a ring, at least.
const MIN_RECORDS: usize = 32;

const MIN_BLOCK: usize = 128;
const MAX_BLOCK: usize = 64 << 10;

/// Bytes of the longest message in blocks that a consumer copies before it takes it.
const COPIED_AT_ONCE: usize = 1024;

/// The lengths of a ring: computed once at opening, checked, and kept in private memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MessageGeometry {
    pub(super) ring: MpmcGeometry,
    pub(super) records: usize,
    pub(super) blocks: usize,
    /// Bytes of a block.
    pub(super) block_bytes: usize,
    max_message: usize,
    /// Bytes of the longest message in blocks that a consumer copies before it takes it.
    pub(super) copied_at_once: usize,
}

impl MessageGeometry {
    /// The geometry for `messages` messages that have `bytes` bytes together, whatever the lengths;
    /// `None` if there cannot be such a ring.
    ///
    /// A block is a quarter of the mean message, and there is one more block for each message: so
    /// many last blocks may be filled in part.
    pub(crate) fn new(messages: u64, bytes: u64) -> Option<Self> {
        let mean = usize::try_from(bytes.checked_div(messages)?).ok()?;
        let block_bytes = (1 << (mean / 4).max(1).ilog2()).clamp(MIN_BLOCK, MAX_BLOCK);
        let count = u32::try_from(messages).ok().filter(|count| *count > 0)? as usize;
        let max_message = usize::try_from(bytes).ok()?.max(INLINE_BYTES);
        let blocks = usize::try_from(bytes).ok()?.div_ceil(block_bytes).checked_add(count)?;
        let geometry = Self {
            ring: MpmcGeometry::new(messages, SLOT_BYTES),
            records: count.max(MIN_RECORDS),
            // A block's number has 32 bits.
            blocks: u32::try_from(blocks).ok()? as usize,
            block_bytes,
            max_message,
            copied_at_once: COPIED_AT_ONCE,
        };
        geometry.body_length().map(|_| geometry)
    }

    /// A small one for models, in which consumers copy a message of up to `copied_at_once` bytes
    /// before they take it.
    #[cfg(all(test, loom))]
    pub(super) fn small(messages: u64, blocks: usize, records: usize, copied_at_once: usize) -> Self {
        let ring = MpmcGeometry::new(messages, SLOT_BYTES);
        let block_bytes = 2 * WORD;
        Self { ring, records, blocks, block_bytes, max_message: blocks * block_bytes, copied_at_once }
    }

    /// Messages that there are slots for.
    pub(crate) fn messages(&self) -> usize {
        self.ring.capacity() as usize
    }

    /// Bytes of the longest message.
    pub(crate) fn max_message(&self) -> usize {
        self.max_message
    }

    /// Bytes of a ring with its state.
    #[cfg(not(loom))]
    pub(crate) fn length(&self) -> Option<u64> {
        let length = self.body_length()?.checked_add(STATE_BYTES)?;
        u64::try_from(length).ok().filter(|length| *length <= i64::MAX as u64)
    }

    fn body_length(&self) -> Option<usize> {
        let blocks = self.blocks.checked_mul(self.block_bytes)?;
        self.index_words().checked_mul(WORD)?.checked_add(blocks)
    }

    /// Words of all parts but the blocks.
    pub(crate) fn index_words(&self) -> usize {
        self.slot_words() + self.records * RECORD_WORDS + self.entry_words()
    }

    pub(super) fn slot_words(&self) -> usize {
        self.messages() * (1 + SLOT_BYTES / WORD)
    }

    pub(super) fn entry_words(&self) -> usize {
        (self.blocks * ENTRY_WORDS).next_multiple_of(64 / WORD)
    }

    pub(super) fn block_words(&self) -> usize {
        self.block_bytes / WORD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_geometry_blocks_hold_any_messages_within_the_limits() {
        for (messages, bytes) in
            [(1_u64, 0_u64), (1, 1000), (3, 168), (10, 560), (16, 4 << 20), (2, 128 << 20)]
        {
            let geometry = MessageGeometry::new(messages, bytes).unwrap();
            assert!(geometry.block_bytes.is_power_of_two());
            // The worst lengths: each message but one has a byte more than whole blocks.
            let each = (bytes / messages) as usize;
            let short = each / geometry.block_bytes * geometry.block_bytes + 1;
            let needed = (messages as usize) * short.min(each).div_ceil(geometry.block_bytes);
            assert!(needed <= geometry.blocks, "{messages} of {bytes}");
            assert!(geometry.max_message().div_ceil(geometry.block_bytes) <= geometry.blocks);
        }
    }

    #[test]
    fn message_geometry_refuses_what_has_no_length() {
        for (messages, bytes) in [(0, 0), (1 << 32, 0), (1, u64::MAX), (u64::MAX, u64::MAX), (1, 1 << 62)] {
            assert!(MessageGeometry::new(messages, bytes).is_none(), "{messages} of {bytes}");
        }
    }
}
