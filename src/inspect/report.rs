//! [`Report`]: the public model of a segment seen from outside.

use core::fmt;
use std::path::PathBuf;

/// A process: its id and its command.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ProcessReport {
    /// Its process id, in its own pid namespace.
    pub pid: u32,
    /// Its command line; empty if the process has ended, or is hidden from this one.
    pub command: String,
}

/// A process that has the segment attached, or died attached.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ParticipantReport {
    /// Its id in the segment, from 1 on.
    pub id: u32,
    /// Which process it is, or was.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub process: ProcessReport,
    /// The process's name when it attached.
    pub name: String,
    /// When it attached, in nanoseconds since the Unix epoch.
    pub attached_at: u64,
    /// Whether it is alive, as the kernel knows.
    pub alive: bool,
}

/// A process that holds something of an object, or waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Holder {
    /// Which participant it is, if that is known.
    pub participant: Option<u32>,
    /// Which process it is; `None` if the object names a participant that does not exist.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub process: Option<ProcessReport>,
    /// Whether it is alive.
    pub alive: bool,
    /// How many it holds: permits, slots, sleeping threads.
    pub times: u64,
}

/// Something that the state of an object says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(untagged))]
#[non_exhaustive]
pub enum Fact {
    /// A number.
    Count(u64),
    /// Yes or no.
    Is(bool),
    /// One of a few words.
    Text(&'static str),
    /// The holders; there may be none.
    Holders(Vec<Holder>),
}

/// Values by name. A name is one word, or several with underscores between them.
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
    /// The kind and the type of its elements in words, as in error messages.
    pub description: String,
    /// Where it lies, in bytes from the start of the segment.
    pub offset: u64,
    /// How long it is, in bytes.
    pub length: u64,
    /// What its state says.
    #[cfg_attr(feature = "serde", serde(serialize_with = "as_map"))]
    pub facts: NamedValues<Fact>,
    /// The processes that sleep on one of its words. Processes that this one may not look at are
    /// left out, and so are waiters that still spin.
    pub waiters: Vec<Holder>,
    /// What has happened to it since it was created. These numbers only grow.
    #[cfg_attr(feature = "serde", serde(serialize_with = "as_map"))]
    pub counters: NamedValues<u64>,
}

/// What is known of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Report {
    /// The name that processes open it by.
    pub name: String,
    /// The path of its file.
    pub path: PathBuf,
    /// How long the file is, in bytes.
    pub length: u64,
    /// The file's permission bits.
    pub mode: u32,
    /// The user id of the file's owner.
    pub owner: u32,
    /// When it was created, in nanoseconds since the Unix epoch.
    pub created_at: u64,
    /// The process that created it.
    pub creator: ProcessReport,
    /// Whether it outlives its users.
    pub persistent: bool,
    /// Whether no living process has it attached and it is not persistent: then creating a segment
    /// of this name replaces it.
    pub stale: bool,
    /// How many participants it can have at a time.
    pub participants_max: u32,
    /// How many objects it can hold.
    pub objects_max: u32,
    /// The processes that have it attached, or died attached, in the order of their ids.
    pub participants: Vec<ParticipantReport>,
    /// Its objects, in the order in which they were added, up to the first whose directory entry
    /// makes no sense.
    pub objects: Vec<ObjectReport>,
    /// What is wrong with it, if something is.
    pub damage: Option<String>,
}

impl Report {
    /// Returns how many participants are alive, and how many died attached.
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
