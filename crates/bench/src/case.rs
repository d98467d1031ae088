//! One thing to be measured: what two processes do, and how their answers are read.

use std::fmt;

use serde::Serialize;

use super::kernel::clock;
use super::kernel::page::Page;
use super::message::poll_until;
use super::peer_process::Job;
use super::round_trip::Pinger;
use super::ticks::{self, Ticks};
use breezeway::SegmentError;
use core::sync::atomic::{AtomicU64, Ordering};

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// There and back.
    RoundTrip,
    /// One way, as fast as both can.
    Stream,
    /// Taking a lock, or what a lock protects.
    Lock,
}

impl Work {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::RoundTrip, Self::Stream, Self::Lock];

    /// As it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::RoundTrip => "round-trip",
            Self::Stream => "stream",
            Self::Lock => "lock",
        }
    }
}

/// How it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Both look all the time; the kernel's own are tried until they work.
    Hot,
    /// Both wait in the calls that are made for it. In round trips both sleep until the message comes.
    Parked,
    /// A lock that nobody else wants.
    Alone,
    /// A lock that both want all the time.
    Contended,
}

impl Mode {
    /// As it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hot => "hot",
            Self::Parked => "parked",
            Self::Alone => "alone",
            Self::Contended => "contended",
        }
    }
}

/// What a case is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// What is done.
    pub work: Work,
    /// And with what.
    pub peer: &'static str,
    /// How long a message is; 0 for a lock.
    pub bytes: usize,
    /// And how.
    pub mode: Mode,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.work.name(), self.mode.name(), self.peer)?;
        if self.bytes > 0 { write!(f, " {} B", self.bytes) } else { Ok(()) }
    }
}

/// How the answers are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readout {
    /// Each time lies on the desk, in ticks.
    Samples,
    /// We answer when we began, the peer when it was done.
    Span,
    /// We answer how long it took.
    Elapsed,
    /// Both answer how many steps were theirs; when they took them lies on the desk, and how often the lock changed hands.
    Race,
    /// The same where nobody keeps the other out.
    Together,
}

/// Makes a job, in the process that is to do it.
pub type MakeJob = Box<dyn FnOnce(SharedSamples) -> Job>;

/// What two processes are to do.
pub struct Pair {
    /// The one whose time counts.
    pub ours: MakeJob,
    /// The other, if there is one.
    pub theirs: Option<MakeJob>,
}

/// A case that can be made.
pub struct Case {
    /// What it is known by.
    pub key: Key,
    /// What the same work is compared with, besides the pipe.
    pub baseline: Option<&'static str>,
    /// How the answers are read.
    pub reading: Readout,
    /// Makes it. The kernel may not have what it takes.
    pub make: Box<dyn FnOnce() -> Result<Pair, Failure>>,
}

/// Why something cannot be measured.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// The kernel has not got what it takes.
    Os(std::io::Error),
    /// Nor has breezeway.
    Segment(SegmentError),
    /// Messages of that size are too long.
    TooLong {
        /// What is allowed.
        longest: usize,
    },
    /// A process has ended, or found something that is not as it should be.
    Ended(String),
    /// Nothing that was asked for is there.
    Nothing,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Os(error) => error.fmt(f),
            Self::Segment(error) => error.fmt(f),
            Self::TooLong { longest } => write!(f, "a message may have {longest} bytes"),
            Self::Ended(what) => write!(f, "the measurement has failed: {what}"),
            Self::Nothing => f.write_str("there is nothing to measure"),
        }
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Os(error) => Some(error),
            Self::Segment(error) => Some(error),
            _ => None,
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Os(error)
    }
}

impl From<SegmentError> for Failure {
    fn from(error: SegmentError) -> Self {
        Self::Segment(error)
    }
}

/// What two processes at work share with who asks for it.
#[derive(Clone, Copy)]
pub struct SharedSamples {
    /// Where the times of single round trips lie. Only one of the two writes there.
    samples: &'static [AtomicU64],
    gate: Gate,
    /// When each of the two was at a race, ours first.
    race: [[&'static AtomicU64; 2]; 2],
    /// How often a lock has changed hands, in all races for it. Only we write there.
    turns: &'static AtomicU64,
    /// Whose desk it is: ours, or the peer's.
    side: usize,
    /// The clock they were taken with.
    pub ticks: Ticks,
}

impl SharedSamples {
    /// As many as there are samples.
    pub const ROOM: usize = 1 << 15;

    /// One for two processes.
    ///
    /// # Panics
    /// Where the kernel has no memory left.
    pub fn new(ticks: Ticks) -> Self {
        let page = Page::new();
        let race = [0, 1].map(|side| [&page.words(side)[0], &page.words(side)[1]]);
        Self {
            samples: Page::of_words(Self::ROOM),
            gate: Gate::new(),
            race,
            turns: page.word(2),
            side: 0,
            ticks,
        }
    }

    /// As the peer sees it.
    pub fn seen_from_there(self) -> Self {
        Self { gate: Gate { ours: self.gate.theirs, theirs: self.gate.ours }, side: 1, ..self }
    }

    /// The first of the samples, to be read when the job is done.
    pub fn samples(&self, count: u64) -> impl Iterator<Item = u64> {
        self.samples[..count as usize].iter().map(|sample| sample.load(Ordering::Relaxed))
    }

    /// Round trips, each measured.
    pub fn timing(self, mut asker: impl Pinger + 'static) -> Job {
        Box::new(move |times, _| {
            let mut last = 0;
            asker.ask(times, |n| {
                let now = ticks::now();
                if n > 0 {
                    self.samples[n as usize - 1].store(now - last, Ordering::Relaxed);
                }
                last = now;
            });
            times
        })
    }

    /// Something that begins when both are there; it answers when that was.
    pub fn beginning(self, mut work: impl FnMut(u64) + 'static) -> Job {
        Box::new(move |times, _| {
            self.gate.meet();
            let start = clock::now();
            work(times);
            start
        })
    }

    /// The other side of that; it answers when it was done.
    pub fn ending(self, mut work: impl FnMut(u64) + 'static) -> Job {
        Box::new(move |times, _| {
            self.gate.meet();
            work(times);
            clock::now()
        })
    }

    /// Something that begins when both are there; it answers how often it did it. When it was at it lies on the desk.
    pub fn racing(self, mut work: impl FnMut(u64) -> u64 + 'static) -> Job {
        let [began, ended] = self.race[self.side];
        Box::new(move |times, _| {
            self.gate.meet();
            began.store(clock::now(), Ordering::Relaxed);
            let steps = work(times);
            ended.store(clock::now(), Ordering::Relaxed);
            steps
        })
    }

    /// To be called by us, behind a race: how often the lock has changed hands so far.
    pub fn note_turns(&self, turns: u64) {
        self.turns.store(turns, Ordering::Relaxed);
    }

    /// As noted last.
    pub fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }

    /// Nanoseconds from when the first of the two began that to when the last was done.
    pub fn race_took(&self) -> u64 {
        let [ours, theirs] = self.race.map(|times| times.map(|time| time.load(Ordering::Relaxed)));
        ours[1].max(theirs[1]).saturating_sub(ours[0].min(theirs[0]))
    }
}

/// Where two processes wait for each other before they begin.
#[derive(Clone, Copy)]
struct Gate {
    ours: &'static AtomicU64,
    theirs: &'static AtomicU64,
}

impl Gate {
    fn new() -> Self {
        let page = Page::new();
        Self { ours: page.word(0), theirs: page.word(1) }
    }

    /// Returns when both have called it equally often.
    fn meet(self) {
        let number = self.ours.load(Ordering::Relaxed) + 1;
        self.ours.store(number, Ordering::Release);
        // ORDER: pairs with the store just made, on the other side.
        poll_until(|| (self.theirs.load(Ordering::Acquire) >= number).then_some(()));
    }
}
