//! The word of a slot: `{ticket:44 | owner:16 | state:4}`.

use crate::raw::packed_word::{PackedWord, WrappingNumber};

/// In which order waiters came.
pub(super) type CondvarTicket = WrappingNumber;

/// What a slot is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CondvarSlotState {
    Free,
    Waiting,
    Notified,
    /// A number that no participant stores here.
    Unknown,
}

/// A slot's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CondvarSlotWord(PackedWord);

impl CondvarSlotWord {
    pub(super) const FREE: Self = Self(PackedWord::ZERO);

    /// The word of a waiter: participant `owner`, with this ticket.
    #[inline(always)]
    pub(super) const fn waiting(ticket: CondvarTicket, owner: u32) -> Self {
        Self(PackedWord::new(ticket, owner, CondvarSlotState::Waiting as u64))
    }

    /// The word of this waiter once it is notified.
    #[inline(always)]
    pub(super) const fn notified(self) -> Self {
        Self(self.0.with_state(CondvarSlotState::Notified as u64))
    }

    #[inline(always)]
    pub(super) const fn ticket(self) -> CondvarTicket {
        self.0.number()
    }

    #[inline(always)]
    pub(super) const fn owner(self) -> u32 {
        self.0.owner()
    }

    #[inline(always)]
    pub(super) const fn state(self) -> CondvarSlotState {
        match self.0.state() {
            0 => CondvarSlotState::Free,
            1 => CondvarSlotState::Waiting,
            2 => CondvarSlotState::Notified,
            _ => CondvarSlotState::Unknown,
        }
    }
}

impl From<u64> for CondvarSlotWord {
    #[inline(always)]
    fn from(word: u64) -> Self {
        Self(PackedWord::from_bits(word))
    }
}

impl From<CondvarSlotWord> for u64 {
    #[inline(always)]
    fn from(word: CondvarSlotWord) -> Self {
        word.0.bits()
    }
}
