//! Two processes that compete for one lock: together they count to a number, one step in each
//! section.

use std::time::{Duration, Instant};

use super::kernel::page::Page;
use super::locks::Lock;
use super::peer_process::PeerProcess;
use super::record::Record;
use super::runner::{Batch, Entry};
use core::sync::atomic::{AtomicU64, Ordering};

/// The counter that the lock protects. A lost step shows that the lock does not exclude.
#[derive(Clone, Copy)]
pub struct SharedCounter {
    count: &'static AtomicU64,
    /// The process that took the last step.
    last: &'static AtomicU64,
    /// How often a step was taken by another process than the one before.
    handovers: &'static AtomicU64,
}

/// The number of the measuring process.
pub const US: u64 = 1;
/// The number of its peer process.
pub const PEER: u64 = 2;

impl SharedCounter {
    /// A counter at 0.
    #[expect(clippy::new_without_default, reason = "each call maps different memory")]
    pub fn new() -> Self {
        // On one line, as data under a lock mostly is.
        let [count, last, handovers, ..] = Page::new().words(0);
        Self { count, last, handovers }
    }

    /// Takes a step unless the goal is reached. The accesses are plain: only the lock makes them
    /// one step.
    #[inline(always)]
    fn step(&self, process: u64, goal: u64) -> bool {
        let count = self.count.load(Ordering::Relaxed);
        if count >= goal {
            return false;
        }
        self.count.store(count + 1, Ordering::Relaxed);
        if self.last.load(Ordering::Relaxed) != process {
            self.last.store(process, Ordering::Relaxed);
            self.handovers.store(self.handovers.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
        true
    }

    /// How often the lock has changed hands; valid after [`run`](Self::run).
    pub fn handovers(&self) -> u64 {
        self.handovers.load(Ordering::Relaxed)
    }

    /// Takes steps until the goal is reached and returns how many this process took.
    pub fn run(&self, lock: &impl Lock, process: u64, goal: u64) -> u64 {
        let mut steps = 0;
        while lock.locked(|| self.step(process, goal)) {
            steps += 1;
        }
        steps
    }
}

/// An entry that measures a section under a lock that a peer process wants as well. `open` opens
/// the lock in the peer process.
pub fn entry<'a, L: Lock + 'static>(
    name: &'static str,
    lock: impl Lock + 'a,
    open: impl FnOnce() -> L,
) -> Entry<'a> {
    let counter = SharedCounter::new();
    let peer = PeerProcess::fork(|| {
        let lock = open();
        vec![Box::new(move |goal, _| counter.run(&lock, PEER, goal))]
    });
    Entry::new(name, Contended { lock, counter, peer, handovers: 0 })
}

struct Contended<L> {
    lock: L,
    counter: SharedCounter,
    peer: PeerProcess,
    /// Those of the last batch.
    handovers: u64,
}

impl<L: Lock> Batch for Contended<L> {
    fn run(&mut self, sections: u64) -> Duration {
        let (counter, handovers) = (self.counter, self.counter.handovers());
        let goal = counter.count.load(Ordering::Relaxed) + sections;
        let pending = self.peer.begin(0, goal);
        let start = Instant::now();
        let ours = counter.run(&self.lock, US, goal);
        let elapsed = start.elapsed();
        let theirs = pending.spin_for_answer();
        assert_eq!(ours + theirs, sections, "the lock excludes one process while the other counts");
        self.handovers = counter.handovers() - handovers;
        elapsed
    }

    fn record(&mut self, sections: u64, elapsed: Duration, record: &mut Record) {
        record.add_mean(sections, elapsed);
        record.add_handovers(self.handovers, sections);
    }
}
