//! Where returned messages are to be searched for: one word, so that a consumer finds a message
//! that was given back without a search of the whole ring.
//!
//! The word is `{count:30 | index:32 | extent:2}`. It speaks of the slots whose return has been
//! noted:
//!
//! | extent | none of them is RETURNED, except perhaps |
//! |---|---|
//! | NONE | – |
//! | ONE | the slot `index` |
//! | FROM | the slots from `index` on |
//!
//! A return is noted after the slot's word has become RETURNED, and each note changes the count. A
//! consumer that has searched these slots narrows the word by a CAS, which fails if a return was
//! noted meanwhile. If a participant is killed between the return and the note, its repair notes it.

use super::slot_word::{MpmcSlotState, MpmcSlotWord};
use super::{MpmcRing, SlotRef};
use crate::primitive::Ordering;

const EXTENT: u64 = 0b11;
const NONE: u64 = 0;
const ONE: u64 = 1;
const FROM: u64 = 2;

const INDEX: u32 = 2;
const COUNT: u32 = 34;
/// Stands for itself and for all slots after it.
const LAST_INDEX: u64 = u32::MAX as u64;

/// Which slots may be RETURNED.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReturnedSlots {
    None,
    One(u64),
    From(u64),
}

/// The word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ReturnedMark(u64);

impl ReturnedMark {
    fn slots(self) -> ReturnedSlots {
        let index = self.0 >> INDEX & LAST_INDEX;
        match self.0 & EXTENT {
            NONE => ReturnedSlots::None,
            ONE => ReturnedSlots::One(index),
            FROM => ReturnedSlots::From(index),
            // No participant that keeps to the protocol stores that.
            _ => ReturnedSlots::From(0),
        }
    }

    fn with_slots(self, slots: ReturnedSlots) -> Self {
        let (extent, index) = match slots {
            ReturnedSlots::None => (NONE, 0),
            ReturnedSlots::One(index) if index < LAST_INDEX => (ONE, index),
            ReturnedSlots::One(index) | ReturnedSlots::From(index) => (FROM, index.min(LAST_INDEX)),
        };
        Self(self.0 >> COUNT << COUNT | index << INDEX | extent)
    }

    /// The word after another return, of slot `index`.
    fn noting(self, index: u64) -> Self {
        let slots = match self.slots() {
            ReturnedSlots::None => ReturnedSlots::One(index),
            ReturnedSlots::One(noted) if noted == index => ReturnedSlots::One(index),
            ReturnedSlots::One(noted) | ReturnedSlots::From(noted) => ReturnedSlots::From(noted.min(index)),
        };
        Self(self.0.wrapping_add(1 << COUNT)).with_slots(slots)
    }
}

impl<'a> MpmcRing<'a> {
    /// Takes a returned message, if one is noted.
    #[inline(always)]
    pub(super) fn take_returned(&self, take: &mut impl FnMut(SlotRef<'a>, MpmcSlotWord) -> bool) -> bool {
        // ORDER: Acquire pairs with the Release in `note_returned`.
        let mark = ReturnedMark(self.state.returned.load(Ordering::Acquire));
        mark.0 & EXTENT != NONE && self.search_returned(mark, take)
    }

    #[cold]
    fn search_returned(
        &self,
        mark: ReturnedMark,
        take: &mut dyn FnMut(SlotRef<'a>, MpmcSlotWord) -> bool,
    ) -> bool {
        let (first, end) = match mark.slots() {
            ReturnedSlots::None => return false,
            ReturnedSlots::One(index) => (index, index + 1),
            ReturnedSlots::From(index) => (index, u64::MAX),
        };
        let taken = self.slots_in(first, end).find(|slot| Self::take_if_returned(*slot, take));
        let left = match (taken, mark.slots()) {
            // The next search goes on where this one has found a message.
            (Some(slot), ReturnedSlots::From(_)) => ReturnedSlots::From(slot.index),
            _ => ReturnedSlots::None,
        };
        // ORDER: relaxed. If a return was noted meanwhile, the count has changed, the CAS fails and
        // the word stays.
        let _ = self.state.returned.compare_exchange(
            mark.0,
            mark.with_slots(left).0,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        taken.is_some()
    }

    fn take_if_returned(slot: SlotRef<'a>, take: &mut dyn FnMut(SlotRef<'a>, MpmcSlotWord) -> bool) -> bool {
        loop {
            // ORDER: Acquire pairs with the Release of the producer that wrote the message, and of
            // the participant that returned it.
            let found = MpmcSlotWord::from(slot.word.load(Ordering::Acquire));
            if found.state() != MpmcSlotState::Returned {
                return false;
            }
            // If `take` fails because a producer has skipped the slot meanwhile, the message is
            // still there: look again.
            if take(slot, found) {
                return true;
            }
        }
    }

    /// Notes that slot `index` was returned. After the return, so that a consumer that finds the
    /// note finds the slot.
    pub(super) fn note_returned(&self, index: u64) {
        let note = |word: u64| Some(ReturnedMark(word).noting(index).0);
        // ORDER: Release pairs with the Acquire in `take_returned`.
        let _ = self.state.returned.fetch_update(Ordering::Release, Ordering::Relaxed, note);
    }

    /// Returned messages, counted where a return is noted.
    pub(super) fn returned_len(&self) -> u64 {
        let mark = ReturnedMark(self.state.returned.load(Ordering::Acquire));
        let (first, end) = match mark.slots() {
            ReturnedSlots::None => return 0,
            ReturnedSlots::One(index) => (index, index + 1),
            ReturnedSlots::From(index) => (index, u64::MAX),
        };
        let is_returned = |slot: &SlotRef<'_>| {
            MpmcSlotWord::from(slot.word.load(Ordering::Relaxed)).state() == MpmcSlotState::Returned
        };
        self.slots_in(first, end).filter(is_returned).count() as u64
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn after(returns: &[u64]) -> ReturnedMark {
        returns.iter().fold(ReturnedMark(0), |mark, index| mark.noting(*index))
    }

    #[test]
    fn returned_mark_noting_covers_every_return() {
        assert_eq!(after(&[]).slots(), ReturnedSlots::None);
        assert_eq!(after(&[7]).slots(), ReturnedSlots::One(7));
        assert_eq!(after(&[7, 7]).slots(), ReturnedSlots::One(7));
        assert_eq!(after(&[7, 9]).slots(), ReturnedSlots::From(7));
        assert_eq!(after(&[9, 7, 8]).slots(), ReturnedSlots::From(7));
        // A slot whose index the word has no room for.
        assert_eq!(after(&[1 << 33]).slots(), ReturnedSlots::From(LAST_INDEX));
    }

    #[test]
    fn returned_mark_noting_changes_the_word() {
        let mut mark = after(&[7]);
        for _ in 0..3 {
            let next = mark.noting(7);
            assert_ne!(next, mark);
            assert_eq!(next.slots(), mark.slots());
            mark = next;
        }
        let cleared = mark.with_slots(ReturnedSlots::None);
        assert_ne!(cleared.noting(7), mark);
        // The count wraps around and touches nothing else.
        assert_eq!(ReturnedMark(u64::MAX << COUNT).noting(3), ReturnedMark(3 << INDEX | ONE));
    }
}
