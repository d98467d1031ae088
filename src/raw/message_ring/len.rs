//! How many messages there are, and whether any is left.

use core::cmp;

use super::record_word::RecordState;
use super::records::RecordRef;
use super::{MessageRing, MpmcSlotState, MpmcSlotWord};
use crate::primitive::Ordering;

/// Used slots of a part of the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SlotsUsed {
    full: u64,
    writing: u64,
}

/// Who holds a record's message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RecordHolder {
    /// The record has none.
    None,
    /// The next consumer gets it.
    Consumers,
    Participant(u32),
}

/// Looks at a record that changes meanwhile.
const MAX_LOOKS: u32 = 64;

impl<'a> MessageRing<'a> {
    /// Messages to be had. The number is exact while no participant is at work.
    pub(crate) fn len(&self) -> u64 {
        self.slots_used().full.saturating_add(self.count_records(|word| word == RecordState::Returned))
    }

    /// Messages to be had, and leased ones. The number is exact while no participant is at work.
    pub(crate) fn unfinished(&self) -> u64 {
        let leaving = self.all_records().filter(|record| self.is_leaving(record)).count() as u64;
        let is_used =
            |state| matches!(state, RecordState::Leased | RecordState::Again | RecordState::Returned);
        self.slots_used().full.saturating_add(self.count_records(is_used)).saturating_add(leaving)
    }

    fn count_records(&self, counts: impl Fn(RecordState) -> bool) -> u64 {
        self.all_records().filter(|record| counts(record.word().state())).count() as u64
    }

    /// Whether the record's message is leaving its slot, which its owner has taken for this record.
    pub(super) fn is_leaving(&self, record: &RecordRef<'_>) -> bool {
        let word = record.word();
        if word.state() != RecordState::Claimed {
            return false;
        }
        let position = record.position();
        let taken = MpmcSlotWord::new(self.geometry.ring.lap(position), word.owner(), MpmcSlotState::Taken);
        let slot = self.ring.slot(position);
        // ORDER: Acquire pairs with the Release that freed the slot: if it is, the record is seen
        // moved.
        slot.is_some_and(|slot| slot.word.load(Ordering::Acquire) == u64::from(taken))
    }

    /// How many slots are used from the first position that is not popped to the first that is not
    /// pushed.
    fn slots_used(&self) -> SlotsUsed {
        let tail = self.ring.first_unpushed();
        self.slots_used_between(self.ring.first_unpopped(tail), tail)
    }

    fn slots_used_between(&self, head: u64, tail: u64) -> SlotsUsed {
        let mut used = SlotsUsed { full: 0, writing: 0 };
        let mut position = head;
        for _ in 0..self.geometry.messages() {
            let Some(slot) = self.ring.slot(position).filter(|_| position != tail) else { break };
            // ORDER: Acquire pairs with the Release of the participant that brought the slot to this
            // state.
            let found = MpmcSlotWord::from(slot.word.load(Ordering::Acquire));
            if found.lap() == self.geometry.ring.lap(position) {
                used.full += u64::from(found.state() == MpmcSlotState::Full);
                used.writing += u64::from(found.state() == MpmcSlotState::Writing);
            }
            position = self.geometry.ring.next(position);
        }
        used
    }

    /// Whether at some moment during this call no message was left, neither in the ring nor leased.
    /// A push that has not committed does not count.
    ///
    /// A message goes from its slot to a record and from there away, and is seen in the record
    /// before it has left the slot. So one that is there all the time is found, if the slots are
    /// read first. If no message was pushed meanwhile, none of the others is left: no position was
    /// claimed, and the claimed ones are still being written.
    pub(crate) fn is_idle(&self) -> bool {
        let tail = self.ring.first_unpushed();
        let head = self.ring.first_unpopped(tail);
        let used = self.slots_used_between(head, tail);
        if used.full > 0 {
            return false;
        }
        let is_busy = |record: RecordRef<'a>| self.holder_of(&record) != RecordHolder::None;
        !self.all_records().any(is_busy)
            && self.ring.first_unpushed() == tail
            && self.slots_used_between(head, tail) == used
    }

    /// Who holds the record's message, which may be leaving its slot.
    fn holder_of(&self, record: &RecordRef<'_>) -> RecordHolder {
        // Twice at most, unless the record is claimed again and again meanwhile.
        for _ in 0..MAX_LOOKS {
            let word = record.word();
            match word.state() {
                RecordState::Free | RecordState::Unknown => return RecordHolder::None,
                RecordState::Returned => return RecordHolder::Consumers,
                RecordState::Claimed if !self.is_leaving(record) => {
                    // Otherwise the message has left the slot since, and is leased.
                    if record.word() == word {
                        return RecordHolder::None;
                    }
                }
                RecordState::Claimed | RecordState::Leased | RecordState::Again => {
                    return RecordHolder::Participant(word.owner());
                }
            }
        }
        RecordHolder::Consumers
    }

    /// Whether participant `me` may still get a message: one in the ring, or one that is leased. Of
    /// the leases of `me`, as many do not count as the caller `holds` itself.
    #[cold]
    pub(crate) fn could_still_receive(&self, me: u32, holds: impl Fn() -> u64) -> bool {
        let tail = self.ring.first_unpushed();
        if self.ring.first_unpopped(tail) != tail {
            return true;
        }
        let mut own_leases = 0;
        for record in self.all_records() {
            match self.holder_of(&record) {
                RecordHolder::None => {}
                RecordHolder::Consumers => {
                    // The participant that returned it may have died before it noted that.
                    self.note_returned();
                    return true;
                }
                RecordHolder::Participant(owner) if owner == me => own_leases += 1,
                RecordHolder::Participant(_) => return true,
            }
        }
        // Asked for after the records were read, so that a lease that has ended meanwhile counts on
        // neither side.
        own_leases > 0 && own_leases > holds()
    }

    /// Which of two positions comes first.
    pub(super) fn order(&self, one: u64, other: u64) -> cmp::Ordering {
        0.cmp(&self.geometry.ring.distance(one, other))
    }
}
