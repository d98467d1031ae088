//! The word of a slot: `{lap:44 | owner:16 | state:4}`.

use crate::raw::packed_word::{PackedWord, WrappingNumber};

/// How often the ring has used a slot.
pub(in crate::raw) type Lap = WrappingNumber;

/// What a slot is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::raw) enum MpmcSlotState {
    Free,
    Writing,
    Full,
    Leased,
    Returned,
    Taken,
    /// A number that no participant stores here.
    Unknown,
}

/// A slot's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::raw) struct MpmcSlotWord(PackedWord);

impl MpmcSlotWord {
    #[inline(always)]
    pub(in crate::raw) const fn new(lap: Lap, owner: u32, state: MpmcSlotState) -> Self {
        Self(PackedWord::new(lap, owner, state as u64))
    }

    #[inline(always)]
    pub(in crate::raw) const fn lap(self) -> Lap {
        self.0.number()
    }

    #[inline(always)]
    pub(in crate::raw) const fn owner(self) -> u32 {
        self.0.owner()
    }

    #[inline(always)]
    pub(in crate::raw) const fn state(self) -> MpmcSlotState {
        match self.0.state() {
            0 => MpmcSlotState::Free,
            1 => MpmcSlotState::Writing,
            2 => MpmcSlotState::Full,
            3 => MpmcSlotState::Leased,
            4 => MpmcSlotState::Returned,
            5 => MpmcSlotState::Taken,
            _ => MpmcSlotState::Unknown,
        }
    }

    /// Replaces the lap and keeps the owner and the state.
    pub(in crate::raw) const fn in_lap(self, lap: Lap) -> Self {
        Self::new(lap, self.owner(), self.state())
    }
}

impl From<u64> for MpmcSlotWord {
    #[inline(always)]
    fn from(word: u64) -> Self {
        Self(PackedWord::from_bits(word))
    }
}

impl From<MpmcSlotWord> for u64 {
    #[inline(always)]
    fn from(word: MpmcSlotWord) -> Self {
        word.0.bits()
    }
}
