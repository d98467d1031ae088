//! A slab of messages of any size: what is true of each, and an index of it all that can be made anew.
//!
//! The bytes of a message lie in a chain of blocks, and a slot knows the chain. A slot's tag says whose the message is:
//!
//! | tag | meaning | who moves it |
//! |---|---|---|
//! | FREE | no message | [`put`](MessageSlab::put), to READY |
//! | READY | to be had | [`take`](MessageSlab::take), to FREE; [`lease`](MessageSlab::lease), to LEASED |
//! | LEASED | its owner works on it | the owner, to FREE when it is done or to READY when it gives up; [`reclaim_from`](MessageSlab::reclaim_from) when the owner is dead, by a CAS to READY |
//!
//! The tags are the **truth**: each operation has one store to a tag, and that is its commit. All else (the lists of free blocks,
//! free slots and ready messages, and how many they are) is the **index**, which only saves searching. Whoever changes either
//! holds the slab's lock. When a holder dies, the next one throws the index away and derives it from the truth again; if that one
//! is killed as well, so does the one after it. Only `reclaim_from` changes a tag without the lock, that of a dead owner, which nobody
//! else touches; then it marks the list of ready messages stale, which alone is made anew.
//!
//! Links count from 1, and 0 is none. A chain is followed for as many blocks as its message needs and no more, so the last link of
//! it means nothing; in the list of free blocks, it is how many there are that counts. Every link is checked before it is followed.
//!
//! - [`index`]: making the index anew
//! - [`layout`]: what lies where
//! - [`reclaim`]: leases taken back from the dead
//! - [`tag`]: what a tag says
//! - [`view`]: a slab seen from outside

#![allow(unsafe_code)]
// Without `serde` there is nothing to be put in, but the dead of others are repaired after.
#![cfg_attr(not(feature = "serde"), allow(dead_code))]

mod index;
mod layout;
#[cfg(all(test, not(loom)))]
mod model;
#[cfg(all(test, loom))]
mod model_of_repair;
mod reclaim;
mod tag;
#[cfg(not(loom))]
mod view;

#[cfg(all(feature = "serde", not(loom)))]
pub(crate) use layout::CountedEvent;
pub(crate) use layout::{BLOCK_BYTES, SlabLayout};
use layout::{LinkList, SlabBlock, SlabHeader, SlabSlot, linked};
use reclaim::Reclaimed;
use tag::Tag;
#[cfg(not(loom))]
pub(crate) use view::SlabView;

use super::atomic_copy;
#[cfg(not(loom))]
use super::atomic_copy::WORD;
use crate::error::Stop;
use crate::primitive::{AtomicU64, Ordering};
use crate::raw::event_count::WAKE_ALL;
use crate::sys::barrier;

/// A message that somebody works on: where it lies, and its tag since then, which no other lease of it or of another message has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SlabLease {
    slot: u32,
    tag: Tag,
}

impl SlabLease {
    pub(crate) fn owner(self) -> u16 {
        self.tag.owner()
    }

    /// Whether somebody had it before.
    pub(crate) fn is_redelivered(self) -> bool {
        self.tag.leases() > 1
    }
}

/// The index must not be believed.
const ALL_STALE: u64 = 1;
/// The list of ready messages must not be believed.
const READY_STALE: u64 = 2;

/// The blocks of a message.
struct BlockChain<'a> {
    count: usize,
    last: Option<&'a SlabBlock>,
}

/// A slab where it lies.
#[derive(Clone, Copy)]
pub(crate) struct MessageSlab<'a> {
    layout: SlabLayout,
    head: &'a SlabHeader,
    slots: &'a [SlabSlot],
    blocks: &'a [SlabBlock],
}

impl<'a> MessageSlab<'a> {
    /// The slab of this layout in words that begin on a cache line.
    ///
    /// # Panics
    /// Where they do not, or are fewer than the layout's: both were checked when the object was attached.
    #[cfg(not(loom))]
    pub(crate) fn new(layout: SlabLayout, words: &'a [AtomicU64]) -> Self {
        assert!(Some(size_of_val(words) as u64) == layout.length(), "a slab is as long as its layout");
        assert!(words.as_ptr().cast::<SlabHeader>().is_aligned(), "a slab begins on a cache line");
        let (head, rest) = words.split_at(size_of::<SlabHeader>() / WORD);
        let (slots, blocks) = rest.split_at(layout.slots * size_of::<SlabSlot>() / WORD);
        // SAFETY: as long as a head, aligned; a head is atomics, of which any bytes are one.
        let head = unsafe { &*head.as_ptr().cast::<SlabHeader>() };
        // SAFETY: as long as that many slots; a slot is words as well.
        let slots = unsafe { core::slice::from_raw_parts(slots.as_ptr().cast::<SlabSlot>(), layout.slots) };
        // SAFETY: the rest, which is as long as that many blocks; a block is words as well.
        let blocks =
            unsafe { core::slice::from_raw_parts(blocks.as_ptr().cast::<SlabBlock>(), layout.blocks) };
        Self { layout, head, slots, blocks }
    }

    pub(crate) fn head(&self) -> &'a SlabHeader {
        self.head
    }

    // Looking, with the lock or without; without it, and after a death, this is a hint.

    /// How many messages are to be had.
    pub(crate) fn ready(&self) -> usize {
        self.head.ready.count.load(Ordering::Relaxed) as usize
    }

    /// How many messages there are, leased ones included.
    pub(crate) fn unfinished(&self) -> usize {
        self.layout.slots.saturating_sub(self.head.free_slots.count.load(Ordering::Relaxed) as usize)
    }

    /// Whether there is room for a message of this length.
    pub(crate) fn has_room(&self, length: usize) -> bool {
        self.head.free_slots.count.load(Ordering::Relaxed) > 0
            && self.head.free_blocks.count.load(Ordering::Relaxed) >= length.div_ceil(BLOCK_BYTES) as u64
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.head.closed.load(Ordering::Relaxed) != 0
    }

    pub(crate) fn is_stale(&self) -> bool {
        self.head.stale.load(Ordering::Relaxed) != 0
    }

    /// Makes an empty slab of zeros that nobody else knows of yet.
    pub(crate) fn init(&self, first_stamp: u64) {
        self.head.next_stamp.store(first_stamp, Ordering::Relaxed);
        self.head.first_stamp.store(first_stamp, Ordering::Relaxed);
        // Of zeros the truth is that all is free.
        let _ = self.rebuild(true);
    }

    /// Whether there is a slot for another message, whatever its length.
    pub(crate) fn has_slot(&self) -> bool {
        self.head.free_slots.count.load(Ordering::Relaxed) > 0
    }

    // Without the lock.

    /// Notes that a producer waits for blocks although a slot is free. Returns whether that is new:
    /// then the slot may do for another producer's message, which is shorter.
    pub(crate) fn want_room(&self) -> bool {
        self.head.room_wanted.load(Ordering::Relaxed) == 0
            && self.head.room_wanted.swap(1, Ordering::Relaxed) == 0
    }

    /// How many producers to wake after a message has gone: one, for the slot, or all if one of them
    /// waits for blocks, because whose message fits now is not known.
    pub(crate) fn producers_to_wake(&self) -> u32 {
        // Pairs with the heavy one before the last look of a producer that parks.
        barrier::light();
        let is_wanted = self.head.room_wanted.load(Ordering::Relaxed) != 0
            && self.head.room_wanted.swap(0, Ordering::Relaxed) != 0;
        if is_wanted { WAKE_ALL } else { 1 }
    }

    /// Closes the slab; `false` where it was closed.
    pub(crate) fn close(&self) -> bool {
        // ORDER: relaxed; the flag stands for itself, and is obeyed under the lock.
        self.head.closed.swap(1, Ordering::Relaxed) == 0
    }

    /// Has the next locker make the index anew.
    pub(crate) fn mark_stale(&self) {
        // ORDER: Release pairs with the Acquire in `rebuild`: what made the index stale is seen with the mark.
        self.head.stale.fetch_or(ALL_STALE, Ordering::Release);
    }

    /// Has the next locker make the list of ready messages anew.
    fn mark_ready_stale(&self) {
        // ORDER: as in `mark_stale`.
        self.head.stale.fetch_or(READY_STALE, Ordering::Release);
    }

    /// Gives back what a participant that is dead, or about to leave, has leased. Several processes may run it at a time after
    /// one dead participant. Returns whether there may be news for consumers.
    ///
    /// What the participant did under the lock is not looked at: if it died there, the next holder is told.
    pub(crate) fn reclaim_from(&self, dead: u16, leaves: bool) -> bool {
        let tags = self.slots.iter().map(|slot| &slot.tag);
        let Reclaimed { count, has_returned } = reclaim::return_leases_of(dead, tags);
        self.head.repairs.add(count);
        // After a death also where messages are ready that were leased before: another participant that repairs here, and has
        // died or is stopped, may have given them back and not marked that.
        let is_news = count > 0 || has_returned && !leaves;
        if is_news {
            self.mark_ready_stale();
        }
        is_news
    }

    // With the lock.

    /// Makes the index right; whoever has just taken the lock calls this first, and says whether the last holder died.
    #[inline]
    pub(crate) fn ensure_index(&self, after_death: bool) -> Result<(), Stop> {
        if after_death || self.is_stale() { self.rebuild(after_death) } else { Ok(()) }
    }

    /// Whether there may be another message for `me`, though none is ready: one that is leased. Of the leases of `me`, as many do
    /// not count as the caller holds itself.
    pub(crate) fn could_still_receive(&self, me: u16, held: u64) -> bool {
        let mut own_leases = 0;
        let mut may_come = |tag: Tag| {
            // One that is ready, where the index knows of none, has just been taken from the dead.
            if tag.is_ready() {
                self.mark_ready_stale();
            }
            own_leases += u64::from(tag.is_leased() && tag.owner() == me);
            tag.is_ready() || tag.is_leased() && tag.owner() != me
        };
        self.slots.iter().map(SlabSlot::tag).any(&mut may_come) || own_leases > held
    }

    /// Whether this lease is not over yet.
    pub(crate) fn is_leased(&self, lease: SlabLease) -> bool {
        self.leased_slot(lease).is_some()
    }

    /// Puts a message in; `false` where there is no room.
    pub(crate) fn put(&self, message: &[u8]) -> Result<bool, Stop> {
        if !self.has_room(message.len()) {
            return Ok(false);
        }
        let SlabHeader { next_stamp, ready, free_slots, free_blocks, .. } = self.head;
        let (number, slot) = self.linked_slot(&free_slots.first)?;
        if !slot.tag().is_free() {
            return Err(Stop::Corrupt("a free slot of a queue"));
        }
        slot.chain.store(free_blocks.first.load(Ordering::Relaxed), Ordering::Relaxed);
        slot.length.store(message.len() as u64, Ordering::Relaxed);
        let mut link = &free_blocks.first;
        for piece in message.chunks(BLOCK_BYTES) {
            let (_, block) = self.linked_block(link)?;
            atomic_copy::store(&block.payload, piece);
            link = &block.next;
        }
        let before = match ready.first.load(Ordering::Relaxed) {
            0 => &ready.first,
            _ => &self.linked_slot(&ready.last)?.1.next,
        };
        let stamp = next_stamp.load(Ordering::Relaxed);
        next_stamp.store(stamp.wrapping_add(1), Ordering::Relaxed);
        // The commit.
        slot.set_tag(Tag::ready(stamp));
        free_blocks.first.store(link.load(Ordering::Relaxed), Ordering::Relaxed);
        free_blocks.shrink(message.len().div_ceil(BLOCK_BYTES));
        free_slots.first.store(slot.next.load(Ordering::Relaxed), Ordering::Relaxed);
        free_slots.shrink(1);
        slot.next.store(0, Ordering::Relaxed);
        before.store(number as u64 + 1, Ordering::Relaxed);
        ready.last.store(number as u64 + 1, Ordering::Relaxed);
        ready.grow(1);
        Ok(true)
    }

    /// Takes the oldest message out; `None` where there is none.
    pub(crate) fn take(&self) -> Result<Option<Vec<u8>>, Stop> {
        let Some((number, slot)) = self.first_ready()? else { return Ok(None) };
        let (message, chain) = self.copy_of(slot)?;
        self.free(number, slot, chain, || self.unlink_first_ready(slot));
        Ok(Some(message))
    }

    /// Lends the oldest message to a participant; `None` where there is none.
    pub(crate) fn lease(&self, owner: u16) -> Result<Option<(SlabLease, Vec<u8>)>, Stop> {
        let Some((number, slot)) = self.first_ready()? else { return Ok(None) };
        let (message, _) = self.copy_of(slot)?;
        let tag = slot.tag().leased_by(owner);
        // The commit.
        slot.set_tag(tag);
        self.unlink_first_ready(slot);
        Ok(Some((SlabLease { slot: number as u32, tag }, message)))
    }

    /// Takes a leased message out; `false` where it is not leased so any more.
    pub(crate) fn finish(&self, lease: SlabLease) -> Result<bool, Stop> {
        let Some(slot) = self.leased_slot(lease) else { return Ok(false) };
        let chain = self.walk(slot, self.length_of(slot)?, |_, _| Ok(()))?;
        self.free(lease.slot as usize, slot, chain, || ());
        Ok(true)
    }

    /// Ends a lease and makes the message the next to be had; `false` where it is not leased so any more.
    pub(crate) fn give_back(&self, lease: SlabLease) -> bool {
        let Some(slot) = self.leased_slot(lease) else { return false };
        let LinkList { first, last, .. } = &self.head.ready;
        // The commit.
        slot.set_tag(lease.tag.returned());
        let before = first.load(Ordering::Relaxed);
        slot.next.store(before, Ordering::Relaxed);
        let link = u64::from(lease.slot) + 1;
        first.store(link, Ordering::Relaxed);
        if before == 0 {
            last.store(link, Ordering::Relaxed);
        }
        self.head.ready.grow(1);
        true
    }

    fn leased_slot(&self, lease: SlabLease) -> Option<&'a SlabSlot> {
        self.slots.get(lease.slot as usize).filter(|slot| slot.tag() == lease.tag && lease.tag.is_leased())
    }

    /// Commits a message's end and gives its slot and blocks back. `unlink` takes the slot out of the list it is in.
    fn free(&self, number: usize, slot: &SlabSlot, chain: BlockChain<'_>, unlink: impl FnOnce()) {
        let SlabHeader { free_slots, free_blocks, .. } = self.head;
        // The commit.
        slot.set_tag(Tag::FREE);
        unlink();
        if let Some(last) = chain.last {
            last.next.store(free_blocks.first.load(Ordering::Relaxed), Ordering::Relaxed);
            free_blocks.first.store(slot.chain.load(Ordering::Relaxed), Ordering::Relaxed);
            free_blocks.grow(chain.count);
        }
        slot.next.store(free_slots.first.load(Ordering::Relaxed), Ordering::Relaxed);
        free_slots.first.store(number as u64 + 1, Ordering::Relaxed);
        free_slots.grow(1);
    }

    fn first_ready(&self) -> Result<Option<(usize, &'a SlabSlot)>, Stop> {
        if self.ready() == 0 {
            return Ok(None);
        }
        let (number, slot) = self.linked_slot(&self.head.ready.first)?;
        if slot.tag().is_ready() { Ok(Some((number, slot))) } else { Err(Stop::Corrupt("a message's tag")) }
    }

    fn unlink_first_ready(&self, slot: &SlabSlot) {
        let ready = &self.head.ready;
        ready.first.store(slot.next.load(Ordering::Relaxed), Ordering::Relaxed);
        ready.shrink(1);
    }

    fn copy_of(&self, slot: &'a SlabSlot) -> Result<(Vec<u8>, BlockChain<'a>), Stop> {
        let length = self.length_of(slot)?;
        let mut message = Vec::with_capacity(length.next_multiple_of(BLOCK_BYTES));
        let chain = self.walk(slot, length, |_, block| {
            message.extend_from_slice(&block.bytes());
            Ok(())
        })?;
        message.truncate(length);
        Ok((message, chain))
    }

    /// The length of a slot's message, found to fit in as many blocks as there are.
    fn length_of(&self, slot: &SlabSlot) -> Result<usize, Stop> {
        match usize::try_from(slot.length.load(Ordering::Relaxed)) {
            Ok(length) if length <= self.layout.max_message() => Ok(length),
            _ => Err(Stop::Corrupt("the length of a message")),
        }
    }

    /// Visits the blocks of a slot's message, and their numbers.
    fn walk(
        &self,
        slot: &'a SlabSlot,
        length: usize,
        mut visit: impl FnMut(usize, &'a SlabBlock) -> Result<(), Stop>,
    ) -> Result<BlockChain<'a>, Stop> {
        let mut chain = BlockChain { count: length.div_ceil(BLOCK_BYTES), last: None };
        let mut link = &slot.chain;
        for _ in 0..chain.count {
            let (number, block) = self.linked_block(link)?;
            visit(number, block)?;
            (link, chain.last) = (&block.next, Some(block));
        }
        Ok(chain)
    }

    fn linked_slot(&self, link: &AtomicU64) -> Result<(usize, &'a SlabSlot), Stop> {
        linked(self.slots, link).ok_or(Stop::Corrupt("a link between messages"))
    }

    fn linked_block(&self, link: &AtomicU64) -> Result<(usize, &'a SlabBlock), Stop> {
        linked(self.blocks, link).ok_or(Stop::Corrupt("a link between blocks"))
    }
}
