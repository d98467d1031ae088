//! Segments seen from outside: what is there, who has it, and what it holds.
//!
//! Nothing here maps a segment, takes a lock or writes a byte. A segment's file is read as any other, so what is reported is what lay
//! there at one moment or the next: numbers that belong together may differ by what happened in between. A damaged
//! segment is reported as far as it makes sense.
//!
//! With the feature `serde`, a [`Report`] is what `breezeway inspect --json` prints (as `segment`, and `ls` an array of them as
//! `segments`, beside `"schema": 1`): each field by its name, [`ObjectReport::facts`] and [`ObjectReport::counters`] as objects. A fact is
//! a number, `true` or `false`, a word, or an array of [`Holder`]s.
//!
//! | counter | counts |
//! |---|---|
//! | `pushes`, `pops` | messages that went in and out, about; bytes with their frames, of a queue of bytes |
//! | `full`, `empty`, `joins`, `waits`, `reads_delayed`, `writes_delayed` | calls that went to sleep, for want of room, of a message or a permit, of an end to all jobs, … Calls that do not wait are not counted |
//! | `parks` | sleeps; a long wait has one for each 100 ms |
//! | `wakes` | sleeps behind which there was what was waited for |
//! | `recoveries` | holders of the lock that died, each counted when the next one has it |
//! | `repairs` | what was taken back from the dead, or from those who left it behind: slots, ends, permits, readers |
//! | `sets`, `generations` | how often an event was set after it was not, and a barrier passed or reset |
//!
//! - `report`: what there is to be told
//! - `snapshot`: reading a segment's tables and objects
//! - `facts`: what the state of an object says, by kind
//! - `participants`: who is meant

mod facts;
mod object_copy;
mod participants;
mod report;
mod snapshot;

use std::fs;

pub use report::{Fact, Holder, NamedValues, ObjectReport, ParticipantReport, ProcessReport, Report};
use snapshot::{OpenedSegment, Snapshot};

use crate::error::SegmentError;
use crate::segment::location::{Location, STAGING_PREFIX};
use crate::sys::{file, process};

/// Looks at the segment of this name.
///
/// # Errors
/// `InvalidName`, `NotFound`, `NotASegment`, `Os`. Damage behind a segment's first bytes is no error, but in the report.
///
/// ```
/// # let name = format!("breezeway-doc-inspect-{}", std::process::id());
/// # let name = name.as_str();
/// let jobs = breezeway::queue::Queue::<u64>::create(name, 8)?;
/// jobs.push(7)?;
///
/// let report = breezeway::inspect::inspect(name)?;
/// assert_eq!(report.objects[0].kind, "Queue");
/// assert_eq!(report.participants[0].process.pid, std::process::id());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn inspect(name: &str) -> Result<Report, SegmentError> {
    open(name)?.snapshot().map(Snapshot::report)
}

/// The same without a look into the objects: their facts, counters and waiters are left out, and it takes no longer for large ones.
///
/// # Errors
/// Those of [`inspect`].
pub fn outline(name: &str) -> Result<Report, SegmentError> {
    open(name)?.snapshot().map(Snapshot::outline)
}

/// Looks at all named segments of this user, by name. Of those of others, nothing is read.
///
/// # Errors
/// `Os` where the names cannot be listed. What cannot be read is left out, as is what vanishes meanwhile.
pub fn list() -> Result<Vec<Report>, SegmentError> {
    all(Snapshot::report)
}

/// The same without a look into the objects, as [`outline`].
///
/// # Errors
/// Those of [`list`].
pub fn outlines() -> Result<Vec<Report>, SegmentError> {
    all(Snapshot::outline)
}

fn all(report: fn(Snapshot) -> Report) -> Result<Vec<Report>, SegmentError> {
    let folder = fs::read_dir(file::named_path("")).map_err(SegmentError::os("list the named segments"))?;
    let mut names: Vec<String> =
        folder.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort_unstable();
    let names = names.iter().filter(|name| !name.starts_with(STAGING_PREFIX));
    let files = names.filter_map(|name| open(name).ok());
    let own = files.filter(|file| file.status.owner == process::effective_user());
    Ok(own.filter_map(|file| file.snapshot().ok()).map(report).collect())
}

fn open(name: &str) -> Result<OpenedSegment, SegmentError> {
    let location = Location::named(name)?;
    OpenedSegment::open(location, file::named_path(name))
}

/// Removes the segment of this name if it is stale: nobody alive has it, and it was not made to outlive them. Says whether it did.
///
/// # Errors
/// Those of [`inspect`], but `NotFound`.
pub fn remove_stale(name: &str) -> Result<bool, SegmentError> {
    crate::segment::open::remove_stale(&Location::named(name)?)
}
