//! One thing that `breezeway bench` measures: what two processes do, and how their answers are
//! read.

use std::fmt;

use serde::Serialize;

use super::peer_process::Job;
use super::shared_samples::SharedSamples;
use breezeway::SegmentError;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// A message there and an answer back.
    RoundTrip,
    /// Messages one way, as fast as both processes can.
    Stream,
    /// Taking a lock, or accessing what a lock protects.
    Lock,
}

impl Work {
    /// Its name in patterns and reports.
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
    /// Both processes poll; the kernel's channels are non-blocking.
    Hot,
    /// Both processes use blocking calls, each on a CPU of its own.
    Blocking,
    /// Both processes use blocking calls on one CPU, so each sleeps until the other's message comes.
    Parked,
    /// A lock that no other process wants.
    Alone,
    /// A lock that both processes want all the time.
    Contended,
}

impl Mode {
    /// Its name in patterns and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hot => "hot",
            Self::Blocking => "blocking",
            Self::Parked => "parked",
            Self::Alone => "alone",
            Self::Contended => "contended",
        }
    }
}

/// What identifies a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// What is done.
    pub work: Work,
    /// With what it is done.
    pub peer: &'static str,
    /// The length of a message; 0 for a lock.
    pub bytes: usize,
    /// How it is done.
    pub mode: Mode,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.work.name(), self.mode.name(), self.peer)?;
        if self.bytes > 0 { write!(f, " {} B", self.bytes) } else { Ok(()) }
    }
}

/// How the answers of the two processes are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readout {
    /// The time of each round trip is a shared sample.
    Samples,
    /// The measuring process answers when it began, the peer when it was done.
    Span,
    /// The measuring process answers how long it took.
    Elapsed,
    /// Both answer how many steps they took, and note their intervals and the lock's handovers.
    Race,
    /// Both answer how many steps they took, and note their intervals; the lock admits both at a
    /// time.
    Together,
}

/// Makes a job in the process that is to do it.
pub type MakeJob = Box<dyn FnOnce(SharedSamples) -> Job>;

/// What two processes are to do.
pub struct JobPair {
    /// The job of the measuring process.
    pub ours: MakeJob,
    /// The job of its peer process, if it takes two.
    pub theirs: Option<MakeJob>,
}

/// Something that can be measured.
pub struct Case {
    /// What identifies it.
    pub key: Key,
    /// The peer that it is compared with, besides the pipe.
    pub baseline: Option<&'static str>,
    /// How the answers are read.
    pub readout: Readout,
    /// Makes the jobs. It fails where the kernel lacks what they need.
    pub make: Box<dyn FnOnce() -> Result<JobPair, Failure>>,
}

/// Why something cannot be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The kernel refuses what it takes.
    #[error("{0}")]
    Os(#[from] std::io::Error),
    /// Breezeway refuses what it takes.
    #[error("{0}")]
    Segment(#[from] SegmentError),
    /// Messages of that size are too long.
    #[error("a message may have {longest} bytes")]
    TooLong {
        /// The longest message allowed.
        longest: usize,
    },
    /// A measuring process has ended, or has received something wrong.
    #[error("the measurement has failed: {0}")]
    Ended(String),
    /// No case matches.
    #[error("there is nothing to measure")]
    Nothing,
}
