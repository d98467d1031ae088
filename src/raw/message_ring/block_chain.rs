//! The word of a block's entry, and the blocks of a message.

use core::fmt;

const STATE_BITS: u32 = 4;
const OWNED: u64 = 1;
const ATTACHED: u64 = 2;

/// The word of a block's entry: `{owner or position: 60 | state: 4}`. Of a position, the lower 60
/// bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockWord(u64);

/// What a block's word says.
pub(super) enum BlockUse {
    Free,
    OwnedBy(u64),
    /// Of the message of this position, as far as its bits go.
    AttachedTo(u64),
}

impl BlockWord {
    pub(super) const FREE: Self = Self(0);

    pub(super) fn owned_by(me: u32) -> Self {
        Self((me as u64) << STATE_BITS | OWNED)
    }

    pub(super) fn attached_to(position: u64) -> Self {
        Self(position << STATE_BITS | ATTACHED)
    }

    pub(super) fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    pub(super) fn bits(self) -> u64 {
        self.0
    }

    /// `None` if no participant stores such a word.
    pub(super) fn block_use(self) -> Option<BlockUse> {
        match self.0 & ((1 << STATE_BITS) - 1) {
            _ if self == Self::FREE => Some(BlockUse::Free),
            OWNED => Some(BlockUse::OwnedBy(self.0 >> STATE_BITS)),
            ATTACHED => Some(BlockUse::AttachedTo(self.0 >> STATE_BITS)),
            _ => None,
        }
    }
}

impl fmt::Debug for BlockWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// The blocks of a message, in order: a private copy of the links, so that a participant that frees
/// them reads none that another participant may have freed too.
#[derive(Debug)]
pub(super) struct BlockChain {
    pub(super) blocks: Vec<u32>,
    /// The word of each.
    pub(super) word: BlockWord,
}

impl Default for BlockChain {
    fn default() -> Self {
        Self { blocks: Vec::new(), word: BlockWord::FREE }
    }
}

impl BlockChain {
    /// The first block's number.
    pub(super) fn first(&self) -> u64 {
        self.blocks.first().map_or(0, |first| u64::from(*first))
    }
}
