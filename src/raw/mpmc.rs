//! A bounded ring with many producers and consumers, any of which may be killed at any instruction.
//!
//! After Vyukov's bounded MPMC queue (1024cores.net), in which each slot carries the lap it is in.
//! Two things differ: a slot's word also names the participant that is at work in the slot, so that
//! what a dead participant has begun can be undone; and the two counters are hints, which any
//! participant may advance.
//!
//! The word of a slot is `{lap:44 | owner:16 | state:4}`. Position `{lap, index}` is the ring's
//! `lap`-th use of slot `index`. For a slot in lap `L`:
//!
//! | word | meaning | who moves it |
//! |---|---|---|
//! | `L`, FREE | position not used yet | a producer, by a CAS to `L`, WRITING |
//! | `L`, WRITING, owner | the owner writes its message | the owner, to `L`, FULL: **this store is the commit point of a push**. If the owner is dead, any participant, by a CAS to `L + 1`, FREE |
//! | `L`, FULL | holds a message | a consumer that has copied it out, by a CAS to `L + 1`, FREE: **this is the commit point of a pop**. A consumer that leases it, by a CAS to `L`, LEASED. The producer that pushed it after the queue was closed, by a CAS to `L + 1`, FREE |
//! | `L`, LEASED, owner | the owner has leased the message | the owner, to `L + 1`, FREE (**the commit point of an `ack`**) or to `L`, RETURNED. If the owner is dead, any participant, by a CAS to `L`, RETURNED |
//! | `L`, RETURNED | holds a message whose lease ended without an `ack` | as FULL, by consumers alone. `head` passes such a slot, so consumers look for it where [`returned`] says |
//! | `L`, TAKEN, owner | the owner moves the message out of the ring, into a record of the [message ring](super::message_ring), without which no slot is TAKEN | the owner, to `L + 1`, FREE, once the record has the message. If the owner is dead, any participant, once the record has it |
//! | `L - 1`, LEASED or RETURNED | the slot's last message keeps position `L` from being used | a producer that comes to position `L` skips it, by a CAS that only raises the lap to `L` |
//!
//! `tail` never lies after the first position that is not pushed yet, nor `head` after the first
//! that is not popped yet: a position is claimed only by a participant that walked to it from the
//! hint, and a hint is moved past a position only after the position was seen claimed. A hint may
//! lag, if its mover was killed or is slow; then the next participant finds used slots at the hint
//! and walks on.
//!
//! No message is lost, and a message is delivered again only if its lease has ended without an
//! `ack`. A message is in the ring from the store of FULL on, and each way out of the ring is one
//! CAS, which one participant wins. A consumer that is killed before its CAS has taken nothing; one
//! that is killed with a lease leaves the slot's word, from which the lease is reclaimed. No wake-up
//! is lost either, beyond what a recheck interval bounds: the event counts are notified after the
//! commit point, and a participant that is killed between the two leaves the others parked for at
//! most that interval.
//!
//! Several participants may undo the work of one dead participant at a time, and one of them may go
//! on long after the others: by a CAS of the word that it has found. A WRITING word never comes
//! again, because of its lap. A LEASED word might, in the same lap, for a later participant of the
//! same id; so leases are reclaimed by participants alone that keep the id from being used meanwhile.
//! Notes and notifications may come at any time, and each of them gives all.
//!
//! Repair follows proven death only. So the owner of a WRITING slot stores FULL without a CAS: no
//! participant takes the slot from a process that is merely slow.

mod flags;
mod geometry;
mod lease;
mod len;
#[cfg(all(test, loom))]
mod model;
mod returned;
mod slot_word;
#[cfg(not(loom))]
mod view;

use core::mem::MaybeUninit;

use super::atomic_copy::{self, WORD};
use super::cache_padded::CachePadded;
use super::event_count::EventCount;
use super::wait_stats::{Counter, WaitStats};
use crate::primitive::{AtomicU64, Ordering};
pub(crate) use geometry::MpmcGeometry;
#[cfg_attr(loom, allow(unused_imports))] // Its users are floors above.
pub(crate) use lease::LeasedSlot;
use slot_word::Lap;
pub(super) use slot_word::{MpmcSlotState, MpmcSlotWord};
#[cfg(not(loom))]
pub(crate) use view::SlotUse;

/// The state, before the slots.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[repr(C)]
pub(crate) struct MpmcState {
    tail: CachePadded,
    head: CachePadded,
    /// Consumers park on it.
    pub(crate) items: EventCount,
    /// Producers park on it.
    pub(crate) space: EventCount,
    /// Whether the queue is closed, and what has ever happened in it; see [`flags`].
    flags: AtomicU64,
    /// Which slots may be RETURNED; see [`returned`].
    returned: AtomicU64,
    /// Waits of consumers that found no message.
    pub(crate) empty: WaitStats,
    /// Waits of producers that found no room.
    pub(crate) full: WaitStats,
    /// Slots in which the work of a dead participant was undone.
    pub(crate) repairs: Counter,
    _padding1: [u64; 5],
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<MpmcState>() == 384);

// SAFETY: atomics, and padding that is never accessed.
#[cfg(not(loom))]
#[allow(unsafe_code)]
unsafe impl super::Cells for MpmcState {}

/// Words from one slot to the next, for messages of `size` bytes.
pub(crate) const fn slot_words(size: usize) -> usize {
    1 + size.div_ceil(WORD)
}

/// Bytes of a ring with its state; `None` if there cannot be such a ring.
#[cfg(not(loom))]
pub(crate) fn length(capacity: u64, size: usize) -> Option<u64> {
    let words = capacity.checked_mul(slot_words(size) as u64)?;
    let largest = 1 << 40;
    (1..largest).contains(&capacity).then_some(())?;
    words.checked_mul(WORD as u64)?.checked_add(size_of::<MpmcState>() as u64)
}

/// A ring, by reference.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MpmcRing<'a> {
    state: &'a MpmcState,
    slots: &'a [AtomicU64],
    geometry: &'a MpmcGeometry,
}

/// The result of one attempt to push or pop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MpmcAttempt {
    Done,
    /// The ring is full, or empty.
    WouldBlock,
    /// A producer is writing the next slot: it has to commit, or to be found dead, before this goes
    /// on.
    Behind(BusySlot),
    /// The words are such as no participant that keeps to the protocol leaves.
    Corrupt,
}

/// Where a message was pushed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pushed {
    index: u64,
    word: MpmcSlotWord,
}

/// A slot that a participant is at work in, and its word as it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BusySlot {
    index: u64,
    word: MpmcSlotWord,
}

impl BusySlot {
    /// The participant that is at work in the slot.
    pub(crate) fn owner(&self) -> u32 {
        self.word.owner()
    }
}

/// A slot's word and payload, and the position by which the slot was found.
#[derive(Clone, Copy)]
pub(super) struct SlotRef<'a> {
    pub(super) word: &'a AtomicU64,
    pub(super) payload: &'a [AtomicU64],
    pub(super) index: u64,
    lap: Lap,
}

#[allow(clippy::len_without_is_empty)]
impl<'a> MpmcRing<'a> {
    /// The ring of this state, in `slots`: [`slot_words`] words for each slot of the capacity.
    #[inline(always)]
    pub(crate) fn new(state: &'a MpmcState, slots: &'a [AtomicU64], geometry: &'a MpmcGeometry) -> Self {
        Self { state, slots, geometry }
    }

    /// The slot of a position; `None` for a position that a ring cannot have.
    #[inline(always)]
    pub(super) fn slot(&self, position: u64) -> Option<SlotRef<'a>> {
        let index = self.geometry.index(position);
        // Only a damaged hint leads here.
        if index >= self.geometry.capacity {
            return None;
        }
        let start = index as usize * self.geometry.slot_words;
        let (word, payload) = self.slots.get(start..start + self.geometry.slot_words)?.split_first()?;
        Some(SlotRef { word, payload, index, lap: self.geometry.lap(position) })
    }

    /// More steps than an attempt takes, unless a participant that breaks the protocol leads it
    /// round in circles.
    fn step_limit(&self) -> u64 {
        self.geometry.capacity.saturating_mul(16).saturating_add(1 << 20)
    }

    /// Puts a message into the next free slot, as participant `me`.
    #[inline(always)]
    pub(crate) fn try_push(&self, me: u32, message: &[u8]) -> Result<Pushed, MpmcAttempt> {
        self.try_push_with(me, |_, payload| atomic_copy::store(payload, message))
    }

    /// Claims the next free slot as participant `me`, has `fill` write the payload of the slot at
    /// this position, and commits.
    #[inline(always)]
    pub(super) fn try_push_with(
        &self,
        me: u32,
        fill: impl FnOnce(u64, &[AtomicU64]),
    ) -> Result<Pushed, MpmcAttempt> {
        loop {
            let (position, slot, found) = self.find_free()?;
            let claimed = MpmcSlotWord::new(slot.lap, me, MpmcSlotState::Writing);
            // Otherwise another producer claimed the slot first; its word now says so.
            if slot.move_from(found, claimed) {
                // Before the copy, so that other producers go to the next slot meanwhile.
                self.advance_hint(&self.state.tail, position);
                fill(position, slot.payload);
                // ORDER: Release pairs with the Acquire in `try_take`. The commit point.
                let full = MpmcSlotWord::new(slot.lap, 0, MpmcSlotState::Full);
                slot.word.store(full.into(), Ordering::Release);
                return Ok(Pushed { index: slot.index, word: full });
            }
        }
    }

    /// Finds the next slot that is free: its position, the slot, and its word.
    #[inline(always)]
    pub(super) fn find_free(&self) -> Result<(u64, SlotRef<'a>, MpmcSlotWord), MpmcAttempt> {
        // ORDER: Acquire pairs with the Release in `advance_hint`: the slots before this position
        // show what made them passed.
        let mut position = self.state.tail.word.load(Ordering::Acquire);
        for _ in 0..self.step_limit() {
            let Some(slot) = self.slot(position) else { return Err(MpmcAttempt::Corrupt) };
            // ORDER: Acquire pairs with the Release of the participant that freed the slot: its
            // reads of the old message are done.
            let found = MpmcSlotWord::from(slot.word.load(Ordering::Acquire));
            if found == MpmcSlotWord::new(slot.lap, 0, MpmcSlotState::Free) {
                return Ok((position, slot, found));
            }
            let ahead = slot.lap.distance_to(found.lap());
            // The position is used, in this lap or before a later one: the hint lags, or a lease
            // was just skipped.
            if ahead > 0 || ahead == 0 && found.state() != MpmcSlotState::Free {
                position = self.advance_hint_past(&self.state.tail, position, || {
                    self.earliest_unused(found.lap(), slot.index)
                });
                continue;
            }
            // The slot is in an earlier lap still: the ring has come round to what is not gone yet.
            match found.state() {
                // A lease may last for ever, so it must not block the ring while another slot is
                // free. If this CAS fails, the lease has ended or the slot was skipped: either way
                // the next look decides.
                MpmcSlotState::Leased | MpmcSlotState::Returned if self.has_room_beyond(position) => {
                    slot.move_from(found, found.in_lap(slot.lap));
                }
                // The last lap's message is not popped yet, or no slot after the lease is free:
                // full.
                MpmcSlotState::Full | MpmcSlotState::Leased | MpmcSlotState::Returned => {
                    return Err(MpmcAttempt::WouldBlock);
                }
                // The producer of the last lap has not committed, or its consumer moves the message
                // out. It may be dead; the caller finds out.
                MpmcSlotState::Writing | MpmcSlotState::Taken => {
                    return Err(MpmcAttempt::Behind(BusySlot { index: slot.index, word: found }));
                }
                // A slot that is FREE for an earlier lap: `tail` never passes an unused position.
                MpmcSlotState::Free | MpmcSlotState::Unknown => return Err(MpmcAttempt::Corrupt),
            }
        }
        Err(MpmcAttempt::Corrupt)
    }

    /// Takes back a message that was pushed after the queue was closed. `false` if a consumer has
    /// it by now.
    #[cold]
    pub(crate) fn retract(&self, pushed: Pushed) -> bool {
        let Pushed { index, word } = pushed;
        self.slot(index).is_some_and(|slot| {
            slot.move_from(word, MpmcSlotWord::new(word.lap().next(), 0, MpmcSlotState::Free))
        })
    }

    /// Copies the next message out, and frees its slot.
    #[inline(always)]
    pub(crate) fn try_pop(&self, message: &mut [MaybeUninit<u8>]) -> MpmcAttempt {
        self.take_any(|slot, found| {
            atomic_copy::load(slot.payload, message);
            // ORDER: Release, so that the message is read before its slot is free; pairs with the
            // Acquire in `try_push`. If the word is as it was found, no producer has written the
            // slot meanwhile, and the copy is whole. The commit point.
            slot.move_from(found, MpmcSlotWord::new(found.lap().next(), 0, MpmcSlotState::Free))
        })
    }

    /// Finds the next message in the order of pushing. `take` takes it from its slot, and returns
    /// `false` if another consumer was faster, and `None` if the slot's words are no message's.
    #[inline(always)]
    pub(super) fn try_take(
        &self,
        mut take: impl FnMut(SlotRef<'a>, MpmcSlotWord) -> Option<bool>,
    ) -> MpmcAttempt {
        // ORDER: as in `try_push`.
        let mut position = self.state.head.word.load(Ordering::Acquire);
        for _ in 0..self.step_limit() {
            let Some(slot) = self.slot(position) else { return MpmcAttempt::Corrupt };
            // ORDER: Acquire pairs with the Release of the commit point in `try_push`: the message
            // is there.
            let found = MpmcSlotWord::from(slot.word.load(Ordering::Acquire));
            if found == MpmcSlotWord::new(slot.lap, 0, MpmcSlotState::Full) {
                match take(slot, found) {
                    Some(true) => {
                        self.advance_hint(&self.state.head, position);
                        return MpmcAttempt::Done;
                    }
                    // Another consumer took the message first; the word now says so.
                    Some(false) => continue,
                    None => return MpmcAttempt::Corrupt,
                }
            }
            let ahead = slot.lap.distance_to(found.lap());
            match found.state() {
                // The first position that no producer has claimed: empty.
                MpmcSlotState::Free if ahead == 0 => return MpmcAttempt::WouldBlock,
                // The next message in order is being written. Its producer may be dead; the caller
                // finds out.
                MpmcSlotState::Writing if ahead == 0 => {
                    return MpmcAttempt::Behind(BusySlot { index: slot.index, word: found });
                }
                // FULL, but not the word above: a full slot with an owner.
                MpmcSlotState::Full if ahead == 0 => return MpmcAttempt::Corrupt,
                MpmcSlotState::Unknown => return MpmcAttempt::Corrupt,
                // The position is popped, leased or skipped: the hint lags.
                _ if ahead >= 0 => {
                    position = self.advance_hint_past(&self.state.head, position, || self.earliest_unread());
                }
                // Not pushed yet: a lease of an earlier lap is in the way. Empty.
                MpmcSlotState::Leased | MpmcSlotState::Returned | MpmcSlotState::Taken => {
                    return MpmcAttempt::WouldBlock;
                }
                // The position of an earlier lap was not popped: `head` never passes such a one.
                _ => return MpmcAttempt::Corrupt,
            }
        }
        MpmcAttempt::Corrupt
    }

    /// A lower bound of where `tail` belongs, given that slot `index` was found in lap `lap`: the
    /// position after the slot's use in the lap before; or `head`, if that is later, because `head`
    /// never lies after the first position that is not pushed yet.
    fn earliest_unused(&self, lap: Lap, index: u64) -> u64 {
        let used = self.geometry.next(self.geometry.position(lap.previous(), index));
        let head = self.state.head.word.load(Ordering::Acquire);
        if self.geometry.distance(used, head) > 0 { head } else { used }
    }

    /// A lower bound of where `head` belongs: one lap before `tail`, because all positions before
    /// that have been used again.
    fn earliest_unread(&self) -> u64 {
        let tail = self.state.tail.word.load(Ordering::Acquire);
        let (lap, index) = (self.geometry.lap(tail), self.geometry.index(tail));
        self.geometry.position(lap.previous(), index)
    }

    /// Moves a hint from this position to the next, unless another participant has moved it
    /// already. With a load and a store instead of a CAS: a participant that is stopped between the
    /// two moves the hint back, and the next participant walks on from there.
    #[inline(always)]
    fn advance_hint(&self, counter: &CachePadded, position: u64) {
        if counter.word.load(Ordering::Relaxed) == position {
            // ORDER: Release pairs with the Acquire of the participants that read the hint: they
            // see this position's slot passed.
            counter.word.store(self.geometry.next(position), Ordering::Release);
        }
    }

    /// Moves a hint past a used position, and returns the next position to try. If `bound` lies
    /// after the next position, the hint is moved there at once.
    #[cold]
    fn advance_hint_past(&self, counter: &CachePadded, position: u64, bound: impl FnOnce() -> u64) -> u64 {
        let now = counter.word.load(Ordering::Acquire);
        // Another participant has moved the hint: go on from where it is.
        if now != position {
            return now;
        }
        let (next, bound) = (self.geometry.next(position), bound());
        let next = if self.geometry.distance(next, bound) > 0 { bound } else { next };
        // ORDER: Release, as in `advance_hint`.
        let moved = counter.word.compare_exchange(position, next, Ordering::Release, Ordering::Acquire);
        moved.map_or_else(|now| now, |_| next)
    }
}

impl SlotRef<'_> {
    /// Moves the slot's word from one state to the next. `false` if it was not `from`.
    #[inline(always)]
    pub(super) fn move_from(&self, from: MpmcSlotWord, to: MpmcSlotWord) -> bool {
        // ORDER: Acquire pairs with the Release of the participant that brought the slot to this
        // state; Release, so that what was done in the slot comes before its new state.
        self.word.compare_exchange(from.into(), to.into(), Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}
