//! Leases: messages in records, which a consumer has and has not acknowledged.
//!
//! Where a RETURNED record may be, one word tells: `{count:63 | may:1}`. A return is noted after
//! the record's word has become RETURNED, and each note changes the count. A consumer that has
//! found none clears the bit by a CAS, which fails if a return was noted meanwhile. If a
//! participant is killed between the return and the note, its repair notes it.

use super::block_chain::BlockChain;
use super::geometry::{PAYLOAD_WORDS, RECORD_WORDS};
use super::record_word::{RecordState, RecordWord};
use super::{MessageAttempt, MessageRing, MpmcSlotState, MpmcSlotWord, SlotRef, Take, is_raised};
use crate::primitive::{AtomicU64, Ordering};

const MAY_BE_RETURNED: u64 = 1;
const ONE_RETURN: u64 = 2;

/// A lease of a message: the record, and its word, which no other lease of it or of another message
/// has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct MessageLease {
    record: u32,
    word: RecordWord,
}

impl MessageLease {
    pub(crate) fn owner(self) -> u32 {
        self.word.owner()
    }

    /// Whether the message was leased before.
    pub(crate) fn is_redelivered(self) -> bool {
        self.word.state() == RecordState::Again
    }
}

/// The words of a record.
#[derive(Clone, Copy)]
pub(super) struct RecordRef<'a> {
    pub(super) number: u32,
    word: &'a AtomicU64,
    position: &'a AtomicU64,
    payload: &'a [AtomicU64],
}

/// A record, and its word after the claim.
pub(super) struct ClaimedRecord<'a> {
    pub(super) record: RecordRef<'a>,
    claimed: RecordWord,
}

impl RecordRef<'_> {
    pub(super) fn word(&self) -> RecordWord {
        // ORDER: Acquire pairs with the Release in `move_from` and `store`.
        RecordWord::from(self.word.load(Ordering::Acquire))
    }

    /// The position of the record's message.
    pub(super) fn position(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }

    pub(super) fn move_from(&self, from: RecordWord, to: RecordWord) -> bool {
        // ORDER: Acquire pairs with the Release of the participant that brought the record to this
        // state; Release, so that what was done with the message comes before the new state.
        self.word.compare_exchange(from.into(), to.into(), Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Moves a record that only the caller may move.
    fn store(&self, to: RecordWord) {
        // ORDER: Release pairs with the Acquire in `word`.
        self.word.store(to.into(), Ordering::Release);
    }
}

impl<'a> MessageRing<'a> {
    pub(super) fn init_records(&self, seed: u64) {
        self.all_records().for_each(|record| record.store(RecordWord::free(seed)));
    }

    pub(super) fn record(&self, number: usize) -> Option<RecordRef<'a>> {
        let start = number.checked_mul(RECORD_WORDS)?;
        if number >= self.geometry.records {
            return None;
        }
        match self.records.get(start..start + RECORD_WORDS)? {
            [word, position, payload @ ..] => {
                Some(RecordRef { number: number as u32, word, position, payload })
            }
            _ => None,
        }
    }

    /// The records that are there: fewer than the geometry's if only the beginning is given.
    pub(super) fn all_records(&self) -> impl Iterator<Item = RecordRef<'a>> {
        let ring = *self;
        let there = (self.records.len() / RECORD_WORDS).min(self.geometry.records);
        (0..there).filter_map(move |number| ring.record(number))
    }

    /// Leases the next message to participant `me`, and copies it out. Returned ones come first.
    pub(crate) fn try_lease(&self, me: u32, message: &mut Vec<u8>) -> Result<MessageLease, MessageAttempt> {
        let lease = match self.take_returned(me) {
            Some(lease) => lease,
            None => self.lease_next(me)?,
        };
        if let Err(attempt) = self.copy_leased(lease, message) {
            // Given back, the message would be the next one for ever.
            self.ack(lease);
            return Err(attempt);
        }
        Ok(lease)
    }

    fn lease_next(&self, me: u32) -> Result<MessageLease, MessageAttempt> {
        let claimed = self.claim_record(me).ok_or(MessageAttempt::NoRecord)?;
        let mut lease = None;
        let taken = self.take(|slot, found| {
            lease = self.move_out(me, slot, found, &claimed);
            if lease.is_some() { Take::Taken } else { Take::Lost }
        });
        match (taken, lease) {
            (Ok(()), Some(lease)) => Ok(lease),
            (taken, _) => {
                Self::unclaim(&claimed);
                Err(taken.err().unwrap_or(MessageAttempt::Corrupt))
            }
        }
    }

    /// Claims a free record for a message.
    pub(super) fn claim_record(&self, me: u32) -> Option<ClaimedRecord<'a>> {
        let start = (self.hints.record.load(Ordering::Relaxed) as usize).min(self.geometry.records);
        for number in (start..self.geometry.records).chain(0..start) {
            let record = self.record(number)?;
            let found = record.word();
            let claimed = found.moved_to(me, RecordState::Claimed);
            if found.state() == RecordState::Free && record.move_from(found, claimed) {
                self.hints.record.store(number as u64, Ordering::Relaxed);
                return Some(ClaimedRecord { record, claimed });
            }
        }
        None
    }

    /// Frees a record that has no message.
    pub(super) fn unclaim(claimed: &ClaimedRecord<'_>) {
        claimed.record.store(claimed.claimed.moved_to(0, RecordState::Free));
    }

    /// Moves a message from its slot to a record. `None` if another consumer was faster.
    pub(super) fn move_out(
        &self,
        me: u32,
        slot: SlotRef<'_>,
        found: MpmcSlotWord,
        claimed: &ClaimedRecord<'_>,
    ) -> Option<MessageLease> {
        let ClaimedRecord { record, claimed } = claimed;
        if !self.take_for(me, slot, found, record) {
            return None;
        }
        let leased = claimed.moved_to(me, RecordState::Leased);
        record.store(leased);
        // ORDER: Release pairs with the Acquire in `find_free`. No other participant moves the slot
        // of a living one.
        let free = MpmcSlotWord::new(found.lap().next(), 0, MpmcSlotState::Free);
        slot.word.store(free.into(), Ordering::Release);
        Some(MessageLease { record: record.number, word: leased })
    }

    /// The first half of [`move_out`](Self::move_out), after which a participant may be killed.
    pub(super) fn take_for(
        &self,
        me: u32,
        slot: SlotRef<'_>,
        found: MpmcSlotWord,
        record: &RecordRef<'_>,
    ) -> bool {
        let position = self.geometry.ring.position(found.lap(), slot.index);
        record.position.store(position, Ordering::Relaxed);
        for (to, from) in record.payload.iter().zip(slot.payload).take(PAYLOAD_WORDS) {
            to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        // ORDER: `move_from` is a Release: a participant that finds the slot TAKEN finds the record.
        // And if the word is as it was found, the copy is whole. The commit point.
        slot.move_from(found, MpmcSlotWord::new(found.lap(), me, MpmcSlotState::Taken))
    }

    /// Copies a leased message out.
    pub(super) fn copy_leased(
        &self,
        lease: MessageLease,
        message: &mut Vec<u8>,
    ) -> Result<(), MessageAttempt> {
        let record = self.record(lease.record as usize).ok_or(MessageAttempt::Corrupt)?;
        match self.copy_payload(record.payload, record.position(), message) {
            Some(_) => Ok(()),
            None => Err(MessageAttempt::Corrupt),
        }
    }

    /// Leases the oldest returned message to participant `me`, if there is one.
    #[inline]
    pub(super) fn take_returned(&self, me: u32) -> Option<MessageLease> {
        // ORDER: Acquire pairs with the Release in `note_returned`.
        let mark = self.state.returned.load(Ordering::Acquire);
        if mark & MAY_BE_RETURNED == 0 { None } else { self.search_returned(me, mark) }
    }

    #[cold]
    fn search_returned(&self, me: u32, mark: u64) -> Option<MessageLease> {
        loop {
            let returned = self.all_records().map(|record| (record, record.word()));
            let returned = returned.filter(|(_, word)| word.state() == RecordState::Returned);
            let oldest = returned.min_by(|(one, _), (other, _)| self.order(one.position(), other.position()));
            let Some((record, found)) = oldest else {
                // ORDER: relaxed. If a return was noted meanwhile, the count has changed, the CAS
                // fails and the word stays.
                let cleared = mark & !MAY_BE_RETURNED;
                let mark = &self.state.returned;
                let _ = mark.compare_exchange(
                    cleared | MAY_BE_RETURNED,
                    cleared,
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                );
                return None;
            };
            let leased = found.moved_to(me, RecordState::Again);
            if record.move_from(found, leased) {
                return Some(MessageLease { record: record.number, word: leased });
            }
        }
    }

    /// Notes that a record was returned, after it was.
    pub(super) fn note_returned(&self) {
        let note = |mark: u64| Some(mark.wrapping_add(ONE_RETURN) | MAY_BE_RETURNED);
        // ORDER: Release pairs with the Acquire in `take_returned`.
        let _ = self.state.returned.fetch_update(Ordering::Release, Ordering::Relaxed, note);
    }

    /// Notes that a consumer waits for a record, if all are used.
    pub(crate) fn want_record(&self) -> bool {
        let is_full = self.all_records().all(|record| record.word().state() != RecordState::Free);
        if is_full {
            is_raised(&self.state.records_wanted);
        }
        is_full
    }

    /// Ends a lease and removes the message. `false` if the lease has ended already; then nothing
    /// has happened.
    pub(crate) fn ack(&self, lease: MessageLease) -> bool {
        let chain = self.ack_without_freeing(lease);
        chain.as_ref().map(|chain| self.free(chain)).is_some()
    }

    /// The first half of [`ack`](Self::ack), after which a participant may be killed. Returns the
    /// message's blocks.
    pub(super) fn ack_without_freeing(&self, lease: MessageLease) -> Option<BlockChain> {
        let record = self.record(lease.record as usize)?;
        // The links are read while the message is leased. Those of a damaged message lead nowhere,
        // and its blocks are freed by a repair.
        let length = self.stored_length(record.payload);
        let chain = self.chain_of(record.payload, record.position(), length);
        // The commit point.
        let acked =
            lease.word.is_leased() && record.move_from(lease.word, lease.word.moved_to(0, RecordState::Free));
        acked.then(|| chain.unwrap_or_default())
    }

    /// Ends a lease and leaves the message to the next consumer. `false` if the lease has ended
    /// already; then nothing has happened.
    pub(crate) fn give_back(&self, lease: MessageLease) -> bool {
        let given = self.return_without_note(lease);
        if given {
            self.note_returned();
        }
        given
    }

    /// The first half of [`give_back`](Self::give_back), after which a participant may be killed.
    pub(super) fn return_without_note(&self, lease: MessageLease) -> bool {
        let Some(record) = self.record(lease.record as usize) else { return false };
        lease.word.is_leased() && record.move_from(lease.word, lease.word.moved_to(0, RecordState::Returned))
    }

    /// Whether the lease has not ended.
    pub(crate) fn is_leased(&self, lease: MessageLease) -> bool {
        self.record(lease.record as usize).is_some_and(|record| record.word() == lease.word)
    }
}
