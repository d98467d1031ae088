//! What a slab consists of, as it lies in shared memory.
//!
//! ```text
//!   0 stale           24 ready: first, last, count          128 items, and their wait statistics
//!   8 closed          48 free slots: first, -, count        192 space, likewise
//!  16 next stamp      72 free blocks: first, -, count       256 idle, likewise
//!                     96 first stamp, repairs, room wanted
//! 320 the slots, 32 bytes each: tag, chain, length, next
//!     the blocks, 64 bytes each: next, 56 bytes of a message
//! ```

#[cfg(not(loom))]
use core::mem::offset_of;
use core::ops::Deref;

use super::tag::Tag;
use crate::primitive::{AtomicU64, Ordering};
use crate::raw::atomic_copy::WORD;
use crate::raw::event_count::EventCount;
use crate::raw::wait_stats::{Counter, WaitStats};

/// Words of a message in a block: with the link, a cache line.
const PAYLOAD_WORDS: usize = 7;

/// Bytes of a message in a block.
pub(crate) const BLOCK_BYTES: usize = PAYLOAD_WORDS * WORD;

/// What lies before the slots.
#[cfg_attr(loom, derive(Default))]
#[repr(C, align(64))]
pub(crate) struct SlabHeader {
    /// Not 0 while a part of the index must not be believed, though no holder of the lock died: bit 1
    /// if that is the list of ready messages alone.
    pub(super) stale: AtomicU64,
    /// Not 0 for ever once the slab is closed.
    pub(super) closed: AtomicU64,
    /// The stamp of the next message. Stored before the message is committed: a death may skip one.
    pub(super) next_stamp: AtomicU64,
    /// The index.
    pub(super) ready: LinkList,
    pub(super) free_slots: LinkList,
    pub(super) free_blocks: LinkList,
    /// The stamp of the very first message.
    pub(super) first_stamp: AtomicU64,
    /// Messages that were taken back from the dead or gone.
    pub(super) repairs: Counter,
    /// Not 0 if a producer waits for blocks although a slot is free.
    pub(super) room_wanted: AtomicU64,
    /// Where they sleep who wait for a message,
    pub(crate) items: CountedEvent,
    /// for room,
    pub(crate) space: CountedEvent,
    /// or for everything to be done.
    pub(crate) idle: CountedEvent,
}

/// What to sleep on, and what became of who did. Has a cache line of its own.
#[cfg_attr(loom, derive(Default))]
#[repr(C, align(64))]
pub(crate) struct CountedEvent {
    event: EventCount,
    pub(crate) stats: WaitStats,
}

impl Deref for CountedEvent {
    type Target = EventCount;

    fn deref(&self) -> &EventCount {
        &self.event
    }
}

/// The ends of a list, and how long it is. Lists of free things have no use for their last.
#[cfg_attr(loom, derive(Default))]
#[repr(C)]
pub(super) struct LinkList {
    pub(super) first: AtomicU64,
    pub(super) last: AtomicU64,
    pub(super) count: AtomicU64,
}

#[cfg_attr(loom, derive(Default))]
#[repr(C)]
pub(super) struct SlabSlot {
    pub(super) tag: AtomicU64,
    /// The first block of the message.
    pub(super) chain: AtomicU64,
    /// Bytes of the message.
    pub(super) length: AtomicU64,
    /// In the list that the slot is in.
    pub(super) next: AtomicU64,
}

#[cfg_attr(loom, derive(Default))]
#[repr(C)]
pub(super) struct SlabBlock {
    pub(super) next: AtomicU64,
    pub(super) payload: [AtomicU64; PAYLOAD_WORDS],
}

#[cfg(not(loom))]
const _: () = {
    assert!(
        size_of::<SlabHeader>() == 320
            && offset_of!(SlabHeader, next_stamp) == 16
            && offset_of!(SlabHeader, ready) == 24
    );
    assert!(offset_of!(SlabHeader, free_slots) == 48 && offset_of!(SlabHeader, free_blocks) == 72);
    assert!(offset_of!(SlabHeader, first_stamp) == 96 && offset_of!(SlabHeader, repairs) == 104);
    assert!(
        offset_of!(SlabHeader, items) == 128
            && offset_of!(SlabHeader, space) == 192
            && offset_of!(SlabHeader, idle) == 256
    );
    assert!(
        size_of::<SlabSlot>() == 32 && offset_of!(SlabSlot, chain) == 8 && offset_of!(SlabSlot, length) == 16
    );
    assert!(size_of::<SlabBlock>() == 64 && offset_of!(SlabBlock, payload) == 8);
};

/// How large a slab is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlabLayout {
    pub(super) slots: usize,
    pub(super) blocks: usize,
}

impl SlabLayout {
    /// `None` for one without slots, and for more than there is memory for.
    pub(crate) fn new(slots: u64, blocks: u64) -> Option<Self> {
        // A slot's number has 32 bits in a lease.
        let slots = u32::try_from(slots).ok().filter(|slots| *slots > 0)? as usize;
        let layout = Self { slots, blocks: usize::try_from(blocks).ok()? };
        layout.length().map(|_| layout)
    }

    /// Bytes that it takes.
    pub(crate) fn length(self) -> Option<u64> {
        let slots = self.slots.checked_mul(size_of::<SlabSlot>())?;
        let blocks = self.blocks.checked_mul(size_of::<SlabBlock>())?;
        let length = size_of::<SlabHeader>().checked_add(slots)?.checked_add(blocks)?;
        u64::try_from(length).ok().filter(|length| *length <= i64::MAX as u64)
    }

    pub(crate) fn slots(self) -> usize {
        self.slots
    }

    /// Bytes of the longest message.
    pub(crate) fn max_message(self) -> usize {
        self.blocks * BLOCK_BYTES
    }
}

/// What a link leads to, and its number.
pub(super) fn linked<'a, T>(all: &'a [T], link: &AtomicU64) -> Option<(usize, &'a T)> {
    let number = usize::try_from(link.load(Ordering::Relaxed).checked_sub(1)?).ok()?;
    Some((number, all.get(number)?))
}

impl SlabSlot {
    pub(super) fn tag(&self) -> Tag {
        // ORDER: relaxed; the lock, or the mark of staleness, orders it behind whoever wrote it.
        Tag::from_bits(self.tag.load(Ordering::Relaxed))
    }

    /// Commits.
    pub(super) fn set_tag(&self, tag: Tag) {
        // ORDER: Release pairs with the taking of the lock by whoever comes next, also if this process does not live to unlock it:
        // what the tag speaks of comes before it.
        self.tag.store(tag.bits(), Ordering::Release);
    }
}

impl SlabBlock {
    pub(super) fn bytes(&self) -> [u8; BLOCK_BYTES] {
        let mut bytes = [0; BLOCK_BYTES];
        for (piece, word) in bytes.chunks_exact_mut(WORD).zip(&self.payload) {
            piece.copy_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes());
        }
        bytes
    }
}

impl LinkList {
    // Only the lock's holder counts; a number that wraps is a corrupt one.
    pub(super) fn grow(&self, by: usize) {
        let count = self.count.load(Ordering::Relaxed);
        self.count.store(count.wrapping_add(by as u64), Ordering::Relaxed);
    }

    pub(super) fn shrink(&self, by: usize) {
        let count = self.count.load(Ordering::Relaxed);
        self.count.store(count.wrapping_sub(by as u64), Ordering::Relaxed);
    }
}
