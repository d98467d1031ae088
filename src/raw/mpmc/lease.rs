//! Messages in somebody's hands: leased, acknowledged, returned, and taken back from the dead.

use core::mem::MaybeUninit;

use super::word::{State as SlotState, Word};
use super::{Attempt, Found, Obstacle, Ring};
use crate::primitive::Ordering;
use crate::raw::words;

/// A slot that is in somebody's hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leased {
    index: u64,
    /// Whether the message was in other hands before.
    pub(crate) redelivered: bool,
}

/// There may be slots that were returned.
const SOME: u64 = 1;
/// Tells one return from the next.
const ONE: u64 = 2;

impl<'a> Ring<'a> {
    /// Takes the next message into participant `me`'s hands, and copies it out.
    pub(crate) fn try_lease(&self, me: u32, message: &mut [MaybeUninit<u8>]) -> Result<Leased, Attempt> {
        let mut leased = None;
        let take = |slot: Found<'a>, found: Word| {
            let taken = slot.move_from(found, Word::new(found.lap(), me, SlotState::Leased));
            if taken {
                words::load(slot.payload, message);
                leased = Some((slot.index, found.state() == SlotState::Returned));
            }
            taken
        };
        let attempt = self.take_any(take);
        match leased {
            Some((index, redelivered)) => Ok(Leased { index, redelivered }),
            None => Err(attempt),
        }
    }

    /// Finds a message, one that was returned before all others; `take` takes it from its slot.
    #[inline(always)]
    pub(super) fn take_any(&self, mut take: impl FnMut(Found<'a>, Word) -> bool) -> Attempt {
        // ORDER: Acquire pairs with the Release in `set_returned`.
        let returned = self.state.returned.load(Ordering::Acquire);
        if returned & SOME != 0 && self.take_returned(returned, &mut take) {
            return Attempt::Done;
        }
        self.try_take(take)
    }

    #[cold]
    fn take_returned(&self, mark: u64, take: &mut dyn FnMut(Found<'a>, Word) -> bool) -> bool {
        for slot in self.all_slots() {
            loop {
                // ORDER: Acquire pairs with the Release of who wrote the message, and of who returned it.
                let found = Word::from(slot.word.load(Ordering::Acquire));
                if found.state() != SlotState::Returned {
                    break;
                }
                // Again, where a producer has skipped the slot meanwhile: the message is still there.
                if take(slot, found) {
                    return true;
                }
            }
        }
        // ORDER: relaxed; fails where one was returned meanwhile, and then the mark stays.
        let _ =
            self.state.returned.compare_exchange(mark, mark & !SOME, Ordering::Relaxed, Ordering::Relaxed);
        false
    }

    /// Ends a lease of participant `me`: the message has been dealt with. **The compare-and-swap is the commit.**
    pub(crate) fn ack(&self, me: u32, leased: Leased) -> bool {
        self.end_lease(me, leased, |found| Word::new(found.lap().next(), 0, SlotState::Free))
    }

    /// Ends a lease of participant `me`: the message goes to the next who asks.
    pub(crate) fn give_back(&self, me: u32, leased: Leased) -> bool {
        let given = self.end_lease(me, leased, |found| Word::new(found.lap(), 0, SlotState::Returned));
        if given {
            self.set_returned();
        }
        given
    }

    fn end_lease(&self, me: u32, leased: Leased, end: impl Fn(Word) -> Word) -> bool {
        let Some(slot) = self.slot(leased.index) else { return false };
        loop {
            let found = Word::from(slot.word.load(Ordering::Relaxed));
            if found.state() != SlotState::Leased || found.owner() != me {
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
        let mark = |returned: u64| Some((returned | SOME).wrapping_add(ONE));
        // ORDER: Release pairs with the Acquire in `take_any`.
        let _ = self.state.returned.fetch_update(Ordering::Release, Ordering::Relaxed, mark);
    }

    /// Undoes what a dead participant has left in a slot. `true` where the slot is as it was found no more.
    pub(crate) fn repair_slot(&self, obstacle: Obstacle) -> bool {
        let Obstacle { index, word } = obstacle;
        let Some(slot) = self.slot(index) else { return false };
        let repaired = match word.state() {
            SlotState::Writing => Word::new(word.lap().next(), 0, SlotState::Free),
            SlotState::Leased => Word::new(word.lap(), 0, SlotState::Returned),
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
            let mut word = Word::from(slot.word.load(Ordering::Acquire));
            let is_of_the_dead = |word: Word| {
                word.owner() == dead && matches!(word.state(), SlotState::Writing | SlotState::Leased)
            };
            // Again, where a producer has skipped the slot meanwhile.
            while is_of_the_dead(word) && !self.repair_slot(Obstacle { index: slot.index, word }) {
                word = Word::from(slot.word.load(Ordering::Acquire));
            }
            let word = Word::from(slot.word.load(Ordering::Relaxed));
            returned |= word.state() == SlotState::Returned;
        }
        if returned {
            self.set_returned();
        }
    }

    /// Whether there is a message that participant `me` may still get: one in the ring, or in another's hands.
    #[cold]
    pub(crate) fn may_have_more(&self, me: u32) -> bool {
        self.all_slots().any(|slot| {
            // ORDER: Acquire, so that a look for a message behind this finds the one that is seen here.
            let word = Word::from(slot.word.load(Ordering::Acquire));
            match word.state() {
                SlotState::Free | SlotState::Unknown => false,
                SlotState::Leased => word.owner() != me,
                SlotState::Writing | SlotState::Full => true,
                SlotState::Returned => {
                    // Its giver may have died before the mark, or is about to set it.
                    self.set_returned();
                    true
                }
            }
        })
    }

    /// The slots that are there: of a damaged ring, or of its beginning only, fewer than its capacity.
    pub(super) fn all_slots(&self) -> impl Iterator<Item = Found<'a>> {
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
            let found = Word::from(slot.word.load(Ordering::Relaxed));
            match found.state() {
                SlotState::Leased | SlotState::Returned => {}
                SlotState::Free => return slot.lap == found.lap(),
                _ => return false,
            }
        }
        false
    }
}
