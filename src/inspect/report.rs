//! What there is to be told of a segment.

use core::fmt;
use std::path::PathBuf;

/// A process, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Process {
    /// Its id, in the namespace of whoever attached.
    pub pid: u32,
    /// What it was started as; empty where it is no more, or another's.
    pub command: String,
}

/// A process that has the segment attached, or died attached.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ParticipantReport {
    /// From 1 on.
    pub id: u32,
    /// Which process it is, or was.
    pub process: Process,
    /// The process's name when it attached.
    pub name: String,
    /// Nanoseconds since 1970.
    pub attached_at: u64,
    /// Whether it is alive; the kernel vouches for it.
    pub alive: bool,
}

/// Something that the state of an object says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(untagged))]
#[non_exhaustive]
pub enum Fact {
    /// So many.
    Count(u64),
    /// Yes or no.
    Is(bool),
    /// In words.
    Text(String),
    /// This participant, or more than one of them.
    Participants(Vec<u32>),
    /// This process.
    Process(Process),
}

/// An object of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ObjectReport {
    /// Its name in the segment.
    pub name: String,
    /// `Value`, `Queue`, …
    pub kind: String,
    /// With the type of its elements, in words.
    pub description: String,
    /// Where it lies in the segment, in bytes.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
    /// What its state says, each with its name.
    pub facts: Vec<(&'static str, Fact)>,
}

/// A segment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Report {
    /// The name that processes open it by.
    pub name: String,
    /// Where that is.
    pub path: PathBuf,
    /// Bytes.
    pub length: u64,
    /// Permission bits.
    pub mode: u32,
    /// The user whose it is.
    pub owner: u32,
    /// Nanoseconds since 1970.
    pub created_at: u64,
    /// Who made it.
    pub creator: Process,
    /// Whether it outlives its last process.
    pub persistent: bool,
    /// Nobody alive has it, and it is not persistent: whoever makes one of this name replaces it.
    pub stale: bool,
    /// Who has it attached, or died attached, by id.
    pub participants: Vec<ParticipantReport>,
    /// What is in it, in the order in which it was added; up to the first that makes no sense.
    pub objects: Vec<ObjectReport>,
    /// What is wrong with it, where something is.
    pub damage: Option<String>,
}

impl Report {
    /// How many participants are alive, and how many died attached.
    pub fn living_and_dead(&self) -> (usize, usize) {
        let living = self.participants.iter().filter(|participant| participant.alive).count();
        (living, self.participants.len() - living)
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.command.as_str() {
            "" => write!(f, "{}", self.pid),
            command => write!(f, "{} ({command})", self.pid),
        }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Is(is) => f.write_str(if *is { "yes" } else { "no" }),
            Self::Text(text) => f.write_str(text),
            Self::Process(process) => write!(f, "{process}"),
            Self::Participants(ids) => {
                let ids: Vec<String> = ids.iter().map(|id| format!("#{id}")).collect();
                f.write_str(if ids.is_empty() { "nobody".to_owned() } else { ids.join(", ") }.as_str())
            }
        }
    }
}
