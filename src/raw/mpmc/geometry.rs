//! The geometry of a ring: how a position is split into lap and index.

use super::slot_word::Lap;
use super::slot_words;

/// The lengths of a ring: read once at opening, checked, and kept in private memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MpmcGeometry {
    pub(super) capacity: u64,
    pub(super) slot_words: usize,
    /// Bits of a position below its lap.
    index_bits: u32,
}

impl MpmcGeometry {
    /// The geometry of a ring of `capacity` slots, at least one, for messages of `size` bytes.
    pub(crate) fn new(capacity: u64, size: usize) -> Self {
        let index_bits = capacity.next_power_of_two().trailing_zeros();
        Self { capacity, slot_words: slot_words(size), index_bits }
    }

    pub(crate) fn capacity(&self) -> u64 {
        self.capacity
    }

    #[inline(always)]
    pub(in crate::raw) fn position(&self, lap: Lap, index: u64) -> u64 {
        lap.get() << self.index_bits | index
    }

    #[inline(always)]
    pub(in crate::raw) fn lap(&self, position: u64) -> Lap {
        Lap::new(position >> self.index_bits)
    }

    #[inline(always)]
    pub(in crate::raw) fn index(&self, position: u64) -> u64 {
        position & ((1 << self.index_bits) - 1)
    }

    /// The position after this one.
    #[inline(always)]
    pub(in crate::raw) fn next(&self, position: u64) -> u64 {
        let index = self.index(position) + 1;
        // The last slot's successor is the first slot, one lap on. With a capacity that is no power
        // of two, the indices between the two do not exist.
        if index < self.capacity { position + 1 } else { self.position(self.lap(position).next(), 0) }
    }

    /// Positions from `from` to `to`; negative if `to` is the earlier one.
    pub(in crate::raw) fn distance(&self, from: u64, to: u64) -> i64 {
        let bits = self.index_bits.min(63);
        // In a large ring, a position has no room for all bits of a lap: those shifted out at the
        // top are unknown.
        let laps = self.lap(from).distance_within(self.lap(to), 64 - bits);
        let indices = self.index(to) as i64 - self.index(from) as i64;
        laps.saturating_mul(self.capacity as i64).saturating_add(indices)
    }
}
