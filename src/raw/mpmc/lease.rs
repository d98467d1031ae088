//! Leases: messages that a consumer has and has not acknowledged. They end by an acknowledgement,
//! by being given back, or by the repair after their owner's death.

use core::cell::Cell;
use core::mem::MaybeUninit;

use super::slot_word::{MpmcSlotState, MpmcSlotWord};
use super::{BusySlot, MpmcAttempt, MpmcRing, SlotRef};
use crate::primitive::Ordering;
use crate::raw::atomic_copy;

/// A slot whose message is leased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeasedSlot {
    index: u64,
    /// Whether the message was leased before.
    pub(crate) redelivered: bool,
}

/// Whether a message may come from a slot to a consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MayCome {
    No,
    Yes,
    /// If the lease is not the caller's: the consumer's process has leased it.
    OwnLease,
}

impl<'a> MpmcRing<'a> {
    /// Leases the next message to participant `me`, and copies it out.
    pub(crate) fn try_lease(
        &self,
        me: u32,
        message: &mut [MaybeUninit<u8>],
    ) -> Result<LeasedSlot, MpmcAttempt> {
        self.note_lease();
        let mut leased = None;
        let take = |slot: SlotRef<'a>, found: MpmcSlotWord| {
            let taken = slot.move_from(found, MpmcSlotWord::new(found.lap(), me, MpmcSlotState::Leased));
            if taken {
                // Copied after the CAS, unlike in a pop: no producer writes a slot that is leased.
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

    /// Finds a message, returned ones first. `take` takes it from its slot, and returns `false` if
    /// another consumer was faster.
    #[inline(always)]
    pub(super) fn take_any(&self, mut take: impl FnMut(SlotRef<'a>, MpmcSlotWord) -> bool) -> MpmcAttempt {
        // A returned message lies before `head`, where `try_take` does not look.
        if self.take_returned(&mut take) {
            return MpmcAttempt::Done;
        }
        self.try_take(|slot, found| Some(take(slot, found)))
    }

    /// Ends a lease of participant `me` and removes the message. **The CAS is the commit point.**
    /// `false` if `me` does not have the lease any more; then nothing has happened.
    pub(crate) fn ack(&self, me: u32, leased: LeasedSlot) -> bool {
        self.end_lease(me, leased, |found| MpmcSlotWord::new(found.lap().next(), 0, MpmcSlotState::Free))
    }

    /// Ends a lease of participant `me` and leaves the message to the next consumer. `false` if
    /// `me` does not have the lease any more; then nothing has happened.
    pub(crate) fn give_back(&self, me: u32, leased: LeasedSlot) -> bool {
        let given = self.return_without_note(me, leased);
        if given {
            self.note_returned(leased.index);
        }
        given
    }

    /// The first half of [`give_back`](Self::give_back), after which a participant may be killed.
    pub(super) fn return_without_note(&self, me: u32, leased: LeasedSlot) -> bool {
        self.end_lease(me, leased, |found| MpmcSlotWord::new(found.lap(), 0, MpmcSlotState::Returned))
    }

    fn end_lease(&self, me: u32, leased: LeasedSlot, end: impl Fn(MpmcSlotWord) -> MpmcSlotWord) -> bool {
        let Some(slot) = self.slot(leased.index) else { return false };
        loop {
            let found = MpmcSlotWord::from(slot.word.load(Ordering::Relaxed));
            // The lease has ended, or a repair has reclaimed it.
            if found.state() != MpmcSlotState::Leased || found.owner() != me {
                return false;
            }
            // Fails only if a producer has skipped the slot meanwhile: then the lap is another.
            if slot.move_from(found, end(found)) {
                return true;
            }
        }
    }

    /// Undoes what a dead participant has left in a slot. `false` if the slot's word is not the one
    /// that was found any more.
    pub(crate) fn repair_slot(&self, busy: BusySlot) -> bool {
        let BusySlot { index, word } = busy;
        let Some(slot) = self.slot(index) else { return false };
        let repaired = match word.state() {
            // The push has not committed: the position is given up, as if its message had been
            // popped.
            MpmcSlotState::Writing => {
                self.note_repair();
                MpmcSlotWord::new(word.lap().next(), 0, MpmcSlotState::Free)
            }
            // The record has the message.
            MpmcSlotState::Taken => MpmcSlotWord::new(word.lap().next(), 0, MpmcSlotState::Free),
            // The message was not acknowledged: it is delivered again.
            MpmcSlotState::Leased => MpmcSlotWord::new(word.lap(), 0, MpmcSlotState::Returned),
            // In all other states the slot has no owner.
            _ => return false,
        };
        let moved = slot.move_from(word, repaired);
        self.state.repairs.add(moved.into());
        moved
    }

    /// Undoes what a participant that is proven dead was at work on, in all slots. Idempotent.
    /// Returns whether there may be news for waiters: a slot that was repaired, or any returned
    /// message.
    pub(crate) fn repair(&self, dead: u32) -> bool {
        let mut is_news = false;
        for slot in self.all_slots() {
            // ORDER: Acquire pairs with the Release of the participant that brought the slot to
            // this state.
            let mut word = MpmcSlotWord::from(slot.word.load(Ordering::Acquire));
            let is_of_the_dead = |word: MpmcSlotWord| {
                let is_owned = matches!(
                    word.state(),
                    MpmcSlotState::Writing | MpmcSlotState::Leased | MpmcSlotState::Taken
                );
                is_owned && word.owner() == dead
            };
            // If the repair fails because a producer has skipped the slot meanwhile, the lease is
            // still there: look again.
            while is_of_the_dead(word) && !self.repair_slot(BusySlot { index: slot.index, word }) {
                word = MpmcSlotWord::from(slot.word.load(Ordering::Acquire));
            }
            is_news |= is_of_the_dead(word);
            // Any returned message counts, not just those returned here: the dead participant, or
            // one that repaired before and was killed too, may not have noted it.
            let word = MpmcSlotWord::from(slot.word.load(Ordering::Relaxed));
            if word.state() == MpmcSlotState::Returned {
                self.note_returned(slot.index);
                is_news = true;
            }
        }
        is_news
    }

    /// Whether participant `me` may still get a message: one in the ring, or one that is leased. Of
    /// the leases of `me`, as many do not count as the caller `holds` itself: they cannot come to it
    /// while it waits here.
    ///
    /// `seen` is where the last call has found such a message. One that is still there is found
    /// without a search.
    #[cold]
    pub(crate) fn could_still_receive(&self, me: u32, holds: impl Fn() -> u64, seen: &Cell<u64>) -> bool {
        let at_seen = self.slot(seen.get()).map(|slot| self.what_may_come(slot, me));
        match at_seen {
            Some(MayCome::Yes) => return true,
            Some(MayCome::OwnLease) if holds() == 0 => return true,
            _ => {}
        }
        let mut own_leases = 0;
        for slot in self.all_slots() {
            let may_come = self.what_may_come(slot, me);
            own_leases += u64::from(may_come == MayCome::OwnLease);
            if may_come != MayCome::No {
                seen.set(slot.index);
            }
            if may_come == MayCome::Yes {
                return true;
            }
        }
        // Asked for after the slots were read, so that a lease that has ended meanwhile counts on
        // neither side.
        own_leases > 0 && own_leases > holds()
    }

    fn what_may_come(&self, slot: SlotRef<'_>, me: u32) -> MayCome {
        // ORDER: Acquire, so that a look for a message after this finds the one that is seen here.
        let word = MpmcSlotWord::from(slot.word.load(Ordering::Acquire));
        match word.state() {
            MpmcSlotState::Free | MpmcSlotState::Unknown => MayCome::No,
            MpmcSlotState::Leased if word.owner() == me => MayCome::OwnLease,
            MpmcSlotState::Leased | MpmcSlotState::Writing | MpmcSlotState::Full | MpmcSlotState::Taken => {
                MayCome::Yes
            }
            MpmcSlotState::Returned => {
                // The participant that returned it may have died before it noted that, or is about
                // to note it.
                self.note_returned(slot.index);
                MayCome::Yes
            }
        }
    }

    /// The slots that are there: fewer than the capacity if the ring is damaged, or only its
    /// beginning is given.
    pub(super) fn all_slots(&self) -> impl Iterator<Item = SlotRef<'a>> {
        self.slots_in(0, u64::MAX)
    }

    /// The slots from index `first` to before `end`, as far as they are there.
    pub(super) fn slots_in(&self, first: u64, end: u64) -> impl Iterator<Item = SlotRef<'a>> {
        let ring = *self;
        let there = (self.slots.len() / self.geometry.slot_words) as u64;
        (first..end.min(self.geometry.capacity).min(there)).filter_map(move |index| ring.slot(index))
    }

    /// Whether a producer that skips the slot at `position` comes to a slot that it can use.
    pub(super) fn has_room_beyond(&self, position: u64) -> bool {
        let mut position = position;
        for _ in 1..self.geometry.capacity() {
            position = self.geometry.next(position);
            let Some(slot) = self.slot(position) else { return false };
            let found = MpmcSlotWord::from(slot.word.load(Ordering::Relaxed));
            match found.state() {
                // Would be skipped as well.
                MpmcSlotState::Leased | MpmcSlotState::Returned => {}
                MpmcSlotState::Free => return slot.lap == found.lap(),
                // A message that is not popped yet, or is being written: the ring is full here.
                _ => return false,
            }
        }
        // Each slot is leased or returned.
        false
    }
}
