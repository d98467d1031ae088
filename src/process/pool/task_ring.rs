//! The task ring between a pool and its workers: the pool publishes tasks in slots, a worker claims
//! a task there and leaves the result in the task's slot.
//!
//! A slot's word is `{ticket:44 | worker:16 | state:4}`:
//!
//! | word | meaning | next |
//! |---|---|---|
//! | FREE | nothing | the pool fills the slot, and stores `t`, READY |
//! | `t`, READY | a task that no worker has claimed | a worker claims it by a CAS to `t`, `w`, CLAIMED: **the commit point of the claim** |
//! | `t`, `w`, CLAIMED | worker `w` runs the task | the worker writes the result, and stores `t`, `w`, DONE: **the commit point of the result**. If the worker has ended, the pool stores FREE: the task has failed, or is published once more |
//! | `t`, `w`, DONE | the task's result | the pool copies the result, and stores FREE |
//!
//! A worker that is killed at any instruction therefore leaves READY (the task was not claimed),
//! CLAIMED (this task, and no other, was cut short) or DONE (the result counts). When a worker has
//! ended, the pool reads all slots. Everything else that a worker leaves is a hint:
//!
//! - `order` is a ring of the READY slots in the order of their tickets, `{ticket:44 | slot:20}`;
//!   `tail` is where the pool appends. `head` is not beyond the first READY slot. It may lag if a
//!   worker was killed before it advanced it; the next worker then advances it.
//! - `done` has a bit for each slot that became DONE. If a killed worker has not set its bit, the
//!   pool finds the slot when it reads them all.
//!
//! The pool never takes a slot from a live worker. The pool is one process, whose death ends the
//! workers.

#![allow(unsafe_code)]

mod claim;

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use crate::cell::Array;
use crate::error::SegmentError;
use crate::primitive::{AtomicU64, Ordering};
use crate::raw::Cells;
use crate::raw::adaptive_spin::AdaptiveSpin;
use crate::raw::atomic_copy::{self, WORD};
use crate::raw::cache_padded::CachePadded;
use crate::raw::event_count::{EventCount, WAKE_ALL};
use crate::raw::wait::{Wait, WaitPoint, WakePolicy};
use crate::raw::wait_stats::WaitStats;
use crate::segment::Segment;
use crate::segment::object::sealed::ObjectImpl;
use crate::sys::barrier;

/// An event on cache lines of its own.
#[repr(C)]
struct PaddedEvent {
    word: EventCount,
    stats: WaitStats,
    _padding_to_lines: [u64; 12],
}

/// The words before the hints and the slots.
#[repr(C)]
struct TaskRingState {
    tail: CachePadded,
    head: CachePadded,
    /// Not 0 once no more tasks come.
    stop: CachePadded,
    /// Workers sleep on it.
    tasks: PaddedEvent,
    /// The pool sleeps on it.
    results: PaddedEvent,
}

const _: () = assert!(size_of::<TaskRingState>() == 5 * LINE);

// SAFETY: atomics, and padding that no code reads.
unsafe impl Cells for TaskRingState {}

/// Bytes of two cache lines, which processors fetch together.
const LINE: usize = 128;
const LINE_WORDS: usize = LINE / WORD;

/// Words of a slot: its word, the header, the contents.
const SLOT_WORDS: usize = 4 * LINE_WORDS;
const HEADER_WORDS: usize = 4;
const BODY_OFFSET: usize = 1 + HEADER_WORDS;

/// Bytes of contents for which a slot has room.
pub(super) const BODY_CAPACITY: usize = (SLOT_WORDS - BODY_OFFSET) * WORD;

/// The header of a task or a result; [`wire`](super::wire) encodes it.
pub(super) type SlotHeader = [u64; HEADER_WORDS];

const STATE_BITS: u32 = 4;
const WORKER_BITS: u32 = 16;
const SLOT_BITS: u32 = STATE_BITS + WORKER_BITS;
const TICKETS: u64 = 1 << (64 - SLOT_BITS);

/// The most slots that a task ring may have.
const MAX_SLOTS: usize = 1 << SLOT_BITS;

const READY: u64 = 1;
const CLAIMED: u64 = 2;
const DONE: u64 = 3;

/// The state of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TaskSlotState {
    Claimed {
        ticket: u64,
        worker: u32,
    },
    Done {
        ticket: u64,
        worker: u32,
    },
    /// READY, FREE, or damaged.
    Other,
}

/// A task that a worker has claimed.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClaimedTask {
    pub(super) slot: usize,
    ticket: u64,
}

fn word(ticket: u64, worker: u32, state: u64) -> u64 {
    ticket << SLOT_BITS | u64::from(worker) << STATE_BITS | state
}

/// One process's handle of the task ring.
pub(super) struct TaskRing {
    array: Array<u64>,
    state: NonNull<TaskRingState>,
    /// A bit for each slot that became DONE.
    done: NonNull<[AtomicU64]>,
    order: NonNull<[AtomicU64]>,
    /// How far each worker has come.
    stages: NonNull<[AtomicU64]>,
    slots: NonNull<[AtomicU64]>,
    spin: AdaptiveSpin,
}

// SAFETY: the pointers are to atomics in the mapping that `array` keeps alive.
unsafe impl Send for TaskRing {}
// SAFETY: as above.
unsafe impl Sync for TaskRing {}

/// Where the parts of the task ring lie, in words.
#[derive(Clone, Copy)]
struct TaskRingLayout {
    done: usize,
    order: usize,
    stages: usize,
    slots: usize,
    end: usize,
}

impl TaskRingLayout {
    fn new(slots: usize, workers: usize) -> Self {
        let lines = |words: usize| words.next_multiple_of(LINE_WORDS);
        let done = size_of::<TaskRingState>() / WORD;
        let order = done + lines(slots / 64);
        let stages = order + lines(slots);
        let slots_at = stages + lines(workers);
        Self { done, order, stages, slots: slots_at, end: slots_at + slots * SLOT_WORDS }
    }
}

impl TaskRing {
    /// Creates a task ring with this many slots, a power of two of at least 64.
    pub(super) fn create(slots: usize, workers: usize) -> Result<Self, SegmentError> {
        // Some words more, to align the ring to a line.
        let words = TaskRingLayout::new(slots, workers).end + LINE_WORDS;
        // Ended workers stay participants until their ids are needed.
        let participants = (workers as u32 + 8).min(u32::from(u16::MAX));
        let tables = u64::from(participants) * 256 + (16 << 10);
        let segment = Segment::builder()
            .participants(participants)
            .objects(1)
            .create_anonymous(tables + (words * WORD) as u64)?;
        // Workers that start later open it through this process, whatever becomes of descriptors.
        segment.keep_file();
        let array = segment.add::<Array<u64>>("board", words)?;
        Self::attach(array, slots, workers).ok_or(SegmentError::NoSpace { needed: words as u64 })
    }

    /// The array in which the task ring lies, for a worker to [attach](Self::attach).
    pub(super) fn array(&self) -> Array<u64> {
        self.array.clone()
    }

    /// Finds the parts of a task ring in its array; `None` if the array is too short for these
    /// sizes.
    pub(super) fn attach(array: Array<u64>, slots: usize, workers: usize) -> Option<Self> {
        if !slots.is_power_of_two() || !(64..=MAX_SLOTS).contains(&slots) || workers >= 1 << WORKER_BITS {
            return None;
        }
        barrier::register();
        let layout = TaskRingLayout::new(slots, workers);
        // After the array's lock. The mapping begins on a page in every process, so lines agree
        // between processes.
        let lock = size_of::<crate::raw::mutex::MutexState>();
        let all = array.region().words_from(lock as u64);
        let to_line = all.as_ptr().align_offset(LINE);
        let words = all.get(to_line..to_line + layout.end)?;
        let state = array.region().state_at::<TaskRingState>((lock + to_line * WORD) as u64);
        let slice_of = |from: usize, len: usize| Some(NonNull::from(words.get(from..from + len)?));
        Some(Self {
            state: NonNull::from(state),
            done: slice_of(layout.done, slots / 64)?,
            order: slice_of(layout.order, slots)?,
            stages: slice_of(layout.stages, workers)?,
            slots: slice_of(layout.slots, slots * SLOT_WORDS)?,
            spin: AdaptiveSpin::default(),
            array,
        })
    }

    fn state(&self) -> &TaskRingState {
        // SAFETY: taken from a reference into the mapping, which `self.array` keeps mapped.
        unsafe { self.state.as_ref() }
    }

    fn done(&self) -> &[AtomicU64] {
        // SAFETY: as in `state`.
        unsafe { self.done.as_ref() }
    }

    fn order(&self) -> &[AtomicU64] {
        // SAFETY: as in `state`.
        unsafe { self.order.as_ref() }
    }

    /// A slot's word, and the words after it.
    fn slot(&self, slot: usize) -> Option<(&AtomicU64, &[AtomicU64])> {
        // SAFETY: as in `state`.
        let slots = unsafe { self.slots.as_ref() };
        slots.get(slot * SLOT_WORDS..(slot + 1) * SLOT_WORDS)?.split_first()
    }

    fn stage(&self, worker: u32) -> Option<&AtomicU64> {
        // SAFETY: as in `state`.
        unsafe { self.stages.as_ref() }.get(worker as usize)
    }

    pub(super) fn slots(&self) -> usize {
        self.order().len()
    }

    fn write(&self, slot: usize, header: &SlotHeader, body: &[u8]) {
        if let Some((_, rest)) = self.slot(slot) {
            let (head, contents) = rest.split_at(HEADER_WORDS);
            for (word, value) in head.iter().zip(header) {
                word.store(*value, Ordering::Relaxed);
            }
            atomic_copy::store(contents, &body[..body.len().min(BODY_CAPACITY)]);
        }
    }

    /// The header of a slot.
    pub(super) fn header(&self, slot: usize) -> SlotHeader {
        let mut header = SlotHeader::default();
        if let Some((_, rest)) = self.slot(slot) {
            for (value, word) in header.iter_mut().zip(rest) {
                *value = word.load(Ordering::Relaxed);
            }
        }
        header
    }

    /// Appends `len` bytes of a slot's contents, at most the slot's capacity.
    pub(super) fn read(&self, slot: usize, len: usize, into: &mut Vec<u8>) {
        let len = len.min(BODY_CAPACITY);
        let Some((_, rest)) = self.slot(slot) else { return };
        into.reserve(len);
        let space: &mut [MaybeUninit<u8>] = &mut into.spare_capacity_mut()[..len];
        atomic_copy::load(&rest[HEADER_WORDS..], space);
        // SAFETY: `load` has filled `len` bytes of the spare capacity.
        unsafe { into.set_len(into.len() + len) };
    }
}

/// The pool's side. One thread at a time uses it.
impl TaskRing {
    /// The ticket after this one.
    pub(super) fn ticket_after(ticket: u64) -> u64 {
        (ticket + 1) % TICKETS
    }

    /// Publishes a task in a free slot under a ticket. Tickets follow each other without gaps.
    pub(super) fn publish(&self, slot: usize, ticket: u64, header: &SlotHeader, body: &[u8]) {
        self.make_room(ticket);
        self.write(slot, header, body);
        let Some((task, _)) = self.slot(slot) else { return };
        // ORDER: Release pairs with the Acquire in `try_claim`: a worker that finds the task finds
        // its contents.
        task.store(word(ticket, 0, READY), Ordering::Release);
        let place = ticket as usize & (self.slots() - 1);
        self.order()[place].store(ticket << SLOT_BITS | slot as u64, Ordering::Relaxed);
        // ORDER: Release pairs with the Acquire in `try_claim`: the entry of `order` and the slot's
        // word are there.
        self.state().tail.word.store(Self::ticket_after(ticket), Ordering::Release);
    }

    /// Advances `head` until `order` has room for one more entry. A slot is free, so not every
    /// entry is READY.
    fn make_room(&self, ticket: u64) {
        for _ in 0..=self.slots() {
            let head = self.state().head.word.load(Ordering::Acquire);
            if ticket.wrapping_sub(head) % TICKETS < self.slots() as u64 {
                return;
            }
            self.advance_past(head);
        }
    }

    /// Wakes workers for `count` new tasks.
    pub(super) fn wake_workers(&self, count: usize) {
        self.state().tasks.word.notify(u32::try_from(count).unwrap_or(WAKE_ALL));
    }

    /// The state of a slot.
    pub(super) fn slot_state(&self, slot: usize) -> TaskSlotState {
        // ORDER: Acquire pairs with the Release in `finish`: the result is there.
        let word = self.slot(slot).map_or(0, |(word, _)| word.load(Ordering::Acquire));
        let (ticket, worker) = (word >> SLOT_BITS, (word >> STATE_BITS) as u32 & ((1 << WORKER_BITS) - 1));
        match word & ((1 << STATE_BITS) - 1) {
            CLAIMED => TaskSlotState::Claimed { ticket, worker },
            DONE => TaskSlotState::Done { ticket, worker },
            _ => TaskSlotState::Other,
        }
    }

    /// Frees a slot whose result has been copied, or whose worker has ended.
    pub(super) fn free(&self, slot: usize) {
        if let Some((word, _)) = self.slot(slot) {
            // ORDER: relaxed; only the pool fills it again.
            word.store(0, Ordering::Relaxed);
        }
    }

    fn wait_point<'a>(&'a self, at: &'a PaddedEvent, policy: WakePolicy) -> WaitPoint<'a, AdaptiveSpin> {
        WaitPoint { event: &at.word, stats: &at.stats, policy, spin: &self.spin }
    }

    /// Waits until there are results, or `is_over`.
    pub(super) fn wait_for_results(&self, is_over: impl Fn() -> bool) {
        let try_once = || {
            let some = self.done().iter().any(|bits| bits.load(Ordering::Relaxed) != 0);
            (some || is_over()).then_some(())
        };
        // A wait without a timeout ends with what it waited for.
        let _ =
            self.wait_point(&self.state().results, WakePolicy::Single).wait(Wait::Forever, try_once, || {});
    }

    /// Wakes the thread that waits for results.
    pub(super) fn wake_pool(&self) {
        self.state().results.word.notify(WAKE_ALL);
    }

    /// Calls `with` once for each slot that became DONE.
    pub(super) fn drain_done(&self, mut with: impl FnMut(usize)) {
        for (index, bits) in self.done().iter().enumerate() {
            if bits.load(Ordering::Relaxed) == 0 {
                continue;
            }
            // ORDER: Acquire pairs with the Release in `finish`: the slots' words are there.
            let mut rest = bits.swap(0, Ordering::Acquire);
            while rest != 0 {
                with(index * 64 + rest.trailing_zeros() as usize);
                rest &= rest - 1;
            }
        }
    }

    /// Tells the workers that no more tasks come: a worker that finds none ends.
    pub(super) fn stop(&self) {
        // ORDER: Release pairs with the Acquire in `claim`.
        self.state().stop.word.store(1, Ordering::Release);
        self.state().tasks.word.notify(WAKE_ALL);
    }

    /// How far a worker has come; 0 before it has stored a stage.
    pub(super) fn stage_of(&self, worker: u32) -> u64 {
        // ORDER: Acquire pairs with the Release in `set_stage`.
        self.stage(worker).map_or(0, |stage| stage.load(Ordering::Acquire))
    }

    /// Stores how far a worker has come.
    pub(super) fn set_stage(&self, worker: u32, to: u64) {
        if let Some(stage) = self.stage(worker) {
            // ORDER: Release pairs with the Acquire in `stage_of`.
            stage.store(to, Ordering::Release);
        }
    }
}
