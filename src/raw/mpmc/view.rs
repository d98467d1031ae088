//! A ring for whoever only looks: what is seen may be over by the time it is told, and damaged bytes make numbers without meaning.

use super::MpmcRing;
use super::slot_word::{MpmcSlotState, MpmcSlotWord};
use crate::primitive::Ordering;

/// What goes on in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlotUse {
    /// This participant writes a message.
    Writes(u32),
    /// This participant has one in its hands.
    Leases(u32),
    /// It holds one that somebody has let fall.
    Returned,
}

impl MpmcRing<'_> {
    /// Positions that producers have passed since the ring was made: messages pushed, about.
    pub(crate) fn passed_by_producers(&self) -> u64 {
        self.passed(self.pushed())
    }

    /// And consumers.
    pub(crate) fn passed_by_consumers(&self) -> u64 {
        self.passed(self.popped())
    }

    fn passed(&self, position: u64) -> u64 {
        self.geometry.distance(0, position).max(0) as u64
    }

    /// Who is at work in the slots.
    pub(crate) fn slot_uses(&self) -> impl Iterator<Item = SlotUse> {
        self.all_slots().filter_map(|slot| {
            let word = MpmcSlotWord::from(slot.word.load(Ordering::Relaxed));
            match word.state() {
                MpmcSlotState::Writing => Some(SlotUse::Writes(word.owner())),
                MpmcSlotState::Leased => Some(SlotUse::Leases(word.owner())),
                MpmcSlotState::Returned => Some(SlotUse::Returned),
                MpmcSlotState::Free | MpmcSlotState::Full | MpmcSlotState::Unknown => None,
            }
        })
    }
}
