//! How many messages a ring holds. The two hints may lag, also while no participant is at work: a
//! producer that was stopped between the load and the store of a hint moves it back. So their
//! readers walk on from the hints by the slots' words, as a push and a pop do, and move nothing.

use super::MpmcRing;
use super::slot_word::{MpmcSlotState, MpmcSlotWord};
use crate::primitive::Ordering;

impl MpmcRing<'_> {
    /// The producers' hint: how far they have come, about.
    #[inline(always)]
    pub(crate) fn pushed(&self) -> u64 {
        self.state.tail.word.load(Ordering::Relaxed)
    }

    /// The consumers' hint: how far they have come, about.
    #[inline(always)]
    pub(crate) fn popped(&self) -> u64 {
        self.state.head.word.load(Ordering::Relaxed)
    }

    /// Messages in the ring, with those that are being written and those that were given back,
    /// without those that are leased. The number is exact while no participant pushes or pops.
    pub(crate) fn len(&self) -> u64 {
        let tail = self.first_unpushed();
        let head = self.first_unpopped(tail);
        let positions = self.geometry.distance(head, tail).clamp(0, self.geometry.capacity as i64) as u64;
        if positions == 0 || !self.flags().may_have_gaps() {
            return positions.saturating_add(self.returned_len());
        }
        let mut position = head;
        let mut count = 0;
        for _ in 0..positions {
            let Some(slot) = self.slot(position) else { break };
            let found = MpmcSlotWord::from(slot.word.load(Ordering::Relaxed));
            let is_message = matches!(found.state(), MpmcSlotState::Full | MpmcSlotState::Writing);
            count += u64::from(is_message && found.lap() == slot.lap);
            position = self.geometry.next(position);
        }
        count.saturating_add(self.returned_len())
    }

    /// The first position that no producer has used, at most two laps of steps from the hint.
    pub(in crate::raw) fn first_unpushed(&self) -> u64 {
        // ORDER: as in `try_push`.
        let mut position = self.state.tail.word.load(Ordering::Acquire);
        for _ in 0..2 * self.geometry.capacity {
            let Some(slot) = self.slot(position) else { break };
            // ORDER: Acquire pairs with the Release of the participant that brought the slot to
            // this state: what it passed before is seen too.
            let found = MpmcSlotWord::from(slot.word.load(Ordering::Acquire));
            let ahead = slot.lap.distance_to(found.lap());
            if !(ahead > 0 || ahead == 0 && found.state() != MpmcSlotState::Free) {
                break;
            }
            let next = self.geometry.next(position);
            let bound = self.earliest_unused(found.lap(), slot.index);
            position = if self.geometry.distance(next, bound) > 0 { bound } else { next };
        }
        position
    }

    /// The first position before `tail` whose message was not taken; `tail` if there is none.
    pub(in crate::raw) fn first_unpopped(&self, tail: u64) -> u64 {
        // ORDER: as in `try_push`.
        let hint = self.state.head.word.load(Ordering::Acquire);
        // All positions before that have been used again.
        let lap_before =
            self.geometry.position(self.geometry.lap(tail).previous(), self.geometry.index(tail));
        let mut position = if self.geometry.distance(hint, lap_before) > 0 { lap_before } else { hint };
        for _ in 0..self.geometry.capacity {
            if self.geometry.distance(position, tail) <= 0 {
                return tail;
            }
            let Some(slot) = self.slot(position) else { break };
            // ORDER: as in `first_unpushed`.
            let found = MpmcSlotWord::from(slot.word.load(Ordering::Acquire));
            let ahead = slot.lap.distance_to(found.lap());
            let is_lent = matches!(
                found.state(),
                MpmcSlotState::Leased | MpmcSlotState::Returned | MpmcSlotState::Taken
            );
            if !(ahead > 0 || ahead == 0 && is_lent) {
                break;
            }
            position = self.geometry.next(position);
        }
        position
    }
}
