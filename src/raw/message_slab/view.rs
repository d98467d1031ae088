//! A slab for whoever only looks, without the lock and perhaps at the beginning of it only: numbers that belong together may differ
//! by what happened in between, and damaged bytes make numbers without meaning.

use super::layout::{CountedEvent, SlabHeader, SlabSlot};
use super::{SlabLayout, Tag};
use crate::primitive::{AtomicU64, Ordering};
use crate::raw::atomic_copy::WORD;

/// A slab, or the beginning of one.
pub(crate) struct SlabView<'a> {
    layout: SlabLayout,
    head: &'a SlabHeader,
    slots: &'a [SlabSlot],
}

impl<'a> SlabView<'a> {
    /// Words that must be there for all to be seen.
    pub(crate) fn words(layout: SlabLayout) -> usize {
        (size_of::<SlabHeader>() / WORD)
            .saturating_add(layout.slots.saturating_mul(size_of::<SlabSlot>() / WORD))
    }

    /// `None` where the words are too few, or do not begin on a cache line.
    pub(crate) fn new(layout: SlabLayout, words: &'a [AtomicU64]) -> Option<Self> {
        let (head, rest) = words.split_at_checked(size_of::<SlabHeader>() / WORD)?;
        let head = head.as_ptr().cast::<SlabHeader>();
        if !head.is_aligned() {
            return None;
        }
        let count = layout.slots.min(rest.len() / (size_of::<SlabSlot>() / WORD));
        // SAFETY: as long as a head, aligned; a head is atomics, of which any bytes are one.
        let head = unsafe { &*head };
        // SAFETY: as long as that many slots; a slot is words as well.
        let slots = unsafe { core::slice::from_raw_parts(rest.as_ptr().cast::<SlabSlot>(), count) };
        Some(Self { layout, head, slots })
    }

    /// Messages that are to be had.
    pub(crate) fn ready(&self) -> u64 {
        self.head.ready.count.load(Ordering::Relaxed)
    }

    /// Messages that there are, leased ones included.
    pub(crate) fn unfinished(&self) -> u64 {
        (self.layout.slots as u64).saturating_sub(self.head.free_slots.count.load(Ordering::Relaxed))
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.head.closed.load(Ordering::Relaxed) != 0
    }

    /// Messages that were ever put in. A death may have counted one that was not.
    pub(crate) fn pushed(&self) -> u64 {
        let first = self.head.first_stamp.load(Ordering::Relaxed);
        self.head.next_stamp.load(Ordering::Relaxed).wrapping_sub(first)
    }

    /// Messages that are there no more.
    pub(crate) fn popped(&self) -> u64 {
        self.pushed().saturating_sub(self.unfinished())
    }

    /// Who works on messages; one for each.
    pub(crate) fn owners(&self) -> impl Iterator<Item = u32> {
        self.slots.iter().map(SlabSlot::tag).filter(|tag| tag.is_leased()).map(Tag::owner).map(u32::from)
    }

    /// Messages that were taken back from the dead or gone.
    pub(crate) fn repairs(&self) -> u64 {
        self.head.repairs.get()
    }

    /// Who waited for a message, for room, and for everything to be done.
    pub(crate) fn events(&self) -> [&'a CountedEvent; 3] {
        [&self.head.items, &self.head.space, &self.head.idle]
    }
}
