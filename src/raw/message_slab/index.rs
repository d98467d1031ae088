//! Making a slab's index anew from the tags of its slots.

use super::MessageSlab;
use super::layout::LinkList;
use crate::error::Stop;
use crate::primitive::Ordering;

impl MessageSlab<'_> {
    /// Derives the index from the truth. The caller holds the lock. Killed anywhere, it is begun anew by the next to hold it.
    #[cold]
    pub(super) fn rebuild(&self) -> Result<(), Stop> {
        // Cleared first: what makes the index stale while we look marks it again.
        // ORDER: Acquire pairs with the Release in `mark_stale`.
        self.head.stale.swap(0, Ordering::Acquire);
        let result = self.derive();
        if result.is_err() {
            self.mark_stale();
        }
        result
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
        // The oldest first.
        ready.sort_unstable_by(|a, b| b.cmp(a));
        let unused = is_used.iter().enumerate().filter(|(_, used)| !**used).map(|(number, _)| number);
        self.head.free_blocks.make(unused, |number, next| {
            self.blocks[number].next.store(next, Ordering::Relaxed);
        });
        let relink = |number: usize, next| self.slots[number].next.store(next, Ordering::Relaxed);
        self.head.free_slots.make(free.into_iter(), relink);
        self.head.ready.make(ready.into_iter().map(|(_, number)| number), relink);
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
