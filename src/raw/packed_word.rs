//! A word `{number:44 | owner:16 | state:4}`: which use of a slot this is, which participant has
//! the slot, and what it does with it. One compare-and-swap moves all three.
//!
//! The number tells an old state of a slot from a new one with the same owner and state, so that a
//! participant that was stopped between its look and its compare-and-swap fails instead of moving
//! a later use (the ABA problem). A stopped participant is mistaken only if exactly 2^44 uses pass
//! meanwhile.

/// A number that wraps around at 2^44. Only the distance between two of them means anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WrappingNumber(u64);

/// A slot's word, with the state as a bare number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct PackedWord(u64);

const NUMBER_BITS: u32 = 44;
const NUMBER_MASK: u64 = (1 << NUMBER_BITS) - 1;
const NUMBER_AT: u32 = 20;
const OWNER_AT: u32 = 4;
const OWNER_MASK: u64 = 0xffff;
const STATE_MASK: u64 = 0xf;

impl WrappingNumber {
    /// The lower 44 bits of a count.
    #[inline(always)]
    pub(super) const fn new(count: u64) -> Self {
        Self(count & NUMBER_MASK)
    }

    #[inline(always)]
    pub(super) const fn get(self) -> u64 {
        self.0
    }

    #[inline(always)]
    pub(super) const fn next(self) -> Self {
        Self::new(self.0 + 1)
    }

    #[inline(always)]
    pub(super) const fn previous(self) -> Self {
        Self::new(self.0.wrapping_sub(1))
    }

    /// Steps from this number to `other`; negative if `other` is the earlier one.
    #[inline(always)]
    pub(super) const fn distance_to(self, other: Self) -> i64 {
        self.distance_within(other, NUMBER_BITS)
    }

    /// Steps from this number to `other` if only the lower `bits` bits of the two are known;
    /// negative if `other` is the earlier one.
    #[inline(always)]
    pub(super) const fn distance_within(self, other: Self, bits: u32) -> i64 {
        let unknown = 64 - if bits < NUMBER_BITS { bits } else { NUMBER_BITS };
        // With the unknown bits shifted out at the top, the word's sign is the difference's.
        (other.0.wrapping_sub(self.0) << unknown) as i64 >> unknown
    }

    /// Whether this number comes before `other`.
    #[inline(always)]
    pub(super) const fn is_before(self, other: Self) -> bool {
        other.distance_to(self) < 0
    }
}

impl PackedWord {
    /// All zeros: number 0, no owner, state 0.
    pub(super) const ZERO: Self = Self(0);

    /// Packs the three; of the owner's id, the lower 16 bits.
    #[inline(always)]
    pub(super) const fn new(number: WrappingNumber, owner: u32, state: u64) -> Self {
        Self(number.0 << NUMBER_AT | (owner as u64 & OWNER_MASK) << OWNER_AT | state)
    }

    #[inline(always)]
    pub(super) const fn number(self) -> WrappingNumber {
        WrappingNumber(self.0 >> NUMBER_AT)
    }

    #[inline(always)]
    pub(super) const fn owner(self) -> u32 {
        (self.0 >> OWNER_AT & OWNER_MASK) as u32
    }

    #[inline(always)]
    pub(super) const fn state(self) -> u64 {
        self.0 & STATE_MASK
    }

    /// Replaces the state and keeps the number and the owner.
    #[inline(always)]
    pub(super) const fn with_state(self, state: u64) -> Self {
        Self(self.0 & !STATE_MASK | state)
    }

    /// The word of these bits.
    #[inline(always)]
    pub(super) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    #[inline(always)]
    pub(super) const fn bits(self) -> u64 {
        self.0
    }
}
