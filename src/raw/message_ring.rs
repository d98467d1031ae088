//! A bounded ring of messages of any length, with many producers and consumers, leases and no lock.
//!
//! Four parts, each an array of words:
//!
//! - **slots**: an [`mpmc`](super::mpmc) ring, whose slots hold short messages themselves, and of
//!   longer ones the length and the first block;
//! - **blocks**, with an entry each: a long message lies in as many as it needs, linked by their
//!   entries;
//! - **records**: a message that a consumer leases leaves its slot for a record, so that the slot
//!   is free as soon as the message is taken;
//! - the **state**: event counts, and marks that spare searches.
//!
//! The slots' words say where a message is, and each message is in one place at a time:
//!
//! | place | meaning | who moves it |
//! |---|---|---|
//! | slot WRITING, owner | the producer links its blocks to the position | the producer, to FULL: **the commit point of a push**. If it is dead, any participant, to FREE of the next lap |
//! | slot FULL | in the ring | a consumer that has copied it out, to FREE of the next lap: **the commit point of a pop**. A consumer that has claimed a record for it, to TAKEN: **the commit point of a lease** |
//! | slot TAKEN, owner | leaves the ring for the record that the owner has CLAIMED for this position | the owner, to FREE of the next lap, after the record is LEASED. If the owner is dead, any participant, after the record is RETURNED |
//! | record LEASED or AGAIN, owner | leased; AGAIN if it was before | the owner, to FREE (**the commit point of an `ack`**) or to RETURNED. If the owner is dead, any participant, to RETURNED |
//! | record RETURNED | its lease ended without an `ack`: the next message | a consumer, to AGAIN |
//!
//! A record is CLAIMED for a position by its owner before the slot is TAKEN. If the owner is dead,
//! any participant moves it: to RETURNED if the slot of that position is TAKEN by the owner, since
//! the lease has committed; else to FREE. The slot is left TAKEN until then, so the answer does not
//! depend on who asks when. Each move of a record changes the number in its word, and each use of a
//! slot its lap: a participant that was stopped between its look and its compare-and-swap fails.
//!
//! The word of a block's entry:
//!
//! | word | meaning | who moves it |
//! |---|---|---|
//! | FREE | no message | a producer, by a CAS to OWNED |
//! | OWNED, owner | the producer writes a message that is in no slot | the producer, to ATTACHED, while its slot is WRITING, or to FREE. If it is dead, any participant, to FREE |
//! | ATTACHED, position | part of the message of this position | the consumer that took the message, by a CAS to FREE, after the commit point. Where neither the slot nor a record has the position, any participant, by a CAS to FREE |
//!
//! A position occurs once, so a CAS that frees a block of one message never frees one of another,
//! and two participants that free the same block at the same time free it once. A death therefore
//! leaves nothing that must be rebuilt: a participant that [repairs](MessageRing::repair) after it
//! visits records, slots and blocks in this order and makes single moves, and the others go on
//! meanwhile.
//!
//! - [`block_chain`]: the word of a block, and the blocks of a message
//! - [`blocks`]: allocating blocks, and the messages in them
//! - [`geometry`]: how large the parts are
//! - [`len`]: how many messages there are, and whether any is left
//! - [`records`]: messages that are leased
//! - [`repair`]: after a death

// Without `serde` no queue pushes, but what the dead of others left is repaired.
#![cfg_attr(not(feature = "serde"), allow(dead_code))]
#![cfg_attr(loom, allow(dead_code))] // Its other users are floors above.

mod block_chain;
mod blocks;
mod geometry;
mod len;
#[cfg(all(test, loom))]
mod model;
mod record_word;
mod records;
mod repair;
#[cfg(not(loom))]
mod view;

use super::atomic_copy;
use super::event_count::EventCount;
use super::mpmc::{BusySlot, MpmcAttempt, MpmcRing, MpmcSlotState, MpmcSlotWord, MpmcState, Pushed, SlotRef};
use super::wait_stats::WaitStats;
use crate::primitive::{AtomicU64, Ordering, fence};
use crate::sys::barrier;
use block_chain::BlockChain;
pub(crate) use geometry::MessageGeometry;
#[cfg(not(loom))]
use geometry::STATE_BYTES;
use geometry::{INLINE_BYTES, PAYLOAD_WORDS, RECORD_WORDS};
pub(crate) use records::MessageLease;

/// The state, before the slots.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[repr(C)]
pub(crate) struct MessageState {
    pub(crate) ring: MpmcState,
    /// Joiners, which wait until no message is left, park on it.
    pub(crate) idle: EventCount,
    /// Waits until no message is left.
    pub(crate) joins: WaitStats,
    /// Whether a record may be RETURNED: see [`records`].
    returned: AtomicU64,
    /// Not 0 if a producer waits for blocks although a slot is free.
    room_wanted: AtomicU64,
    /// Not 0 if a consumer waits for a record although there is a message.
    records_wanted: AtomicU64,
    /// How often blocks were freed. While it stays, a search that found too few need not be
    /// repeated.
    freed: AtomicU64,
    _padding: [u64; 8],
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<MessageState>() == STATE_BYTES);

// SAFETY: atomics, and padding that is never accessed.
#[cfg(not(loom))]
#[allow(unsafe_code)]
unsafe impl super::Cells for MessageState {}

/// What a handle remembers between its operations, in private memory.
#[derive(Debug, Default)]
pub(crate) struct MessageHints {
    /// Where the last search for blocks succeeded.
    block: AtomicU64,
    /// Where the last search for a record succeeded.
    record: AtomicU64,
    /// The number of blocks that were not there, and `freed` at that time.
    too_many: AtomicU64,
}

/// A ring, by reference.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MessageRing<'a> {
    state: &'a MessageState,
    ring: MpmcRing<'a>,
    records: &'a [AtomicU64],
    entries: &'a [AtomicU64],
    data: &'a [AtomicU64],
    geometry: &'a MessageGeometry,
    hints: &'a MessageHints,
}

/// Why an attempt came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MessageAttempt {
    /// There is no message, or no slot for one.
    WouldBlock,
    /// There is a slot, and too few blocks.
    NoBlocks,
    /// There may be a message, and all records are used.
    NoRecord,
    /// A participant is at work in the next slot.
    Behind(BusySlot),
    /// The words are such as no participant that keeps to the protocol leaves.
    Corrupt,
}

impl From<MpmcAttempt> for MessageAttempt {
    fn from(attempt: MpmcAttempt) -> Self {
        match attempt {
            MpmcAttempt::WouldBlock => Self::WouldBlock,
            MpmcAttempt::Behind(busy) => Self::Behind(busy),
            MpmcAttempt::Done | MpmcAttempt::Corrupt => Self::Corrupt,
        }
    }
}

/// A message that was pushed, for [`MessageRing::retract`].
#[derive(Debug)]
pub(crate) struct PushedMessage {
    pushed: Pushed,
    chain: BlockChain,
}

/// What became of the message in a slot.
enum Take {
    Taken,
    /// Another consumer was faster.
    Lost,
    Corrupt,
}

impl<'a> MessageRing<'a> {
    /// The ring of this state; `body` are the words after it. If there are fewer words than the
    /// geometry has, the last parts are short, and what lies beyond them is
    /// [`Corrupt`](MessageAttempt::Corrupt).
    #[inline]
    pub(crate) fn new(
        state: &'a MessageState,
        body: &'a [AtomicU64],
        geometry: &'a MessageGeometry,
        hints: &'a MessageHints,
    ) -> Self {
        let split = |words: &'a [AtomicU64], at: usize| words.split_at(at.min(words.len()));
        let (slots, rest) = split(body, geometry.slot_words());
        let (records, rest) = split(rest, geometry.records * RECORD_WORDS);
        let (entries, data) = split(rest, geometry.entry_words());
        let ring = MpmcRing::new(&state.ring, slots, &geometry.ring);
        Self { state, ring, records, entries, data, geometry, hints }
    }

    /// Makes an empty ring of zeros that no other participant knows of. Leases of rings that were
    /// given different `seed`s are never taken for each other.
    pub(crate) fn init(&self, seed: u64) {
        self.init_records(seed);
    }

    /// Puts a message of at most [`max_message`](MessageGeometry::max_message) bytes in, as
    /// participant `me`.
    #[inline]
    pub(crate) fn try_push(&self, me: u32, message: &[u8]) -> Result<PushedMessage, MessageAttempt> {
        if message.len() > INLINE_BYTES {
            return self.try_push_long(me, &[], message);
        }
        let pushed = self.ring.try_push_with(me, |_, payload| {
            if let Some((length, inline)) = payload.split_first() {
                length.store(message.len() as u64, Ordering::Relaxed);
                atomic_copy::store(inline, message);
            }
        })?;
        Ok(PushedMessage { pushed, chain: BlockChain::default() })
    }

    /// Puts a message into blocks, as participant `me`: the bytes of `head`, a few, and of `body`.
    pub(crate) fn try_push_long(
        &self,
        me: u32,
        head: &[u8],
        body: &[u8],
    ) -> Result<PushedMessage, MessageAttempt> {
        let message_length = head.len() + body.len();
        // Before the copy: without a free slot there is no use for it.
        self.ring.find_free()?;
        let mut chain = self.allocate(me, message_length)?;
        self.write_blocks(&chain, head, body);
        let pushed = self.ring.try_push_with(me, |position, payload| {
            self.attach(&mut chain, position);
            if let [length, first, ..] = payload {
                length.store(message_length as u64, Ordering::Relaxed);
                first.store(chain.first(), Ordering::Relaxed);
            }
        });
        match pushed {
            Ok(pushed) => Ok(PushedMessage { pushed, chain }),
            Err(attempt) => {
                self.free(&chain);
                Err(attempt.into())
            }
        }
    }

    /// Takes back a message that was pushed after the queue was closed. `false` if a consumer has
    /// it by now.
    #[cold]
    pub(crate) fn retract(&self, pushed: PushedMessage) -> bool {
        let retracted = self.ring.retract(pushed.pushed);
        if retracted {
            self.free(&pushed.chain);
        }
        retracted
    }

    /// Takes the next message out, into `message`, as participant `me`. Returned ones come first.
    pub(crate) fn try_pop(&self, me: u32, message: &mut Vec<u8>) -> Result<(), MessageAttempt> {
        if let Some(lease) = self.take_returned(me) {
            return self.pop_leased(lease, message);
        }
        let mut lease = None;
        self.take(|slot, found| {
            let length = self.stored_length(slot.payload);
            // Copying a long message costs more than a record, and another consumer may take the
            // message meanwhile.
            if (self.geometry.copied_at_once + 1..=self.geometry.max_message()).contains(&length)
                && let Some(record) = self.claim_record(me)
            {
                lease = self.move_out(me, slot, found, &record);
                if lease.is_none() {
                    Self::unclaim(&record);
                    return Take::Lost;
                }
                return Take::Taken;
            }
            self.copy_and_free(slot, found, message)
        })?;
        lease.map_or(Ok(()), |lease| self.pop_leased(lease, message))
    }

    fn pop_leased(&self, lease: MessageLease, message: &mut Vec<u8>) -> Result<(), MessageAttempt> {
        let copied = self.copy_leased(lease, message);
        self.ack(lease);
        copied
    }

    /// Copies a message out of its slot, and frees the slot.
    #[inline]
    fn copy_and_free(&self, slot: SlotRef<'_>, found: MpmcSlotWord, message: &mut Vec<u8>) -> Take {
        let position = self.geometry.ring.position(found.lap(), slot.index);
        let copied = self.copy_payload(slot.payload, position, message);
        let Some(chain) = copied else {
            // ORDER: Acquire; the look at the word comes after the reads.
            fence(Ordering::Acquire);
            let is_there = slot.word.load(Ordering::Relaxed) == u64::from(found);
            return if is_there { Take::Corrupt } else { Take::Lost };
        };
        // ORDER: Release, so that the message is read before its slot is free; pairs with the
        // Acquire in `find_free`. If the word is as it was found, no producer has written the slot
        // or the blocks meanwhile, and the copy is whole. The commit point.
        if !slot.move_from(found, MpmcSlotWord::new(found.lap().next(), 0, MpmcSlotState::Free)) {
            return Take::Lost;
        }
        self.free(&chain);
        Take::Taken
    }

    /// Finds the next message in the order of pushing, and has `take` take it.
    #[inline]
    fn take(&self, mut take: impl FnMut(SlotRef<'a>, MpmcSlotWord) -> Take) -> Result<(), MessageAttempt> {
        let attempt = self.ring.try_take(|slot, found| match take(slot, found) {
            Take::Taken => Some(true),
            Take::Lost => Some(false),
            Take::Corrupt => None,
        });
        if attempt == MpmcAttempt::Done { Ok(()) } else { Err(attempt.into()) }
    }

    /// Copies a message out; `payload` is that of its slot, or its copy in a record. Returns the
    /// message's blocks, or `None` if the words are no message's.
    #[inline]
    fn copy_payload(
        &self,
        payload: &[AtomicU64],
        position: u64,
        message: &mut Vec<u8>,
    ) -> Option<BlockChain> {
        let length = self.stored_length(payload);
        message.clear();
        if length > INLINE_BYTES {
            return self.copy_blocks(payload, position, length, message);
        }
        atomic_copy::append(payload.get(1..PAYLOAD_WORDS)?, length, message);
        Some(BlockChain::default())
    }

    /// The length that a slot or a record says; unchecked.
    #[inline]
    fn stored_length(&self, payload: &[AtomicU64]) -> usize {
        payload.first().map_or(0, |length| length.load(Ordering::Relaxed)) as usize
    }

    /// Notes that a producer waits for blocks although a slot is free. Returns whether that is new:
    /// then the slot may do for another producer's message, which is shorter.
    pub(crate) fn want_room(&self) -> bool {
        is_raised(&self.state.room_wanted)
    }

    /// Whether producers wait for blocks: all of them are to be woken after a message has gone,
    /// because whose message fits now is not known.
    pub(crate) fn is_room_wanted(&self) -> bool {
        is_lowered(&self.state.room_wanted)
    }

    /// Whether consumers wait for a record.
    pub(crate) fn are_records_wanted(&self) -> bool {
        is_lowered(&self.state.records_wanted)
    }

    /// The producers' hint: how far they have come, about.
    pub(crate) fn pushed(&self) -> u64 {
        self.ring.pushed()
    }

    /// The consumers' hint: how far they have come, about.
    pub(crate) fn popped(&self) -> u64 {
        self.ring.popped()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.ring.is_closed()
    }

    /// Closes the queue. `false` if it was closed already.
    pub(crate) fn close(&self) -> bool {
        self.ring.close()
    }
}

/// Raises a flag; `false` if it was raised.
fn is_raised(flag: &AtomicU64) -> bool {
    // ORDER: relaxed; the barrier of a waiter that parks comes after it.
    flag.load(Ordering::Relaxed) == 0 && flag.swap(1, Ordering::Relaxed) == 0
}

/// Lowers a flag; `false` if it was not raised.
fn is_lowered(flag: &AtomicU64) -> bool {
    // Pairs with the heavy one before the last look of a waiter that parks.
    barrier::light();
    flag.load(Ordering::Relaxed) != 0 && flag.swap(0, Ordering::Relaxed) != 0
}
