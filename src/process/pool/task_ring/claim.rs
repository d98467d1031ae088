//! The workers' side of the task ring: claiming tasks, and leaving results.

use super::{CLAIMED, ClaimedTask, DONE, MAX_SLOTS, READY, SLOT_BITS, SlotHeader, TaskRing, word};
use crate::primitive::Ordering;
use crate::raw::wait::{Wait, WakePolicy};

/// The workers' side.
impl TaskRing {
    /// Claims the next task for a worker, waiting for one; `None` once no more come.
    pub(in crate::process::pool) fn claim(&self, worker: u32) -> Option<ClaimedTask> {
        // ORDER: Acquire pairs with the Release in `stop`.
        let is_over = || self.state().stop.word.load(Ordering::Acquire) != 0;
        let try_once = || self.try_claim(worker).map(Some).or_else(|| is_over().then_some(None));
        let point = self.wait_point(&self.state().tasks, WakePolicy::AnyOne);
        point.wait(Wait::Forever, try_once, || {}).ok().flatten()
    }

    fn try_claim(&self, worker: u32) -> Option<ClaimedTask> {
        // A bounded number of attempts: the ring may be damaged.
        for _ in 0..self.slots() * 16 {
            // ORDER: Acquire pairs with the Release in `advance_past`: the entries before this are
            // passed.
            let head = self.state().head.word.load(Ordering::Acquire);
            // ORDER: Acquire pairs with the Release in `publish`.
            if head == self.state().tail.word.load(Ordering::Acquire) {
                return None;
            }
            if let Some((ticket, slot)) = self.entry(head)
                && let Some((task, _)) = self.slot(slot)
            {
                let (ready, mine) = (word(ticket, 0, READY), word(ticket, worker, CLAIMED));
                // ORDER: Acquire pairs with the Release in `publish`: the contents are there.
                let claimed = task.load(Ordering::Relaxed) == ready
                    && task.compare_exchange(ready, mine, Ordering::Acquire, Ordering::Relaxed).is_ok();
                self.advance_head(head);
                if claimed {
                    return Some(ClaimedTask { slot, ticket });
                }
            }
        }
        None
    }

    /// The entry at `head`; `None` if a later entry has replaced it: then `head` has advanced, too.
    fn entry(&self, head: u64) -> Option<(u64, usize)> {
        // ORDER: relaxed; it was stored before `tail`, and the ticket tells a later entry.
        let entry = self.order()[head as usize & (self.slots() - 1)].load(Ordering::Relaxed);
        let (ticket, slot) = (entry >> SLOT_BITS, entry as usize & (MAX_SLOTS - 1));
        (ticket == head).then_some((ticket, slot))
    }

    /// Advances `head` past an entry whose slot is not READY.
    pub(super) fn advance_past(&self, head: u64) {
        let is_ready = self.entry(head).and_then(|(ticket, slot)| {
            Some(self.slot(slot)?.0.load(Ordering::Relaxed) == word(ticket, 0, READY))
        });
        if is_ready != Some(true) {
            self.advance_head(head);
        }
    }

    fn advance_head(&self, head: u64) {
        let next = Self::ticket_after(head);
        // ORDER: Release pairs with the Acquire in `try_claim`. Fails if another process has
        // advanced it.
        let _ = self.state().head.word.compare_exchange(head, next, Ordering::Release, Ordering::Relaxed);
    }

    /// Leaves a result in the slot of its task. **The store of the slot's word is the commit
    /// point.**
    pub(in crate::process::pool) fn finish(
        &self,
        worker: u32,
        claim: ClaimedTask,
        header: &SlotHeader,
        body: &[u8],
    ) {
        self.write(claim.slot, header, body);
        let Some((task, _)) = self.slot(claim.slot) else { return };
        // ORDER: Release pairs with the Acquire in `slot_state`. A store is enough: while this
        // process lives, only it changes the word.
        task.store(word(claim.ticket, worker, DONE), Ordering::Release);
        if let Some(bits) = self.done().get(claim.slot / 64) {
            // ORDER: Release pairs with the Acquire in `drain_done`.
            bits.fetch_or(1 << (claim.slot % 64), Ordering::Release);
        }
        self.state().results.word.notify(1);
    }
}

#[cfg(test)]
mod tests {
    use super::super::TaskSlotState;
    use super::*;

    /// The workers are threads: the task ring does not depend on processes.
    #[test]
    fn task_ring_claim_each_once() {
        const TASKS: u64 = 200_000;
        const WORKERS: u32 = 3;
        let task_ring = TaskRing::create(64, WORKERS as usize).unwrap();
        let work = |worker| {
            let mut claims = 0;
            while let Some(claim) = task_ring.claim(worker) {
                let [number, ..] = task_ring.header(claim.slot);
                task_ring.finish(worker, claim, &[number + 1, 0, 0, 0], &[]);
                claims += 1;
            }
            claims
        };
        let claims = std::thread::scope(|scope| {
            let work = &work;
            let workers = [0, 1, 2].map(|worker| scope.spawn(move || work(worker)));
            let (mut next, mut done, mut sum) = (0, 0, 0);
            let mut free: Vec<usize> = (0..task_ring.slots()).collect();
            while done < TASKS {
                while next < TASKS
                    && let Some(slot) = free.pop()
                {
                    task_ring.publish(slot, next, &[next, 0, 0, 0], &[]);
                    task_ring.wake_workers(1);
                    next += 1;
                }
                task_ring.wait_for_results(|| false);
                task_ring.drain_done(|slot| {
                    assert!(matches!(task_ring.slot_state(slot), TaskSlotState::Done { .. }));
                    sum += task_ring.header(slot)[0];
                    task_ring.free(slot);
                    free.push(slot);
                    done += 1;
                });
            }
            assert_eq!(sum, TASKS * (TASKS + 1) / 2);
            task_ring.stop();
            workers.map(|worker| worker.join().unwrap())
        });
        assert_eq!(claims.iter().sum::<u64>(), TASKS);
    }

    /// A worker that is killed after its claim has not advanced `head`.
    #[test]
    fn task_ring_claim_with_lagging_hints() {
        let task_ring = TaskRing::create(64, 2).unwrap();
        for ticket in 0..64 {
            task_ring.publish(ticket as usize, ticket, &[ticket, 0, 0, 0], &[]);
        }
        for _ in 0..64 {
            let head = task_ring.state().head.word.load(Ordering::Relaxed);
            let claim = task_ring.try_claim(0).unwrap();
            task_ring.finish(0, claim, &SlotHeader::default(), &[]);
            task_ring.free(claim.slot);
            task_ring.state().head.word.store(head / 8 * 8, Ordering::Relaxed);
        }
        assert!(task_ring.try_claim(0).is_none());
        task_ring.state().head.word.store(0, Ordering::Relaxed);
        for ticket in 64..128 {
            task_ring.publish(5, ticket, &[ticket, 0, 0, 0], &[]);
            let claim = task_ring.try_claim(1).unwrap();
            assert_eq!((claim.slot, task_ring.header(5)[0]), (5, ticket));
            task_ring.free(5);
        }
    }
}
