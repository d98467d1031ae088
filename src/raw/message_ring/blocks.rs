//! Blocks: allocating and freeing them, and copying messages in and out.

use super::block_chain::{BlockChain, BlockWord};
use super::geometry::{ENTRY_WORDS, INLINE_BYTES};
use super::{MessageAttempt, MessageHints, MessageRing};
use crate::primitive::{AtomicU64, Ordering};
use crate::raw::atomic_copy;

impl MessageHints {
    const COUNT_BITS: u32 = 24;

    /// Whether a search for this many blocks failed, and none were freed since.
    fn is_too_many(&self, count: usize, freed: u64) -> bool {
        let noted = self.too_many.load(Ordering::Relaxed);
        let least = noted & ((1 << Self::COUNT_BITS) - 1);
        least != 0
            && count as u64 >= least
            && noted >> Self::COUNT_BITS == freed << Self::COUNT_BITS >> Self::COUNT_BITS
    }

    fn note_too_many(&self, count: usize, freed: u64) {
        let count = count as u64;
        // A number that has no room is not noted.
        if count < 1 << Self::COUNT_BITS {
            self.too_many.store(freed << Self::COUNT_BITS | count, Ordering::Relaxed);
        }
    }
}

impl<'a> MessageRing<'a> {
    /// The word of a block's entry, and the number of the next block.
    #[inline]
    pub(super) fn entry(&self, block: usize) -> Option<(&'a AtomicU64, &'a AtomicU64)> {
        let start = block.checked_mul(ENTRY_WORDS)?;
        if block >= self.geometry.blocks {
            return None;
        }
        match self.entries.get(start..start + ENTRY_WORDS)? {
            [word, next] => Some((word, next)),
            _ => None,
        }
    }

    fn block(&self, block: usize) -> Option<&'a [AtomicU64]> {
        let words = self.geometry.block_words();
        let start = block.checked_mul(words)?;
        self.data.get(start..start.checked_add(words)?)
    }

    /// Makes blocks for a message of this length its producer's.
    pub(super) fn allocate(&self, me: u32, length: usize) -> Result<BlockChain, MessageAttempt> {
        let count = length.div_ceil(self.geometry.block_bytes);
        // ORDER: Acquire pairs with the Release in `note_freed`: blocks freed before it are seen.
        let freed = self.state.freed.load(Ordering::Acquire);
        if self.hints.is_too_many(count, freed) {
            return Err(MessageAttempt::NoBlocks);
        }
        let word = BlockWord::owned_by(me);
        let mut chain = BlockChain { blocks: Vec::with_capacity(count), word };
        let start = (self.hints.block.load(Ordering::Relaxed) as usize).min(self.geometry.blocks);
        for block in (start..self.geometry.blocks).chain(0..start) {
            let (entry, _) = self.entry(block).ok_or(MessageAttempt::Corrupt)?;
            // ORDER: Acquire pairs with the Release in `free`: the reads of the old message are
            // done.
            if entry.load(Ordering::Relaxed) == BlockWord::FREE.bits()
                && entry
                    .compare_exchange(
                        BlockWord::FREE.bits(),
                        word.bits(),
                        Ordering::Acquire,
                        Ordering::Relaxed,
                    )
                    .is_ok()
            {
                chain.blocks.push(block as u32);
                if chain.blocks.len() == count {
                    // Where it began: those blocks are likely to be free again, and in the caches.
                    self.hints.block.store(chain.first(), Ordering::Relaxed);
                    return Ok(chain);
                }
            }
        }
        // Another producer may have failed because of these.
        if self.free(&chain) == freed {
            self.hints.note_too_many(count, freed.wrapping_add(u64::from(!chain.blocks.is_empty())));
        }
        Err(MessageAttempt::NoBlocks)
    }

    /// Frees the blocks of a message that was taken, or that is in no slot. A participant that
    /// repairs may free some of them at the same time. Returns `freed` before.
    #[inline]
    pub(super) fn free(&self, chain: &BlockChain) -> u64 {
        if chain.blocks.is_empty() {
            return self.state.freed.load(Ordering::Relaxed);
        }
        for block in &chain.blocks {
            if let Some((entry, _)) = self.entry(*block as usize) {
                Self::free_block(entry, chain.word);
            }
        }
        self.note_freed()
    }

    /// Frees a block, unless its word is another by now.
    pub(super) fn free_block(entry: &AtomicU64, word: BlockWord) -> bool {
        // ORDER: Release pairs with the Acquire in `allocate`: the message is read before its
        // blocks are used again.
        entry
            .compare_exchange(word.bits(), BlockWord::FREE.bits(), Ordering::Release, Ordering::Relaxed)
            .is_ok()
    }

    /// Tells producers that a search for blocks may succeed. After the blocks are free.
    pub(super) fn note_freed(&self) -> u64 {
        // ORDER: Release pairs with the Acquire in `allocate`.
        self.state.freed.fetch_add(1, Ordering::Release)
    }

    /// Writes a message into its blocks: the bytes of `head`, which fit into one, and of `body`.
    pub(super) fn write_blocks(&self, chain: &BlockChain, head: &[u8], body: &[u8]) {
        let mut next = chain.blocks.iter().skip(1);
        let (mut head, mut body) = (head, body);
        for block in &chain.blocks {
            if let Some(words) = self.block(*block as usize) {
                let (piece, rest) = body.split_at((self.geometry.block_bytes - head.len()).min(body.len()));
                atomic_copy::store_owned(words, 0, head);
                atomic_copy::store_owned(words, head.len(), piece);
                (head, body) = (&[], rest);
            }
            if let (Some((_, link)), Some(next)) = (self.entry(*block as usize), next.next()) {
                link.store(u64::from(*next), Ordering::Relaxed);
            }
        }
    }

    /// Makes the blocks part of the message of this position, whose slot the caller is writing.
    pub(super) fn attach(&self, chain: &mut BlockChain, position: u64) {
        chain.word = BlockWord::attached_to(position);
        for block in &chain.blocks {
            if let Some((entry, _)) = self.entry(*block as usize) {
                // ORDER: Release pairs with the Acquire of a repair and the fence of a consumer that
                // finds a block of another message: each then sees the slot WRITING at least.
                entry.store(chain.word.bits(), Ordering::Release);
            }
        }
    }

    /// Copies a message out of its blocks; `None` if the words are no message's.
    pub(super) fn copy_blocks(
        &self,
        payload: &[AtomicU64],
        position: u64,
        length: usize,
        message: &mut Vec<u8>,
    ) -> Option<BlockChain> {
        // The longest length at most, so that no damage makes this reserve more.
        let chain = self.chain_of(payload, position, length)?;
        message.reserve_exact(length);
        for block in &chain.blocks {
            let piece = (length - message.len()).min(self.geometry.block_bytes);
            let words = self.block(*block as usize)?;
            // A longer message has moved to a record by now, or another consumer takes it first.
            if length > self.geometry.copied_at_once {
                atomic_copy::append_owned(words, piece, message);
            } else {
                atomic_copy::append(words, piece, message);
            }
        }
        Some(chain)
    }

    /// The blocks of a message; `None` if the words are no message's.
    pub(super) fn chain_of(&self, payload: &[AtomicU64], position: u64, length: usize) -> Option<BlockChain> {
        let mut chain = BlockChain { blocks: Vec::new(), word: BlockWord::attached_to(position) };
        if length <= INLINE_BYTES {
            return Some(chain);
        }
        if length > self.geometry.max_message() {
            return None;
        }
        let count = length.div_ceil(self.geometry.block_bytes);
        chain.blocks.reserve_exact(count);
        let mut block = payload.get(1)?.load(Ordering::Relaxed);
        for _ in 0..count {
            let (entry, next) = self.entry(usize::try_from(block).ok()?)?;
            // Whatever the link says: what is not of this message is not copied.
            if entry.load(Ordering::Relaxed) != chain.word.bits() {
                return None;
            }
            chain.blocks.push(block as u32);
            block = next.load(Ordering::Relaxed);
        }
        Some(chain)
    }
}
