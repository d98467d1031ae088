//! The word of a slot: `{lap:44 | owner:16 | state:4}`.

/// Which use of a slot: a number that wraps around at 2^44, so that only how far two laps are apart means anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lap(u64);

const LAP_BITS: u32 = 44;
const LAP_MASK: u64 = (1 << LAP_BITS) - 1;
const OWNER_AT: u32 = 4;
const LAP_AT: u32 = 20;

impl Lap {
    #[inline(always)]
    pub(super) const fn new(number: u64) -> Self {
        Self(number & LAP_MASK)
    }

    #[inline(always)]
    pub(super) const fn number(self) -> u64 {
        self.0
    }

    #[inline(always)]
    pub(super) const fn next(self) -> Self {
        Self::new(self.0 + 1)
    }

    pub(super) const fn before(self) -> Self {
        Self::new(self.0.wrapping_sub(1))
    }

    /// Laps from this one to `other`; negative where `other` is the earlier one.
    #[inline(always)]
    pub(super) const fn distance_to(self, other: Self) -> i64 {
        self.distance_within(other, LAP_BITS)
    }

    /// The same, where only so many of the lower bits are known.
    #[inline(always)]
    pub(super) const fn distance_within(self, other: Self, bits: u32) -> i64 {
        let unknown = 64 - if bits < LAP_BITS { bits } else { LAP_BITS };
        // The upper bits' sign is the difference's.
        (other.0.wrapping_sub(self.0) << unknown) as i64 >> unknown
    }
}

/// What a slot is for right now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MpmcSlotState {
    Free,
    Writing,
    Full,
    Leased,
    Returned,
    /// No state at all.
    Unknown,
}

/// A slot's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MpmcSlotWord(u64);

impl MpmcSlotWord {
    #[inline(always)]
    pub(super) const fn new(lap: Lap, owner: u32, state: MpmcSlotState) -> Self {
        Self(lap.0 << LAP_AT | (owner as u64 & 0xffff) << OWNER_AT | state as u64)
    }

    #[inline(always)]
    pub(super) const fn lap(self) -> Lap {
        Lap(self.0 >> LAP_AT)
    }

    #[inline(always)]
    pub(super) const fn owner(self) -> u32 {
        (self.0 >> OWNER_AT & 0xffff) as u32
    }

    #[inline(always)]
    pub(super) const fn state(self) -> MpmcSlotState {
        match self.0 & 0xf {
            0 => MpmcSlotState::Free,
            1 => MpmcSlotState::Writing,
            2 => MpmcSlotState::Full,
            3 => MpmcSlotState::Leased,
            4 => MpmcSlotState::Returned,
            _ => MpmcSlotState::Unknown,
        }
    }

    /// The same in another lap.
    pub(super) const fn in_lap(self, lap: Lap) -> Self {
        Self::new(lap, self.owner(), self.state())
    }
}

impl From<u64> for MpmcSlotWord {
    #[inline(always)]
    fn from(word: u64) -> Self {
        Self(word)
    }
}

impl From<MpmcSlotWord> for u64 {
    #[inline(always)]
    fn from(word: MpmcSlotWord) -> Self {
        word.0
    }
}
