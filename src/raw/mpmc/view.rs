//! A ring for inspection: what is read may have changed by the time it is reported, and damaged
//! bytes give numbers without meaning.

use super::MpmcRing;
use super::slot_word::{MpmcSlotState, MpmcSlotWord};
use crate::primitive::Ordering;

/// What a participant does in a slot, or has left in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlotUse {
    /// This participant writes a message.
    Writes(u32),
    /// This participant has leased the message.
    Leases(u32),
    /// This participant moves the message out of the ring.
    Takes(u32),
    /// The slot holds a message whose lease ended without an acknowledgement.
    Returned,
}

impl MpmcRing<'_> {
    /// Positions that producers have passed since the ring was made: messages pushed, about.
    pub(crate) fn passed_by_producers(&self) -> u64 {
        self.passed(self.pushed())
    }

    /// Positions that consumers have passed since the ring was made: messages popped or leased,
    /// about.
    pub(crate) fn passed_by_consumers(&self) -> u64 {
        self.passed(self.popped())
    }

    fn passed(&self, position: u64) -> u64 {
        self.geometry.distance(0, position).max(0) as u64
    }

    /// The slots that a participant writes or has leased, or that hold a returned message.
    pub(crate) fn slot_uses(&self) -> impl Iterator<Item = SlotUse> {
        self.all_slots().filter_map(|slot| {
            let word = MpmcSlotWord::from(slot.word.load(Ordering::Relaxed));
            match word.state() {
                MpmcSlotState::Writing => Some(SlotUse::Writes(word.owner())),
                MpmcSlotState::Leased => Some(SlotUse::Leases(word.owner())),
                MpmcSlotState::Taken => Some(SlotUse::Takes(word.owner())),
                MpmcSlotState::Returned => Some(SlotUse::Returned),
                MpmcSlotState::Free | MpmcSlotState::Full | MpmcSlotState::Unknown => None,
            }
        })
    }
}
