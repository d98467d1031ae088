//! The workers' side of the board: claiming tasks, and leaving results.

use super::{Board, CLAIMED, Claim, DONE, MOST_SLOTS, Note, READY, SLOT_BITS, word};
use crate::primitive::Ordering;
use crate::raw::patience::{Patience, Sleepers, wait_for};

/// The workers' side.
impl Board {
    /// Takes the next task for a worker, waiting for one; `None` when no more come.
    pub(in crate::process::pool) fn claim(&self, worker: u32) -> Option<Claim> {
        // ORDER: Acquire pairs with the Release in `stop`.
        let is_over = || self.state().stop.word.load(Ordering::Acquire) != 0;
        let look = || self.try_claim(worker).map(Some).or_else(|| is_over().then_some(None));
        let event = &self.state().tasks.word;
        wait_for(event, Sleepers::Many, Patience::Forever, &self.spin, look, || {}).flatten()
    }

    fn try_claim(&self, worker: u32) -> Option<Claim> {
        // Not for ever: somebody may have damaged the ring.
        for _ in 0..self.slots() * 16 {
            // ORDER: Acquire pairs with the Release in `pass`: the entries before this are passed.
            let head = self.state().head.word.load(Ordering::Acquire);
            // ORDER: Acquire pairs with the Release in `put`.
            if head == self.state().tail.word.load(Ordering::Acquire) {
                return None;
            }
            if let Some((ticket, slot)) = self.entry(head)
                && let Some((task, _)) = self.slot(slot)
            {
                let (ready, mine) = (word(ticket, 0, READY), word(ticket, worker, CLAIMED));
                // ORDER: Acquire pairs with the Release in `put`: the contents are there.
                let claimed = task.load(Ordering::Relaxed) == ready
                    && task.compare_exchange(ready, mine, Ordering::Acquire, Ordering::Relaxed).is_ok();
                self.move_head(head);
                if claimed {
                    return Some(Claim { slot, ticket });
                }
            }
        }
        None
    }

    /// The entry at `head`; `None` where it is a later one by now: then `head` lies further, too.
    fn entry(&self, head: u64) -> Option<(u64, usize)> {
        // ORDER: relaxed; it was written before `tail`, and a later one is told by its ticket.
        let entry = self.order()[head as usize & (self.slots() - 1)].load(Ordering::Relaxed);
        let (ticket, slot) = (entry >> SLOT_BITS, entry as usize & (MOST_SLOTS - 1));
        (ticket == head).then_some((ticket, slot))
    }

    /// Moves `head` past an entry whose slot is not READY.
    pub(super) fn pass(&self, head: u64) {
        let is_ready = self.entry(head).and_then(|(ticket, slot)| {
            Some(self.slot(slot)?.0.load(Ordering::Relaxed) == word(ticket, 0, READY))
        });
        if is_ready != Some(true) {
            self.move_head(head);
        }
    }

    fn move_head(&self, head: u64) {
        let next = Self::ticket_behind(head);
        // ORDER: Release pairs with the Acquire in `try_claim`. Fails where somebody was faster.
        let _ = self.state().head.word.compare_exchange(head, next, Ordering::Release, Ordering::Relaxed);
    }

    /// Leaves a result in the place of its task. **The store of the word is the commit.**
    pub(in crate::process::pool) fn finish(&self, worker: u32, claim: Claim, note: &Note, body: &[u8]) {
        self.write(claim.slot, note, body);
        let Some((task, _)) = self.slot(claim.slot) else { return };
        // ORDER: Release pairs with the Acquire in `look`. It is ours: nobody else moves it while this process lives.
        task.store(word(claim.ticket, worker, DONE), Ordering::Release);
        if let Some(bits) = self.done().get(claim.slot / 64) {
            // ORDER: Release pairs with the Acquire in `take_done`.
            bits.fetch_or(1 << (claim.slot % 64), Ordering::Release);
        }
        self.state().results.word.notify(1);
    }
}
