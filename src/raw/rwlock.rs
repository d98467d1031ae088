//! A readers-writer lock without a shared count of readers: each participant counts its own
//! readers, and a writer reads all counts.
//!
//! After Hsieh and Weihl's static algorithm (IPPS 1992) and Linux's big-reader lock, with a count
//! for each process in the place of a lock for each processor, so that the readers of a dead
//! process can be told from those of living ones. Writers take the writers' lock first, a
//! [`MutexState`](super::mutex::MutexState) that lies before the state.
//!
//! | word | meaning | who moves it |
//! |---|---|---|
//! | `count` of participant p: n | n readers of p are inside, or about to look whether they may be | p. If p is dead or has left, its repairers, to 0 |
//! | `writer`: NONE | readers enter | a writer, to WAITING |
//! | `writer`: WAITING, p | new readers stay out, and p waits for those inside | p, to WRITING, once it has seen each count 0; or to NONE, when it gives up |
//! | `writer`: WRITING, p | p is in its section | p, to NONE: **this store ends the section** |
//! | `writer`: not NONE, the writers' lock free | p died | the next holder of the writers' lock, to NONE or to its own WAITING; it sets `abandoned` first, if p was writing |
//! | `abandoned`: 1 | a section has ended by a death, and no writer has got the death report | the next writer, in its section, to 0 |
//!
//! Only the holder of the writers' lock writes `writer` and `abandoned`. So there is never a doubt
//! whether the writer that the word names is alive: a participant that gets the writers' lock
//! while the word names a writer knows that this writer is dead.
//!
//! Readers and a writer never miss each other. A reader adds itself to its count and then looks at
//! `writer`; a writer stores WAITING and then looks at the counts. So one of them sees the other.
//! If a count is 0 after WAITING was stored, readers that count themselves from then on see the
//! writer, and leave again.
//!
//! A writer looks at the counts of the participants up to the highest id that one ever had, as it
//! is after WAITING was stored. A process stores the highest id before it counts its first reader,
//! both by SeqCst operations. So a reader whose id is higher than the writer has found comes after
//! that look, sees the writer, and leaves again.
//!
//! An id that is used again does no harm. A count is moved by its own participant, and after its
//! death to 0 by any process that repairs: no participant has the id until the last of them is done,
//! so none of them clears a living one's count, however late it comes. A writer that finds a reader
//! asks nothing of the word but whether it is 0. The id in `writer` decides nothing about life or death: the
//! writers' lock does, whose word has the epoch of its holder's registration.
//!
//! No wake-up is lost. A reader that leaves looks at `writer` after it has left its count, and
//! notifies the writer; a writer notifies all readers after it has stored NONE. If either is killed
//! between the two, the repair, or the recheck interval of the parked waiters, makes up for it. A
//! repair wakes the readers, too: if the dead participant wrote, one of them takes the writers' lock
//! and clears the word.

#[cfg(all(test, loom))]
mod model;

use core::ops::RangeInclusive;

use super::event_count::{EventCount, WAKE_ALL};
use super::wait_stats::{Counter, WaitStats};
use crate::primitive::{AtomicU32, AtomicU64, Ordering, fence, seq_cst};

/// The state, after the writers' lock.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[repr(C)]
pub(crate) struct RwLockState {
    writer: AtomicU32,
    abandoned: AtomicU32,
    _padding1: [u64; 15],
    /// Readers park on it.
    pub(crate) readers: EventCount,
    /// The one writer that waits for readers parks on it.
    pub(crate) readers_gone: EventCount,
    /// Waits of readers that found a writer.
    pub(crate) blocked_readers: WaitStats,
    /// Waits of writers that found readers.
    pub(crate) blocked_writers: WaitStats,
    /// Participants that were evicted as readers after they died or left.
    pub(crate) repairs: Counter,
    _padding2: [u64; 7],
}

/// Words from one participant's count to the next: a cache line.
const COUNT_STRIDE: usize = if cfg!(loom) { 1 } else { 8 };

/// Where the state lies, in bytes from the start of the lock.
#[cfg(not(loom))]
pub(crate) const STATE_AT: u64 = 128;
/// Where the counts lie, in bytes from the start of the lock.
#[cfg(not(loom))]
pub(crate) const COUNTS_AT: u64 = STATE_AT + size_of::<RwLockState>() as u64;

#[cfg(not(loom))]
const _: () = {
    assert!(size_of::<RwLockState>() == 256 && core::mem::offset_of!(RwLockState, readers) == 128);
    assert!(size_of::<super::mutex::MutexState>() as u64 <= STATE_AT);
};

// SAFETY: atomics, and padding that is never accessed.
#[cfg(not(loom))]
#[allow(unsafe_code)]
unsafe impl super::Cells for RwLockState {}

/// Bytes of the whole lock for `participants` participants; `None` if there cannot be this many.
#[cfg(not(loom))]
pub(crate) fn length(participants: u64) -> Option<u64> {
    (1..=0xffff).contains(&participants).then(|| COUNTS_AT + participants * (COUNT_STRIDE * 8) as u64)
}

/// No writer writes or is about to.
const NONE: u32 = 0;
/// Flags beside the writer's id.
const WAITING: u32 = 1 << 30;
const WRITING: u32 = 1 << 31;

/// The lock, by reference.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawRwLock<'a> {
    state: &'a RwLockState,
    counts: &'a [AtomicU64],
}

impl<'a> RawRwLock<'a> {
    #[inline(always)]
    pub(crate) fn new(state: &'a RwLockState, counts: &'a [AtomicU64]) -> Self {
        Self { state, counts }
    }

    /// The count of a participant; `None` for an id that no participant has.
    #[inline(always)]
    pub(crate) fn count(&self, id: u32) -> Option<&'a AtomicU64> {
        self.counts.get((id as usize).checked_sub(1)? * COUNT_STRIDE)
    }

    /// Enters as a reader, if no writer is there. `false` if one is; then nothing has happened.
    #[inline(always)]
    pub(crate) fn enter(&self, count: &AtomicU64) -> bool {
        // ORDER: SeqCst, here and in the load: the count must be seen before the look at the writer
        // happens; pairs with `announce_writer`.
        count.fetch_add(1, Ordering::SeqCst);
        seq_cst();
        // ORDER: and it is an Acquire that pairs with the Release in `finish`: what the last writer
        // wrote in its section is seen.
        if self.state.writer.load(Ordering::SeqCst) == NONE {
            return true;
        }
        // A writer may have seen the count, and be parked because of it: `leave` notifies it.
        self.leave(count);
        false
    }

    /// Leaves as a reader, and notifies a writer that waits.
    #[inline(always)]
    pub(crate) fn leave(&self, count: &AtomicU64) {
        // ORDER: Release pairs with the Acquire in `first_reader`: what was read was read before.
        // SeqCst, because it must be seen before the look at the writer happens: a writer that
        // stores WAITING after that look sees this.
        count.fetch_sub(1, Ordering::SeqCst);
        seq_cst();
        if self.state.writer.load(Ordering::SeqCst) != NONE {
            self.wake_writer();
        }
    }

    #[cold]
    fn wake_writer(&self) {
        self.state.readers_gone.notify(WAKE_ALL);
    }

    /// Whether a writer writes, waits, or has died doing so.
    #[inline]
    pub(crate) fn has_writer(&self) -> bool {
        self.state.writer.load(Ordering::Relaxed) != NONE
    }

    /// Whether a section has ended by a death of which no writer has got the report. For a reader
    /// or writer that is inside.
    #[inline(always)]
    pub(crate) fn is_abandoned(&self) -> bool {
        // ORDER: relaxed; stored before the writer's word became the one that let the caller in.
        self.state.abandoned.load(Ordering::Relaxed) != 0
    }

    /// Clears the word of a dead writer, and lets readers in. The caller holds the writers' lock.
    pub(crate) fn clear_dead_writer(&self) {
        if self.note_dead_writer() {
            self.finish();
        }
    }

    /// Whether the word names a writer, which must be dead; if it died in its section, sets
    /// `abandoned`.
    fn note_dead_writer(&self) -> bool {
        let word = self.state.writer.load(Ordering::Relaxed);
        if word & WRITING != 0 {
            // ORDER: relaxed; the store to `writer` that follows is a Release.
            self.state.abandoned.store(1, Ordering::Relaxed);
        }
        word != NONE
    }

    /// Keeps new readers out, for participant `me`. The caller holds the writers' lock.
    #[inline]
    pub(crate) fn announce_writer(&self, me: u32) {
        self.note_dead_writer();
        // ORDER: SeqCst, so that it is seen before the looks at the counts happen; pairs with
        // `enter` and `leave`.
        self.state.writer.store(me | WAITING, Ordering::SeqCst);
        seq_cst();
    }

    /// The first of these participants that has readers inside. After
    /// [`announce_writer`](Self::announce_writer), a participant whose count was 0 need not be
    /// looked at again.
    #[inline]
    pub(crate) fn first_reader(&self, ids: RangeInclusive<u32>) -> Option<u32> {
        let (first, last) = ids.into_inner();
        let counts = self.counts.iter().step_by(COUNT_STRIDE).zip(1..).take(last as usize);
        let mut counts = counts.skip((first as usize).saturating_sub(1));
        // ORDER: SeqCst as in `announce_writer`, and an Acquire that pairs with the Release in
        // `leave`.
        counts.find(|(count, _)| count.load(Ordering::SeqCst) != 0).map(|(_, id)| id)
    }

    /// Begins the section of participant `me`, once no reader is inside. Returns whether there is a
    /// death report, which then counts as delivered.
    #[inline]
    pub(crate) fn write(&self, me: u32) -> bool {
        self.state.writer.store(me | WRITING, Ordering::Relaxed);
        // ORDER: Release: a participant that sees anything of the section sees that it has begun. A
        // death before the next store is a new one to report.
        fence(Ordering::Release);
        let death_pending = self.is_abandoned();
        if death_pending {
            self.state.abandoned.store(0, Ordering::Relaxed);
        }
        death_pending
    }

    /// Lets readers in, after the section or in the place of it.
    #[inline]
    pub(crate) fn finish(&self) {
        // ORDER: Release pairs with the Acquire in `enter`.
        self.state.writer.store(NONE, Ordering::Release);
        self.state.readers.notify(WAKE_ALL);
    }

    /// The participants with readers inside, and how many each has, for inspection.
    #[cfg(not(loom))]
    pub(crate) fn readers(&self) -> impl Iterator<Item = (u32, u64)> {
        let counts = self.counts.iter().step_by(COUNT_STRIDE).map(|count| count.load(Ordering::Relaxed));
        counts.zip(1..).filter(|(count, _)| *count != 0).map(|(count, id)| (id, count))
    }

    /// The participant that writes or waits to write, and whether it writes already, for
    /// inspection.
    #[cfg(not(loom))]
    pub(crate) fn writer(&self) -> Option<(u32, bool)> {
        let word = self.state.writer.load(Ordering::Relaxed);
        (word != NONE).then_some((word & !(WAITING | WRITING), word & WRITING != 0))
    }

    /// Evicts the readers of a participant that is dead or has left. What is left of it as a writer
    /// is cleared by the next holder of the writers' lock.
    #[cfg_attr(loom, allow(dead_code))]
    pub(crate) fn repair(&self, id: u32) {
        if let Some(count) = self.count(id) {
            // ORDER: SeqCst, as in `leave`.
            let was_inside = count.swap(0, Ordering::SeqCst) != 0;
            self.state.repairs.add(was_inside.into());
            seq_cst();
            // Even if it had no reader inside: it may have died after it left, before it notified
            // the writer.
            self.wake_writer();
            // The dead participant may be the writer.
            if self.has_writer() {
                self.state.readers.notify(WAKE_ALL);
            }
        }
    }
}
