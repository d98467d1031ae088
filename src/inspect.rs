//! Segments seen from outside: what is there, who has it, and what it holds.
//!
//! Nothing here maps a segment, takes a lock or writes a byte. A segment's file is read as any other, so what is reported is what lay
//! there at one moment or the next: numbers that belong together may differ by what happened in between. A damaged
//! segment is reported as far as it makes sense.
//!
//! - [`report`]: what there is to be told
//! - [`snapshot`]: reading a segment's tables and objects
//! - [`facts`]: what the state of an object says, by kind
//! - [`people`]: who is meant

mod facts;
mod people;
mod report;
mod snapshot;

use std::fs;

pub use report::{Fact, Holder, Named, ObjectReport, ParticipantReport, Process, Report};
use snapshot::Snapshot;

use crate::error::SegmentError;
use crate::segment::open;
use crate::segment::place::{Place, STAGE_PREFIX};
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
    let place = Place::named(name)?;
    Snapshot::read(&place, &file::named_path(name)).map(|snapshot| snapshot.report())
}

/// Looks at all named segments of this user, by name.
///
/// # Errors
/// `Os` where the names cannot be listed. What cannot be read is left out, as is what vanishes meanwhile.
pub fn list() -> Result<Vec<Report>, SegmentError> {
    let folder = fs::read_dir(file::named_path("")).map_err(SegmentError::os("list the named segments"))?;
    let mut names: Vec<String> =
        folder.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort_unstable();
    let own = |report: &Report| report.owner == process::effective_user();
    let names = names.iter().filter(|name| !name.starts_with(STAGE_PREFIX));
    Ok(names.filter_map(|name| inspect(name).ok()).filter(own).collect())
}

/// Removes the segment of this name if it is stale: nobody alive has it, and it was not made to outlive them. Says whether it did.
///
/// # Errors
/// Those of [`inspect`], but `NotFound`.
pub fn remove_stale(name: &str) -> Result<bool, SegmentError> {
    open::remove_stale(&Place::named(name)?)
}
