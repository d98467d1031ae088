//! What there is to be told of a segment.

use core::fmt;
use std::path::PathBuf;

/// A process, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ProcessReport {
    /// Its id, in the pid namespace that it counts itself in.
    pub pid: u32,
    /// Its command line; empty where it is no more, or hidden.
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
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub process: ProcessReport,
    /// The process's name when it attached.
    pub name: String,
    /// Nanoseconds since 1970.
    pub attached_at: u64,
    /// Whether it is alive; the kernel vouches for it.
    pub alive: bool,
}

/// A process that has something of an object, or waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Holder {
    /// Which participant it is, where that is known.
    pub participant: Option<u32>,
    /// Which process; `None` where the object names a participant that there is not.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub process: Option<ProcessReport>,
    /// Whether it is alive.
    pub alive: bool,
    /// How many it has of what it has: permits, slots, sleeping threads.
    pub times: u64,
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
    /// In a word.
    Text(&'static str),
    /// These, or nobody.
    Holders(Vec<Holder>),
}

/// Facts, each with its name: a word, or more of them with underscores between.
pub type NamedValues<T> = Vec<(&'static str, T)>;

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
    /// What its state says.
    #[cfg_attr(feature = "serde", serde(serialize_with = "as_map"))]
    pub facts: NamedValues<Fact>,
    /// Who sleeps on one of its words. Those whom this process may not look at are left out, and so are those who still spin.
    pub waiters: Vec<Holder>,
    /// What has happened at it since it was made. These numbers only grow.
    #[cfg_attr(feature = "serde", serde(serialize_with = "as_map"))]
    pub counters: NamedValues<u64>,
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
    pub creator: ProcessReport,
    /// Whether it outlives its last process.
    pub persistent: bool,
    /// Nobody alive has it, and it is not persistent: whoever makes one of this name replaces it.
    pub stale: bool,
    /// Participants that there can be at a time.
    pub participants_max: u32,
    /// Objects that there can be.
    pub objects_max: u32,
    /// Who has it attached, or died attached, by id.
    pub participants: Vec<ParticipantReport>,
    /// What is in it, in the order in which it was added; up to the first that makes no sense.
    pub objects: Vec<ObjectReport>,
    /// What is wrong with it, where something is.
    pub damage: Option<String>,
}

impl Report {
    /// How many participants are alive, and how many died attached.
    pub fn alive_and_dead(&self) -> (usize, usize) {
        let living = self.participants.iter().filter(|participant| participant.alive).count();
        (living, self.participants.len() - living)
    }
}

impl fmt::Display for ProcessReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.command.as_str() {
            "" => write!(f, "{}", self.pid),
            command => write!(f, "{} ({command})", self.pid),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.participant, &self.process) {
            (Some(id), Some(process)) => write!(f, "#{id} {process}")?,
            (None, Some(process)) => write!(f, "{process}")?,
            (Some(id), None) => write!(f, "#{id}, which is nobody")?,
            (None, None) => f.write_str("somebody")?,
        }
        if self.times > 1 {
            write!(f, " × {}", self.times)?;
        }
        f.write_str(if self.alive || self.process.is_none() { "" } else { ", dead" })
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Is(is) => f.write_str(if *is { "yes" } else { "no" }),
            Self::Text(text) => f.write_str(text),
            Self::Holders(holders) if holders.is_empty() => f.write_str("nobody"),
            Self::Holders(holders) => {
                let holders: Vec<String> = holders.iter().map(ToString::to_string).collect();
                f.write_str(&holders.join("; "))
            }
        }
    }
}

#[cfg(feature = "serde")]
fn as_map<T: serde::Serialize, S: serde::Serializer>(
    named: &NamedValues<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(named.iter().map(|(name, value)| (name, value)))
}
