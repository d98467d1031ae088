//! Two processes at one lock: together they count to a number, each step a section under the lock.

use std::time::{Duration, Instant};

use super::kernel::page::Page;
use super::locks::Lock;
use super::peer_process::{Job, PeerProcess};
use core::sync::atomic::{AtomicU64, Ordering};

/// What the lock protects.
#[derive(Clone, Copy)]
pub struct SharedCounter {
    count: &'static AtomicU64,
    /// Who took the last step.
    last: &'static AtomicU64,
    /// How often it was another than the one before.
    turns: &'static AtomicU64,
}

/// Who asks for a race.
pub const US: u64 = 1;
/// And its peer.
pub const THEM: u64 = 2;

impl SharedCounter {
    /// One that nobody has gone on.
    ///
    /// # Panics
    /// Where the kernel has no memory left.
    #[expect(clippy::new_without_default, reason = "not a value: each is another")]
    pub fn new() -> Self {
        // On one line, as data under a lock mostly is.
        let [count, last, turns, ..] = Page::new().words(0);
        Self { count, last, turns }
    }

    /// Takes a step; `false` where the goal is reached. Plain accesses: only the lock makes one step of them.
    #[inline(always)]
    fn step(&self, who: u64, goal: u64) -> bool {
        let count = self.count.load(Ordering::Relaxed);
        if count >= goal {
            return false;
        }
        self.count.store(count + 1, Ordering::Relaxed);
        if self.last.load(Ordering::Relaxed) != who {
            self.last.store(who, Ordering::Relaxed);
            self.turns.store(self.turns.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
        true
    }

    /// How many steps were taken; to be asked while nobody takes any.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// How often it was another's step than the one before; to be asked after a [`run`](Self::run), or while nobody takes any.
    pub fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }

    /// Takes steps until there are so many, and says how many of them it has taken.
    pub fn run(&self, lock: &impl Lock, who: u64, goal: u64) -> u64 {
        let mut steps = 0;
        while lock.locked(|| self.step(who, goal)) {
            steps += 1;
        }
        steps
    }
}

/// What a race came to.
pub struct Outcome {
    /// How long it took.
    pub elapsed: Duration,
    /// How often the lock went from one process to the other. A lock that seldom does looks fast: its sections are mostly one
    /// process's, alone.
    pub turns: u64,
}

/// The peer's part of [`race`].
pub fn job(lock: impl Lock + 'static, counter: SharedCounter) -> Job {
    Box::new(move |goal, _| counter.run(&lock, THEM, goal))
}

/// Has `sections` sections under the lock, as many as each process gets hold of; the peer knows its part as `job`. Checks
/// that no step was lost.
pub fn race(peer: &PeerProcess, job: usize, lock: &impl Lock, counter: SharedCounter, sections: u64) -> Outcome {
    let goal = counter.count.load(Ordering::Relaxed) + sections;
    let turns = counter.turns.load(Ordering::Relaxed);
    let busy = peer.begin(job, goal);
    let start = Instant::now();
    let ours = counter.run(lock, US, goal);
    let elapsed = start.elapsed();
    let theirs = busy.answer();
    assert_eq!(ours + theirs, sections, "the lock keeps one out while the other counts");
    Outcome { elapsed, turns: counter.turns.load(Ordering::Relaxed) - turns }
}
