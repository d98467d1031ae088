//! A readers-writer lock without a count that readers share: each participant counts its own, and a writer looks at all counts.
//!
//! After Hsieh and Weihl's static algorithm (IPPS 1992) and Linux's big-reader lock, with a count for each process in the place of a
//! lock for each processor, so that the readers of a dead process can be told from those of the living. Writers take a robust lock
//! first, which lies in front of the state.
//!
//! | word | meaning | who moves it |
//! |---|---|---|
//! | `count` of participant p: n | p reads n times, or is about to look whether it may | p. It dead or gone: who repairs, to 0 |
//! | `writer`: NONE | readers come in | a writer, to WAITING |
//! | `writer`: WAITING, p | new readers keep out, and p waits for those inside | p, to WRITING, when it has seen each count 0; or to NONE, when it gives up |
//! | `writer`: WRITING, p | p is in its section | p, to NONE: **this store ends the section** |
//! | `writer`: not NONE, the lock free | p died | who takes the lock, to NONE or to its own WAITING; `abandoned` first, if p was writing |
//! | `abandoned`: 1 | a section has ended by a death, and no writer knows it | the next writer, in its section, to 0 |
//!
//! Only who holds the robust lock writes `writer` and `abandoned`. So there is never a doubt whether the writer that the word names
//! lives: who gets the lock while the word names anybody knows that it does not.
//!
//! A reader adds itself to its count and then looks at `writer`; a writer stores WAITING and then looks at the counts. So one of
//! them sees the other. A count that was 0 behind WAITING belongs to readers from then on that will see the writer, and take
//! themselves back.

#[cfg(all(test, loom))]
mod model;

use super::event_count::{EventCount, WAKE_ALL};
use super::wait_stats::{Counter, WaitStats};
use crate::primitive::{AtomicU32, AtomicU64, Ordering, fence, seq_cst};

/// The state, behind the writers' lock.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[repr(C)]
pub(crate) struct RwLockState {
    writer: AtomicU32,
    abandoned: AtomicU32,
    _padding1: [u64; 15],
    /// Readers sleep on it.
    pub(crate) readers: EventCount,
    /// The one writer that waits for readers sleeps on it.
    pub(crate) readers_gone: EventCount,
    /// Of readers that found a writer,
    pub(crate) blocked_readers: WaitStats,
    /// and of writers that found readers.
    pub(crate) blocked_writers: WaitStats,
    /// Participants that were sent out as readers, dead or gone.
    pub(crate) repairs: Counter,
    _padding2: [u64; 8],
}

/// The first word of a participant's count to that of the next: a cache line.
const COUNT_STRIDE: usize = if cfg!(loom) { 1 } else { 8 };

/// Where the state lies behind the start of the lock, and the counts.
#[cfg(not(loom))]
pub(crate) const STATE_AT: u64 = 128;
#[cfg(not(loom))]
pub(crate) const COUNTS_AT: u64 = STATE_AT + size_of::<RwLockState>() as u64;

#[cfg(not(loom))]
const _: () = {
    assert!(size_of::<RwLockState>() == 256 && core::mem::offset_of!(RwLockState, readers) == 128);
    assert!(size_of::<super::mutex::MutexState>() as u64 <= STATE_AT);
};

// SAFETY: atomics, and bytes that nobody looks at.
#[cfg(not(loom))]
#[allow(unsafe_code)]
unsafe impl super::Cells for RwLockState {}

/// Bytes of a lock for so many participants, all in all; `None` where there cannot be so many.
#[cfg(not(loom))]
pub(crate) fn length(participants: u64) -> Option<u64> {
    (1..=0xffff).contains(&participants).then(|| COUNTS_AT + participants * (COUNT_STRIDE * 8) as u64)
}

/// Nobody writes or is about to.
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

    /// The count of a participant, if there can be such a one.
    #[inline(always)]
    pub(crate) fn count(&self, id: u32) -> Option<&'a AtomicU64> {
        self.counts.get((id as usize).checked_sub(1)? * COUNT_STRIDE)
    }

    /// Comes in as a reader, if no writer is there. `false` where one is; then nothing has happened.
    #[inline(always)]
    pub(crate) fn enter(&self, count: &AtomicU64) -> bool {
        // ORDER: SeqCst, here and in the load: the count must be seen before the look at the writer happens; pairs with `announce_writer`.
        count.fetch_add(1, Ordering::SeqCst);
        seq_cst();
        // ORDER: and it is an Acquire that pairs with the Release in `finish`: what was written in there is seen.
        if self.state.writer.load(Ordering::SeqCst) == NONE {
            return true;
        }
        self.leave(count);
        false
    }

    /// Goes as a reader.
    #[inline(always)]
    pub(crate) fn leave(&self, count: &AtomicU64) {
        // ORDER: Release pairs with the Acquire in `first_reader`: what was read was read before. SeqCst, because it must be seen before
        // the look at the writer happens: who stores WAITING behind that look sees this.
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

    /// Whether it is this participant's.
    pub(crate) fn is_writer(&self, id: u32) -> bool {
        self.state.writer.load(Ordering::Relaxed) & !(WAITING | WRITING) == id
    }

    /// Whether a section has ended by a death and no writer knows. For who has come in.
    #[inline(always)]
    pub(crate) fn is_abandoned(&self) -> bool {
        // ORDER: relaxed; stored before the writer's word became what let the caller in.
        self.state.abandoned.load(Ordering::Relaxed) != 0
    }

    /// Clears away the word of a writer that has died. The caller holds the writers' lock.
    pub(crate) fn clear_dead_writer(&self) {
        if self.note_dead_writer() {
            self.finish();
        }
    }

    /// Whether the word names somebody, who must be dead.
    fn note_dead_writer(&self) -> bool {
        let word = self.state.writer.load(Ordering::Relaxed);
        if word & WRITING != 0 {
            // ORDER: relaxed; the store to `writer` that follows is a Release.
            self.state.abandoned.store(1, Ordering::Relaxed);
        }
        word != NONE
    }

    /// Keeps new readers out. The caller holds the writers' lock.
    #[inline]
    pub(crate) fn announce_writer(&self, me: u32) {
        self.note_dead_writer();
        // ORDER: SeqCst, so that it is seen before the looks at the counts happen; pairs with `enter` and `leave`.
        self.state.writer.store(me | WAITING, Ordering::SeqCst);
        seq_cst();
    }

    /// A participant that reads, from this one on; behind [`announce_writer`](Self::announce_writer), those before it need not be asked again.
    #[inline]
    pub(crate) fn first_reader(&self, from: u32) -> Option<u32> {
        let mut counts =
            self.counts.iter().step_by(COUNT_STRIDE).zip(1..).skip((from as usize).saturating_sub(1));
        // ORDER: SeqCst as in `announce_writer`, and an Acquire that pairs with the Release in `leave`.
        counts.find(|(count, _)| count.load(Ordering::SeqCst) != 0).map(|(_, id)| id)
    }

    /// Begins the section, when nobody reads any more. Says whether there is a death to be told, which then counts as told.
    #[inline]
    pub(crate) fn write(&self, me: u32) -> bool {
        self.state.writer.store(me | WRITING, Ordering::Relaxed);
        // ORDER: Release: who sees anything of the section sees that it has begun. A death before the next store is a new one to tell.
        fence(Ordering::Release);
        let death_pending = self.is_abandoned();
        if death_pending {
            self.state.abandoned.store(0, Ordering::Relaxed);
        }
        death_pending
    }

    /// Lets readers in, after the section or instead of it.
    #[inline]
    pub(crate) fn finish(&self) {
        // ORDER: Release pairs with the Acquire in `enter`.
        self.state.writer.store(NONE, Ordering::Release);
        self.state.readers.notify(WAKE_ALL);
    }

    /// Who reads, and how many times: for whoever only looks.
    #[cfg(not(loom))]
    pub(crate) fn readers(&self) -> impl Iterator<Item = (u32, u64)> {
        let counts = self.counts.iter().step_by(COUNT_STRIDE).map(|count| count.load(Ordering::Relaxed));
        counts.zip(1..).filter(|(count, _)| *count != 0).map(|(count, id)| (id, count))
    }

    /// Who writes, or waits to, and whether it writes already: for whoever only looks.
    #[cfg(not(loom))]
    pub(crate) fn writer(&self) -> Option<(u32, bool)> {
        let word = self.state.writer.load(Ordering::Relaxed);
        (word != NONE).then_some((word & !(WAITING | WRITING), word & WRITING != 0))
    }

    /// Sends out the readers of a participant that is dead or gone. What is left of it as a writer is for who takes the writers' lock.
    #[cfg_attr(loom, allow(dead_code))]
    pub(crate) fn repair(&self, id: u32) {
        if let Some(count) = self.count(id) {
            // ORDER: SeqCst, as in `leave`.
            let was_inside = count.swap(0, Ordering::SeqCst) != 0;
            self.state.repairs.add(was_inside.into());
            seq_cst();
            self.wake_writer();
        }
    }
}
