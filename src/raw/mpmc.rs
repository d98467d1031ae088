//! A bounded ring with many producers and consumers, any of whom may be killed at any instruction.
//!
//! After Vyukov's bounded queue, whose slots each carry the lap they are in. Here a slot's word also names who is at work in
//! it, so that the work of the dead can be undone, and the two counters are mere hints that anyone may help forward.
//!
//! The word is `{lap:44 | owner:16 | state:4}`; position `{lap, index}` is the ring's `lap`-th use of slot `index`. For a slot in
//! lap `L`:
//!
//! | word | meaning | who moves it |
//! |---|---|---|
//! | `L`, FREE | position not used yet | a producer, by a CAS to `L`, WRITING |
//! | `L`, WRITING, owner | its message is being written | its owner, to `L`, FULL: **this store is the commit of a push**. Its owner dead: anybody, by a CAS to `L + 1`, FREE |
//! | `L`, FULL | holds a message | a consumer that has copied it out, by a CAS to `L + 1`, FREE: **this is the commit of a pop**. For a lease, to `L`, LEASED |
//! | `L`, LEASED, owner | its message is in its owner's hands | its owner, to `L + 1`, FREE (**the commit of an `ack`**) or to `L`, RETURNED. Its owner dead: anybody, by a CAS to `L`, RETURNED |
//! | `L`, RETURNED | holds a message that somebody has let fall | as FULL; it lies behind `head`, so consumers search for it |
//! | `L - 1`, LEASED or RETURNED | in the way of position `L` | a producer that comes by skips it, by a CAS that only raises the lap to `L` |
//!
//! `tail` and `head` never lie beyond the first position that is not pushed, or not popped, yet: a position is claimed only by who
//! finds it there, and passed only by who sees it claimed. They may lie behind, when their mover was killed or slow; then whoever
//! comes next finds used slots there and walks on.
//!
//! Repair follows proven death only. So the owner of a WRITING slot that is still WRITING may store without looking: nobody
//! takes the slot from a process that is merely slow.

mod lease;
#[cfg(all(test, loom))]
mod model;
mod slot_word;
#[cfg(not(loom))]
mod view;

use core::mem::MaybeUninit;

use super::atomic_copy::{self, WORD};
use super::cache_padded::CachePadded;
use super::event_count::EventCount;
use super::wait_stats::{Counter, WaitStats};
use crate::primitive::{AtomicU64, Ordering};
#[cfg_attr(loom, allow(unused_imports))] // Its users are floors above.
pub(crate) use lease::LeasedSlot;
use slot_word::{Lap, MpmcSlotState, MpmcSlotWord};
#[cfg(not(loom))]
pub(crate) use view::SlotUse;

/// The state, in front of the slots.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[repr(C)]
pub(crate) struct MpmcState {
    tail: CachePadded,
    head: CachePadded,
    /// Consumers sleep on it.
    pub(crate) items: EventCount,
    /// Producers sleep on it.
    pub(crate) space: EventCount,
    /// Not 0 once the queue is closed.
    closed: AtomicU64,
    /// `{count, whether there may be RETURNED slots}`.
    returned: AtomicU64,
    /// Of consumers that found nothing,
    pub(crate) empty: WaitStats,
    /// and of producers that found no room.
    pub(crate) full: WaitStats,
    /// Slots in which work of the dead was undone.
    pub(crate) repairs: Counter,
    _padding1: [u64; 6],
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<MpmcState>() == 384);

// SAFETY: atomics, and bytes that nobody looks at.
#[cfg(not(loom))]
#[allow(unsafe_code)]
unsafe impl super::Cells for MpmcState {}

/// Words from one slot to the next, for messages of `size` bytes.
pub(crate) const fn slot_words(size: usize) -> usize {
    1 + size.div_ceil(WORD)
}

/// Bytes of a ring with its state; `None` where there cannot be such a ring.
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

/// What of a ring does not change, in private memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MpmcGeometry {
    capacity: u64,
    slot_words: usize,
    /// Bits of a position below its lap.
    index_bits: u32,
}

impl MpmcGeometry {
    /// For a ring of so many slots, at least one, for messages of `size` bytes.
    pub(crate) fn new(capacity: u64, size: usize) -> Self {
        let index_bits = capacity.next_power_of_two().trailing_zeros();
        Self { capacity, slot_words: slot_words(size), index_bits }
    }

    pub(crate) fn capacity(&self) -> u64 {
        self.capacity
    }

    #[inline(always)]
    fn position(&self, lap: Lap, index: u64) -> u64 {
        lap.number() << self.index_bits | index
    }

    #[inline(always)]
    fn lap(&self, position: u64) -> Lap {
        Lap::new(position >> self.index_bits)
    }

    #[inline(always)]
    fn index(&self, position: u64) -> u64 {
        position & ((1 << self.index_bits) - 1)
    }

    /// The position behind this one.
    #[inline(always)]
    fn next(&self, position: u64) -> u64 {
        let index = self.index(position) + 1;
        if index < self.capacity { position + 1 } else { self.position(self.lap(position).next(), 0) }
    }

    /// Positions from `from` to `to`; negative where `to` lies behind.
    fn distance(&self, from: u64, to: u64) -> i64 {
        let bits = self.index_bits.min(63);
        // In a large ring, a position has not room for all of a lap: what is shifted out means nothing.
        let laps = self.lap(from).distance_within(self.lap(to), 64 - bits);
        let indices = self.index(to) as i64 - self.index(from) as i64;
        laps.saturating_mul(self.capacity as i64).saturating_add(indices)
    }
}

/// What became of an attempt to push or pop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MpmcAttempt {
    Done,
    /// Full, or empty.
    WouldBlock,
    /// Somebody is at work where this would go on.
    Behind(BusySlot),
    /// Words that no process that keeps to the rules has left so.
    Corrupt,
}

/// Where a message was pushed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pushed {
    index: u64,
    word: MpmcSlotWord,
}

/// A slot that somebody is at work in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BusySlot {
    index: u64,
    word: MpmcSlotWord,
}

impl BusySlot {
    /// The participant that is at work.
    pub(crate) fn owner(&self) -> u32 {
        self.word.owner()
    }
}

/// A word of a slot, and where the slot is.
#[derive(Clone, Copy)]
struct SlotRef<'a> {
    word: &'a AtomicU64,
    payload: &'a [AtomicU64],
    index: u64,
    lap: Lap,
}

#[allow(clippy::len_without_is_empty)]
impl<'a> MpmcRing<'a> {
    /// `slots` has [`slot_words`] words for each of the capacity's slots.
    #[inline(always)]
    pub(crate) fn new(state: &'a MpmcState, slots: &'a [AtomicU64], geometry: &'a MpmcGeometry) -> Self {
        Self { state, slots, geometry }
    }

    /// The slot of a position; `None` for a position that a ring cannot have.
    #[inline(always)]
    fn slot(&self, position: u64) -> Option<SlotRef<'a>> {
        let index = self.geometry.index(position);
        if index >= self.geometry.capacity {
            return None;
        }
        let start = index as usize * self.geometry.slot_words;
        let (word, payload) = self.slots.get(start..start + self.geometry.slot_words)?.split_first()?;
        Some(SlotRef { word, payload, index, lap: self.geometry.lap(position) })
    }

    /// More steps than any attempt takes that others do not keep from its end: somebody leads it round in circles.
    fn step_limit(&self) -> u64 {
        self.geometry.capacity.saturating_mul(16).saturating_add(1 << 20)
    }

    /// Puts a message into the next free slot, as participant `me`.
    #[inline(always)]
    pub(crate) fn try_push(&self, me: u32, message: &[u8]) -> Result<Pushed, MpmcAttempt> {
        // ORDER: Acquire pairs with the Release in `advance_hint`: the slots before this position show what made them passed.
        let mut position = self.state.tail.word.load(Ordering::Acquire);
        for _ in 0..self.step_limit() {
            let Some(slot) = self.slot(position) else { return Err(MpmcAttempt::Corrupt) };
            // ORDER: Acquire pairs with the Release of who freed the slot: what it read is read.
            let found = MpmcSlotWord::from(slot.word.load(Ordering::Acquire));
            if found == MpmcSlotWord::new(slot.lap, 0, MpmcSlotState::Free) {
                let claimed = MpmcSlotWord::new(slot.lap, me, MpmcSlotState::Writing);
                if slot.move_from(found, claimed) {
                    self.advance_hint(&self.state.tail, position);
                    atomic_copy::store(slot.payload, message);
                    // ORDER: Release pairs with the Acquire in `try_pop`. The commit.
                    let full = MpmcSlotWord::new(slot.lap, 0, MpmcSlotState::Full);
                    slot.word.store(full.into(), Ordering::Release);
                    return Ok(Pushed { index: slot.index, word: full });
                }
                continue;
            }
            let ahead = slot.lap.distance_to(found.lap());
            if ahead > 0 || ahead == 0 && found.state() != MpmcSlotState::Free {
                position = self.advance_hint_past(&self.state.tail, position, || {
                    self.earliest_unused(found.lap(), slot.index)
                });
                continue;
            }
            match found.state() {
                MpmcSlotState::Leased | MpmcSlotState::Returned if self.has_room_beyond(position) => {
                    slot.move_from(found, found.in_lap(slot.lap));
                }
                MpmcSlotState::Full | MpmcSlotState::Leased | MpmcSlotState::Returned => {
                    return Err(MpmcAttempt::WouldBlock);
                }
                MpmcSlotState::Writing => {
                    return Err(MpmcAttempt::Behind(BusySlot { index: slot.index, word: found }));
                }
                MpmcSlotState::Free | MpmcSlotState::Unknown => return Err(MpmcAttempt::Corrupt),
            }
        }
        Err(MpmcAttempt::Corrupt)
    }

    /// Takes back a message that was pushed too late. `false` where somebody has it by now.
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
            // ORDER: Release, so that the message is read before its slot is free; pairs with the Acquire in `try_push`. If the slot
            // is what it was, nobody has written it meanwhile, and the copy is whole. The commit.
            slot.move_from(found, MpmcSlotWord::new(found.lap().next(), 0, MpmcSlotState::Free))
        })
    }

    /// Finds the next message; `take` takes it from a slot, and says `false` where somebody was faster.
    #[inline(always)]
    fn try_take(&self, mut take: impl FnMut(SlotRef<'a>, MpmcSlotWord) -> bool) -> MpmcAttempt {
        // ORDER: as in `try_push`.
        let mut position = self.state.head.word.load(Ordering::Acquire);
        for _ in 0..self.step_limit() {
            let Some(slot) = self.slot(position) else { return MpmcAttempt::Corrupt };
            // ORDER: Acquire pairs with the Release of the commit in `try_push`: the message is there.
            let found = MpmcSlotWord::from(slot.word.load(Ordering::Acquire));
            if found == MpmcSlotWord::new(slot.lap, 0, MpmcSlotState::Full) {
                if take(slot, found) {
                    self.advance_hint(&self.state.head, position);
                    return MpmcAttempt::Done;
                }
                continue;
            }
            let ahead = slot.lap.distance_to(found.lap());
            match found.state() {
                MpmcSlotState::Free if ahead == 0 => return MpmcAttempt::WouldBlock,
                MpmcSlotState::Writing if ahead == 0 => {
                    return MpmcAttempt::Behind(BusySlot { index: slot.index, word: found });
                }
                MpmcSlotState::Full if ahead == 0 => return MpmcAttempt::Corrupt,
                MpmcSlotState::Unknown => return MpmcAttempt::Corrupt,
                _ if ahead >= 0 => {
                    position = self.advance_hint_past(&self.state.head, position, || self.earliest_unread());
                }
                // Not pushed yet: what lies there is in the way.
                MpmcSlotState::Leased | MpmcSlotState::Returned => return MpmcAttempt::WouldBlock,
                _ => return MpmcAttempt::Corrupt,
            }
        }
        MpmcAttempt::Corrupt
    }

    /// A position that `tail` cannot lie behind, seen from a slot in a later lap: the slot was used in the lap before that, and `head`
    /// is never beyond `tail`.
    fn earliest_unused(&self, lap: Lap, index: u64) -> u64 {
        let used = self.geometry.next(self.geometry.position(lap.before(), index));
        let head = self.state.head.word.load(Ordering::Acquire);
        if self.geometry.distance(used, head) > 0 { head } else { used }
    }

    /// A position that `head` cannot lie behind: all before it have been used again.
    fn earliest_unread(&self) -> u64 {
        let tail = self.state.tail.word.load(Ordering::Acquire);
        let (lap, index) = (self.geometry.lap(tail), self.geometry.index(tail));
        self.geometry.position(lap.before(), index)
    }

    /// Moves a counter past a position, unless somebody has done so. Not by a compare-and-swap: a mover that sleeps between its
    /// look and its store moves the counter back, and whoever comes next walks on from there.
    #[inline(always)]
    fn advance_hint(&self, counter: &CachePadded, position: u64) {
        if counter.word.load(Ordering::Relaxed) == position {
            // ORDER: Release pairs with the Acquire of who reads the counter: it sees this position's slot passed.
            counter.word.store(self.geometry.next(position), Ordering::Release);
        }
    }

    /// Helps a counter past a position, and gives the next one to try: `bound`, where the counter lay farther behind than that.
    #[cold]
    fn advance_hint_past(&self, counter: &CachePadded, position: u64, bound: impl FnOnce() -> u64) -> u64 {
        let now = counter.word.load(Ordering::Acquire);
        if now != position {
            return now;
        }
        let (next, bound) = (self.geometry.next(position), bound());
        let next = if self.geometry.distance(next, bound) > 0 { bound } else { next };
        // ORDER: Release, as in `advance_hint`.
        match counter.word.compare_exchange(position, next, Ordering::Release, Ordering::Acquire) {
            Ok(_) => next,
            Err(now) => now,
        }
    }

    /// Whether the queue is closed.
    #[inline(always)]
    pub(crate) fn is_closed(&self) -> bool {
        // ORDER: Acquire pairs with the Release in `close`.
        self.state.closed.load(Ordering::Acquire) != 0
    }

    /// Closes the queue. `false` where it was closed.
    pub(crate) fn close(&self) -> bool {
        // ORDER: Release pairs with the Acquire in `is_closed`.
        self.state.closed.swap(1, Ordering::AcqRel) == 0
    }

    /// How far producers have come.
    #[inline(always)]
    pub(crate) fn pushed(&self) -> u64 {
        self.state.tail.word.load(Ordering::Relaxed)
    }

    /// How far consumers have come.
    #[inline(always)]
    pub(crate) fn popped(&self) -> u64 {
        self.state.head.word.load(Ordering::Relaxed)
    }

    /// Messages in the ring, about: those in hands are not counted, those being written are.
    pub(crate) fn len(&self) -> u64 {
        let head = self.state.head.word.load(Ordering::Acquire);
        let tail = self.state.tail.word.load(Ordering::Acquire);
        let waiting = self.geometry.distance(head, tail).max(0) as u64;
        waiting.min(self.geometry.capacity)
    }
}

impl SlotRef<'_> {
    #[inline(always)]
    fn move_from(&self, from: MpmcSlotWord, to: MpmcSlotWord) -> bool {
        // ORDER: Acquire pairs with the Release of who brought the slot to this state; Release, so that what was done in the slot
        // comes before its new state.
        self.word.compare_exchange(from.into(), to.into(), Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}
