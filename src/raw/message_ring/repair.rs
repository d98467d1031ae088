//! What is repaired after a death. Each step is one compare-and-swap from a word that names the
//! dead participant, or a position that no slot and no record has: any number of participants may
//! repair at the same time, and any of them may be killed or stopped.

use super::block_chain::{BlockUse, BlockWord};
use super::record_word::RecordState;
use super::{BusySlot, MessageRing, MpmcSlotState, MpmcSlotWord};
use crate::primitive::Ordering;

impl MessageRing<'_> {
    /// Undoes or completes what a participant that is proven dead has begun in a slot. `false` if
    /// the slot's word is not the one that was found any more.
    pub(crate) fn repair_slot(&self, busy: BusySlot) -> bool {
        // A slot that is TAKEN is freed after the record has its message.
        self.resolve_claims(busy.owner());
        self.ring.repair_slot(busy)
    }

    /// Repairs what a participant held that is proven dead, or is about to leave. Idempotent.
    /// Returns whether there may be news for waiters.
    pub(crate) fn repair(&self, dead: u32) -> bool {
        let mut is_news = self.resolve_claims(dead);
        for record in self.all_records() {
            let word = record.word();
            if word.is_leased() && word.owner() == dead {
                // Fails only if another participant repairs as well.
                let moved = record.move_from(word, word.moved_to(0, RecordState::Returned));
                self.state.ring.repairs.add(moved.into());
            }
            // Any returned message counts, not just those returned here: the dead participant, or
            // one that repaired before and was killed too, may not have noted it.
            if record.word().state() == RecordState::Returned {
                self.note_returned();
                is_news = true;
            }
        }
        is_news |= self.ring.repair(dead);
        self.reclaim_blocks(dead) || is_news
    }

    /// Decides what becomes of the records that the dead participant has claimed.
    fn resolve_claims(&self, dead: u32) -> bool {
        let mut is_news = false;
        for record in self.all_records() {
            let word = record.word();
            if word.state() != RecordState::Claimed || word.owner() != dead {
                continue;
            }
            // The slot stays TAKEN until the record has moved. So if the slot is seen otherwise, then
            // either the lease has not committed, or the record has moved and this CAS fails.
            let is_leaving = self.is_leaving(&record);
            let to = if is_leaving { RecordState::Returned } else { RecordState::Free };
            if record.move_from(word, word.moved_to(0, to)) && is_leaving {
                self.state.ring.repairs.add(1);
                self.note_returned();
                is_news = true;
            }
        }
        is_news
    }

    /// Frees the blocks that the dead participant wrote and did not push, and those of messages
    /// that are in no slot and no record any more.
    fn reclaim_blocks(&self, dead: u32) -> bool {
        let mut freed = false;
        for block in 0..self.geometry.blocks {
            let Some((entry, _)) = self.entry(block) else { break };
            // ORDER: Acquire pairs with the Release of the participant that moved the message on.
            let word = BlockWord::from_bits(entry.load(Ordering::Acquire));
            let is_lost = match word.block_use() {
                Some(BlockUse::OwnedBy(owner)) => owner == u64::from(dead),
                Some(BlockUse::AttachedTo(position)) => !self.has_message(position, word),
                Some(BlockUse::Free) | None => false,
            };
            freed |= is_lost && Self::free_block(entry, word);
        }
        // Also if nothing is found: a participant that freed blocks may have died before its note.
        self.note_freed();
        freed
    }

    /// Whether a slot or a record has the message that a block with this word is attached to.
    fn has_message(&self, position: u64, word: BlockWord) -> bool {
        let index = self.geometry.ring.index(position);
        let in_slot = self.ring.slot(index).is_some_and(|slot| {
            // ORDER: Acquire, so that the record of a message that has left its slot is seen.
            let found = MpmcSlotWord::from(slot.word.load(Ordering::Acquire));
            let is_used =
                matches!(found.state(), MpmcSlotState::Writing | MpmcSlotState::Full | MpmcSlotState::Taken);
            let position = self.geometry.ring.position(found.lap(), index);
            is_used && BlockWord::attached_to(position) == word
        });
        in_slot
            || self.all_records().any(|record| {
                let is_used = record.word().is_leased() || record.word().state() == RecordState::Returned;
                is_used && BlockWord::attached_to(record.position()) == word
            })
    }
}
