//! Segments seen from outside: what they hold, and which processes use it.
//!
//! Nothing here maps a segment, takes a lock or writes a byte. A segment's file is read as any
//! other file, so a report shows the bytes of one moment or the next: numbers that belong together
//! may differ by what happened in between. A damaged segment is reported as far as it makes sense.
//!
//! With the feature `serde`, a [`Report`] is what `breezeway inspect --json` prints (as `segment`;
//! `ls` prints an array of them as `segments`, beside `"schema": 1`): each field by its name,
//! [`ObjectReport::facts`] and [`ObjectReport::counters`] as objects. A fact is a number, `true` or
//! `false`, a word, or an array of [`Holder`]s.
//!
//! | counter | counts |
//! |---|---|
//! | `pushes`, `pops` | messages that went in and out, approximately; of a byte queue, bytes with their frames |
//! | `full`, `empty`, `joins`, `waits`, `reads_delayed`, `writes_delayed` | calls that parked, because there was no room, no message or permit, an unfinished job, … Calls that do not wait are not counted |
//! | `parks` | parks; a long wait has one for each 100 ms |
//! | `wakes` | parks after which the operation succeeded |
//! | `recoveries` | holders of the lock that died, each counted when the next thread has the lock |
//! | `repairs` | what was reclaimed from participants that died, or that detached without releasing it: slots, endpoints, permits, readers |
//! | `sets`, `generations` | how often an event changed from unset to set; how often a barrier was passed or reset |
//!
//! - `report`: the public model
//! - `snapshot`: a segment's tables and objects, read from its file
//! - `object_copy`: an object's bytes in private memory
//! - `facts`: what an object's kind reports of its state
//! - `participants`: participants and threads as processes

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

/// Reports the named segment, its participants and the state of its objects.
///
/// # Errors
/// - [`SegmentError::InvalidName`] if `name` cannot be a segment's
/// - [`SegmentError::NotFound`] if there is no segment of this name
/// - [`SegmentError::NotASegment`] if the file does not begin as a segment does; other damage is no
///   error, but in [`Report::damage`]
/// - [`SegmentError::Os`] if the file cannot be opened or read
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

/// Reports the named segment without the state of its objects.
///
/// Facts, counters and waiters are left out, and it takes no longer if the objects are large.
///
/// # Errors
/// Those of [`inspect`].
pub fn outline(name: &str) -> Result<Report, SegmentError> {
    open(name)?.snapshot().map(Snapshot::outline)
}

/// Reports all named segments of this user, in the order of their names. Nothing of other users'
/// files is read.
///
/// A file that cannot be read, or that vanishes meanwhile, is left out.
///
/// # Errors
/// [`SegmentError::Os`] if the names cannot be listed.
pub fn list() -> Result<Vec<Report>, SegmentError> {
    all(Snapshot::report)
}

/// Reports all named segments of this user as [`outline`] does: without the state of their objects.
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

/// Removes the named segment if it is stale: no living process has it attached, and it does not
/// persist. Returns whether it was removed.
///
/// # Errors
/// - [`SegmentError::InvalidName`] if `name` cannot be a segment's
/// - [`SegmentError::Busy`] if another process has been opening or replacing the segment for ten
///   seconds
/// - [`SegmentError::Os`] if a system call fails otherwise
pub fn remove_stale(name: &str) -> Result<bool, SegmentError> {
    crate::segment::open::remove_stale(&Location::named(name)?)
}
