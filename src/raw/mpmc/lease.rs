//! Messages in somebody's hands: leased, acknowledged, returned, and taken back from the dead.

use core::mem::MaybeUninit;

use super::slot_word::{MpmcSlotState, MpmcSlotWord};
use super::{BusySlot, MpmcAttempt, MpmcRing, SlotRef};
use crate::primitive::Ordering;
use crate::raw::atomic_copy;

/// A slot that is in somebody's hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeasedSlot {
    index: u64,
    /// Whether the message was in other hands before.
    pub(crate) redelivered: bool,
}

/// There may be slots that were returned.
const RETURNED_FLAG: u64 = 1;
/// Tells one return from the next.
const RETURNED_STEP: u64 = 2;

impl<'a> MpmcRing<'a> {
    /// Takes the next message into participant `me`'s hands, and copies it out.
    pub(crate) fn try_lease(
        &self,
        me: u32,
        message: &mut [MaybeUninit<u8>],
    ) -> Result<LeasedSlot, MpmcAttempt> {
        let mut leased = None;
        let take = |slot: SlotRef<'a>, found: MpmcSlotWord| {
            let taken = slot.move_from(found, MpmcSlotWord::new(found.lap(), me, MpmcSlotState::Leased));
            if taken {
                atomic_copy::load(slot.payload, message);
                leased = Some((slot.index, found.state() == MpmcSlotState::Returned));
            }
            taken
        };
        let attempt = self.take_any(take);
        match leased {
            Some((index, redelivered)) => Ok(LeasedSlot { index, redelivered }),
            None => Err(attempt),
        }
    }

    /// Finds a message, one that was returned before all others; `take` takes it from its slot.
    #[inline(always)]
    pub(super) fn take_any(&self, mut take: impl FnMut(SlotRef<'a>, MpmcSlotWord) -> bool) -> MpmcAttempt {
        // ORDER: Acquire pairs with the Release in `set_returned`.
        let returned = self.state.returned.load(Ordering::Acquire);
        if returned & RETURNED_FLAG != 0 && self.take_returned(returned, &mut take) {
            return MpmcAttempt::Done;
        }
        self.try_take(take)
    }

    #[cold]
    fn take_returned(&self, mark: u64, take: &mut dyn FnMut(SlotRef<'a>, MpmcSlotWord) -> bool) -> bool {
        for slot in self.all_slots() {
            loop {
                // ORDER: Acquire pairs with the Release of who wrote the message, and of who returned it.
                let found = MpmcSlotWord::from(slot.word.load(Ordering::Acquire));
                if found.state() != MpmcSlotState::Returned {
                    break;
                }
                // Again, where a producer has skipped the slot meanwhile: the message is still there.
                if take(slot, found) {
                    return true;
                }
            }
        }
        // ORDER: relaxed; fails where one was returned meanwhile, and then the mark stays.
        let _ = self.state.returned.compare_exchange(
            mark,
            mark & !RETURNED_FLAG,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        false
    }

    /// Ends a lease of participant `me`: the message has been dealt with. **The compare-and-swap is the commit.**
    pub(crate) fn ack(&self, me: u32, leased: LeasedSlot) -> bool {
        self.end_lease(me, leased, |found| MpmcSlotWord::new(found.lap().next(), 0, MpmcSlotState::Free))
    }

    /// Ends a lease of participant `me`: the message goes to the next who asks.
    pub(crate) fn give_back(&self, me: u32, leased: LeasedSlot) -> bool {
        let given =
            self.end_lease(me, leased, |found| MpmcSlotWord::new(found.lap(), 0, MpmcSlotState::Returned));
        if given {
            self.set_returned();
        }
        given
    }

    fn end_lease(&self, me: u32, leased: LeasedSlot, end: impl Fn(MpmcSlotWord) -> MpmcSlotWord) -> bool {
        let Some(slot) = self.slot(leased.index) else { return false };
        loop {
            let found = MpmcSlotWord::from(slot.word.load(Ordering::Relaxed));
            if found.state() != MpmcSlotState::Leased || found.owner() != me {
                return false;
            }
            // Fails where a producer has skipped the slot meanwhile.
            if slot.move_from(found, end(found)) {
                return true;
            }
        }
    }

    /// Marks that there may be returned slots. Behind the return: who finds the mark finds the slot. A process that is killed
    /// between the two leaves this to its repair.
    fn set_returned(&self) {
        let mark = |returned: u64| Some((returned | RETURNED_FLAG).wrapping_add(RETURNED_STEP));
        // ORDER: Release pairs with the Acquire in `take_any`.
        let _ = self.state.returned.fetch_update(Ordering::Release, Ordering::Relaxed, mark);
    }

    /// Undoes what a dead participant has left in a slot. `true` where the slot is as it was found no more.
    pub(crate) fn repair_slot(&self, busy: BusySlot) -> bool {
        let BusySlot { index, word } = busy;
        let Some(slot) = self.slot(index) else { return false };
        let repaired = match word.state() {
            MpmcSlotState::Writing => MpmcSlotWord::new(word.lap().next(), 0, MpmcSlotState::Free),
            MpmcSlotState::Leased => MpmcSlotWord::new(word.lap(), 0, MpmcSlotState::Returned),
            _ => return false,
        };
        let moved = slot.move_from(word, repaired);
        self.state.repairs.add(moved.into());
        moved
    }

    /// Undoes what a participant that is proven dead was at work on. Idempotent.
    pub(crate) fn repair(&self, dead: u32) {
        let mut returned = false;
        for slot in self.all_slots() {
            // ORDER: Acquire pairs with the Release of who brought the slot to this state.
            let mut word = MpmcSlotWord::from(slot.word.load(Ordering::Acquire));
            let is_of_the_dead = |word: MpmcSlotWord| {
                word.owner() == dead && matches!(word.state(), MpmcSlotState::Writing | MpmcSlotState::Leased)
            };
            // Again, where a producer has skipped the slot meanwhile.
            while is_of_the_dead(word) && !self.repair_slot(BusySlot { index: slot.index, word }) {
                word = MpmcSlotWord::from(slot.word.load(Ordering::Acquire));
            }
            let word = MpmcSlotWord::from(slot.word.load(Ordering::Relaxed));
            returned |= word.state() == MpmcSlotState::Returned;
        }
        if returned {
            self.set_returned();
        }
    }

    /// Whether there is a message that participant `me` may still get: one in the ring, or in another's hands.
    #[cold]
    pub(crate) fn could_still_receive(&self, me: u32) -> bool {
        self.all_slots().any(|slot| {
            // ORDER: Acquire, so that a look for a message behind this finds the one that is seen here.
            let word = MpmcSlotWord::from(slot.word.load(Ordering::Acquire));
            match word.state() {
                MpmcSlotState::Free | MpmcSlotState::Unknown => false,
                MpmcSlotState::Leased => word.owner() != me,
                MpmcSlotState::Writing | MpmcSlotState::Full => true,
                MpmcSlotState::Returned => {
                    // Its giver may have died before the mark, or is about to set it.
                    self.set_returned();
                    true
                }
            }
        })
    }

    /// The slots that are there: of a damaged ring, or of its beginning only, fewer than its capacity.
    pub(super) fn all_slots(&self) -> impl Iterator<Item = SlotRef<'a>> {
        let ring = *self;
        let there = (self.slots.len() / self.geometry.slot_words) as u64;
        (0..self.geometry.capacity.min(there)).filter_map(move |index| ring.slot(index))
    }

    /// Whether a producer that skips what lies at `position` comes to a slot that it can use.
    pub(super) fn has_room_beyond(&self, position: u64) -> bool {
        let mut position = position;
        for _ in 1..self.geometry.capacity() {
            position = self.geometry.next(position);
            let Some(slot) = self.slot(position) else { return false };
            let found = MpmcSlotWord::from(slot.word.load(Ordering::Relaxed));
            match found.state() {
                MpmcSlotState::Leased | MpmcSlotState::Returned => {}
                MpmcSlotState::Free => return slot.lap == found.lap(),
                _ => return false,
            }
        }
        false
    }
}
