//! A message ring for inspection: what is read may have changed by the time it is reported, and
//! damaged bytes give numbers without meaning.

use super::MessageRing;
use super::record_word::RecordState;
use crate::raw::mpmc::SlotUse;

impl MessageRing<'_> {
    /// Positions that producers have passed since the ring was made: messages pushed, about.
    pub(crate) fn passed_by_producers(&self) -> u64 {
        self.ring.passed_by_producers()
    }

    /// Positions that consumers have passed since the ring was made: messages popped or leased,
    /// about.
    pub(crate) fn passed_by_consumers(&self) -> u64 {
        self.ring.passed_by_consumers()
    }

    /// Participants that write messages.
    pub(crate) fn writers(&self) -> impl Iterator<Item = u32> {
        self.ring.slot_uses().filter_map(|slot_use| match slot_use {
            SlotUse::Writes(id) => Some(id),
            _ => None,
        })
    }

    /// Participants that have leased messages, one for each.
    pub(crate) fn lessees(&self) -> impl Iterator<Item = u32> {
        self.all_records()
            .map(|record| record.word())
            .filter(|word| word.is_leased())
            .map(|word| word.owner())
    }

    /// Messages whose lease ended without an acknowledgement.
    pub(crate) fn returned_len(&self) -> u64 {
        self.all_records().filter(|record| record.word().state() == RecordState::Returned).count() as u64
    }
}
