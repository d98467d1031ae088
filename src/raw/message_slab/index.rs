//! Making a slab's index anew from the tags of its slots.

use super::layout::{LinkList, SlabSlot};
use super::{MessageSlab, READY_STALE};
use crate::error::Stop;
use crate::primitive::Ordering;

impl MessageSlab<'_> {
    /// Derives the index from the truth: all of it if it is so marked or `after_death` of the lock's holder, or else the list of
    /// ready messages. The caller holds the lock. Killed anywhere, it is begun anew by the next to hold it.
    #[cold]
    pub(super) fn rebuild(&self, after_death: bool) -> Result<(), Stop> {
        // Cleared first: what makes the index stale while we look marks it again.
        // ORDER: Acquire pairs with the Release in `mark_stale`.
        let stale = self.head.stale.swap(0, Ordering::Acquire);
        if !after_death && stale == READY_STALE {
            self.derive_ready();
            return Ok(());
        }
        let result = self.derive();
        if result.is_err() {
            self.mark_stale();
        }
        result
    }

    /// Makes the list of ready messages anew. Their blocks, and all that is free, is right: none of it changes without the lock.
    fn derive_ready(&self) {
        let next_stamp = self.head.next_stamp.load(Ordering::Relaxed);
        let tags = self.slots.iter().map(SlabSlot::tag).enumerate();
        let ready = tags.filter(|(_, tag)| tag.is_ready());
        self.make_ready_list(ready.map(|(number, tag)| (tag.age(next_stamp), number)).collect());
    }

    fn make_ready_list(&self, mut ready: Vec<(u64, usize)>) {
        // The oldest first.
        ready.sort_unstable_by(|a, b| b.cmp(a));
        self.head.ready.make(ready.into_iter().map(|(_, number)| number), |number, next| {
            self.slots[number].next.store(next, Ordering::Relaxed);
        });
    }

    fn derive(&self) -> Result<(), Stop> {
        let next_stamp = self.head.next_stamp.load(Ordering::Relaxed);
        let mut is_used = vec![false; self.blocks.len()];
        let (mut free, mut ready) = (Vec::new(), Vec::new());
        for (number, slot) in self.slots.iter().enumerate() {
            // Once: a dead owner's may change meanwhile.
            let tag = slot.tag();
            if tag.is_free() {
                free.push(number);
                continue;
            }
            if tag.is_ready() {
                ready.push((tag.age(next_stamp), number));
            } else if !tag.is_leased() {
                return Err(Stop::Corrupt("a message's tag"));
            }
            self.walk(slot, self.length_of(slot)?, |number, _| {
                match std::mem::replace(&mut is_used[number], true) {
                    false => Ok(()),
                    true => Err(Stop::Corrupt("a block of two messages")),
                }
            })?;
        }
        let unused = is_used.iter().enumerate().filter(|(_, used)| !**used).map(|(number, _)| number);
        self.head.free_blocks.make(unused, |number, next| {
            self.blocks[number].next.store(next, Ordering::Relaxed);
        });
        let relink = |number: usize, next| self.slots[number].next.store(next, Ordering::Relaxed);
        self.head.free_slots.make(free.into_iter(), relink);
        self.make_ready_list(ready);
        Ok(())
    }
}

impl LinkList {
    /// Makes it the list of these, which `link` links: the number of each to the link of the next.
    fn make(&self, numbers: impl Iterator<Item = usize>, link: impl Fn(usize, u64)) {
        let (mut first, mut last, mut count) = (0, 0, 0);
        for number in numbers {
            let here = number as u64 + 1;
            match count {
                0 => first = here,
                _ => link(last as usize - 1, here),
            }
            link(number, 0);
            (last, count) = (here, count + 1);
        }
        self.first.store(first, Ordering::Relaxed);
        self.last.store(last, Ordering::Relaxed);
        self.count.store(count, Ordering::Relaxed);
    }
}
