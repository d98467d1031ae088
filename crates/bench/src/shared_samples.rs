//! What two measuring processes share: the times of single round trips, a common start, and when
//! each was at work.

use super::kernel::clock;
use super::kernel::page::Page;
use super::message::poll_until;
use super::peer_process::Job;
use super::round_trip::Pinger;
use super::ticks::{self, Ticks};
use core::sync::atomic::{AtomicU64, Ordering};

/// The memory that a process and its peer share, as one of them sees it.
#[derive(Clone, Copy)]
pub struct SharedSamples {
    /// The times of single round trips, in ticks. Only one of the two processes writes here.
    samples: &'static [AtomicU64],
    start_line: StartLine,
    /// When each of the two processes began and ended its part of a race, ours first.
    intervals: [[&'static AtomicU64; 2]; 2],
    /// How often a lock has changed hands, in all races for it. Only the measuring process writes
    /// here.
    handovers: &'static AtomicU64,
    /// The index of this process in `intervals`.
    process: usize,
    /// The clock of the samples.
    pub ticks: Ticks,
}

impl SharedSamples {
    /// How many samples fit.
    pub const CAPACITY: usize = 1 << 15;

    /// Maps memory for two processes.
    pub fn new(ticks: Ticks) -> Self {
        let page = Page::new();
        Self {
            samples: Page::of_words(Self::CAPACITY),
            start_line: StartLine { ours: page.word(3), theirs: page.word(4) },
            intervals: [0, 1].map(|process| [&page.words(process)[0], &page.words(process)[1]]),
            handovers: page.word(2),
            process: 0,
            ticks,
        }
    }

    /// The view of the peer process.
    pub fn for_peer(self) -> Self {
        let StartLine { ours, theirs } = self.start_line;
        Self { start_line: StartLine { ours: theirs, theirs: ours }, process: 1, ..self }
    }

    /// The first `count` samples; valid while no job runs.
    pub fn samples(&self, count: u64) -> impl Iterator<Item = u64> {
        self.samples[..count as usize].iter().map(|sample| sample.load(Ordering::Relaxed))
    }

    /// A job that makes round trips and takes a sample of each.
    pub fn sampling(self, mut pinger: impl Pinger + 'static) -> Job {
        Box::new(move |times, _| {
            let mut last = 0;
            pinger.ping(times, |n| {
                let now = ticks::now();
                if n > 0 {
                    self.samples[n as usize - 1].store(now - last, Ordering::Relaxed);
                }
                last = now;
            });
            times
        })
    }

    /// A job that begins when both processes are ready, and answers when that was.
    pub fn answering_start(self, mut work: impl FnMut(u64) + 'static) -> Job {
        Box::new(move |times, _| {
            self.start_line.meet();
            let start = clock::now();
            work(times);
            start
        })
    }

    /// A job that begins when both processes are ready, and answers when it was done.
    pub fn answering_end(self, mut work: impl FnMut(u64) + 'static) -> Job {
        Box::new(move |times, _| {
            self.start_line.meet();
            work(times);
            clock::now()
        })
    }

    /// A job that begins when both processes are ready, notes its interval, and answers how many
    /// steps it took.
    pub fn racing(self, mut work: impl FnMut(u64) -> u64 + 'static) -> Job {
        let [began, ended] = self.intervals[self.process];
        Box::new(move |times, _| {
            self.start_line.meet();
            began.store(clock::now(), Ordering::Relaxed);
            let steps = work(times);
            ended.store(clock::now(), Ordering::Relaxed);
            steps
        })
    }

    /// Notes how often the lock has changed hands so far; called by the measuring process after a
    /// race.
    pub fn note_handovers(&self, handovers: u64) {
        self.handovers.store(handovers, Ordering::Relaxed);
    }

    /// How often the lock has changed hands, as noted last.
    pub fn handovers(&self) -> u64 {
        self.handovers.load(Ordering::Relaxed)
    }

    /// Nanoseconds from when the first process began its part of a race to when the last one was
    /// done.
    pub fn race_nanos(&self) -> u64 {
        let [ours, theirs] = self.intervals.map(|times| times.map(|time| time.load(Ordering::Relaxed)));
        ours[1].max(theirs[1]).saturating_sub(ours[0].min(theirs[0]))
    }
}

/// Where two processes wait for each other before they begin.
#[derive(Clone, Copy)]
struct StartLine {
    ours: &'static AtomicU64,
    theirs: &'static AtomicU64,
}

impl StartLine {
    /// Returns when both processes have called it equally often.
    fn meet(self) {
        let number = self.ours.load(Ordering::Relaxed) + 1;
        self.ours.store(number, Ordering::Release);
        // ORDER: pairs with the store just made, on the other side.
        poll_until(|| (self.theirs.load(Ordering::Acquire) >= number).then_some(()));
    }
}
