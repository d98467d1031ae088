//! The word of a slot: `{ticket:44 | owner:16 | state:4}`.

/// Who came when: a number that wraps around at 2^44, so that only how far two tickets are apart means anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CondvarTicket(u64);

const TICKET_BITS: u32 = 44;
const OWNER_AT: u32 = 4;
const TICKET_AT: u32 = 20;

impl CondvarTicket {
    pub(super) const fn new(number: u64) -> Self {
        Self(number & ((1 << TICKET_BITS) - 1))
    }

    /// Whether it came before `other`.
    pub(super) const fn is_before(self, other: Self) -> bool {
        // The upper bits' sign is the difference's.
        ((self.0.wrapping_sub(other.0) << (64 - TICKET_BITS)) as i64) < 0
    }
}

/// What a slot is for right now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CondvarSlotState {
    Free,
    Waiting,
    Notified,
    /// No state at all.
    Unknown,
}

/// A slot's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CondvarSlotWord(u64);

impl CondvarSlotWord {
    pub(super) const FREE: Self = Self(0);

    pub(super) const fn waiting(ticket: CondvarTicket, owner: u32) -> Self {
        Self(ticket.0 << TICKET_AT | (owner as u64 & 0xffff) << OWNER_AT | CondvarSlotState::Waiting as u64)
    }

    /// The same waiter, notified.
    pub(super) const fn notified(self) -> Self {
        Self(self.0 & !0xf | CondvarSlotState::Notified as u64)
    }

    pub(super) const fn ticket(self) -> CondvarTicket {
        CondvarTicket(self.0 >> TICKET_AT)
    }

    pub(super) const fn owner(self) -> u32 {
        (self.0 >> OWNER_AT & 0xffff) as u32
    }

    pub(super) const fn state(self) -> CondvarSlotState {
        match self.0 & 0xf {
            0 => CondvarSlotState::Free,
            1 => CondvarSlotState::Waiting,
            2 => CondvarSlotState::Notified,
            _ => CondvarSlotState::Unknown,
        }
    }
}

impl From<u64> for CondvarSlotWord {
    fn from(word: u64) -> Self {
        Self(word)
    }
}

impl From<CondvarSlotWord> for u64 {
    fn from(word: CondvarSlotWord) -> Self {
        word.0
    }
}
