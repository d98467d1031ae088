//! The word of a record: `{number:44 | owner:16 | state:4}`. The number changes with each move.

use crate::raw::packed_word::{PackedWord, WrappingNumber};

/// What a record is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordState {
    Free,
    Claimed,
    Leased,
    /// Leased, and not for the first time.
    Again,
    Returned,
    /// A number that no participant stores here.
    Unknown,
}

/// A record's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct RecordWord(PackedWord);

impl RecordWord {
    pub(super) fn free(seed: u64) -> Self {
        Self(PackedWord::new(WrappingNumber::new(seed), 0, RecordState::Free as u64))
    }

    pub(super) fn owner(self) -> u32 {
        self.0.owner()
    }

    pub(super) fn state(self) -> RecordState {
        match self.0.state() {
            0 => RecordState::Free,
            1 => RecordState::Claimed,
            2 => RecordState::Leased,
            3 => RecordState::Again,
            4 => RecordState::Returned,
            _ => RecordState::Unknown,
        }
    }

    pub(super) fn is_leased(self) -> bool {
        matches!(self.state(), RecordState::Leased | RecordState::Again)
    }

    /// The word after a move to this owner and state.
    pub(super) fn moved_to(self, owner: u32, state: RecordState) -> Self {
        Self(PackedWord::new(self.0.number().next(), owner, state as u64))
    }
}

impl From<u64> for RecordWord {
    fn from(word: u64) -> Self {
        Self(PackedWord::from_bits(word))
    }
}

impl From<RecordWord> for u64 {
    fn from(word: RecordWord) -> Self {
        word.0.bits()
    }
}
