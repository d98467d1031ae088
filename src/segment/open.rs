//! Opening existing segments, and removing stale ones.

use core::mem::{offset_of, size_of};
use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use super::access::Access;
use super::admin_lock::AdminLock;
use super::backing::Backing;
use super::directory;
use super::geometry::Geometry;
use super::handle::Segment;
use super::location::Location;
use super::mapping::{Mapping, MappingParts};
use super::memory::SegmentMemory;
use super::options::SegmentOptions;
use super::participants;
use super::process_mappings;
use crate::error::SegmentError;
use crate::layout::header::{FLAG_PERSIST, Header};
use crate::sys::checked_file::CheckedFile;
use crate::sys::file::{self, NotOpened, Status};
use crate::sys::process;

/// Opens the segment of this name or path.
pub(super) fn open_existing(options: &SegmentOptions, location: &Location) -> Result<Segment, SegmentError> {
    let path = location.path().ok_or_else(|| not_found(location))?;
    retry(location, || {
        let (file, status) = file::open_existing(&path).map_err(|error| open_error(error, location))?;
        attach(options, location, Some(&path), file, status)
    })
}

/// How often to retry when the name has gone to another file meanwhile. On a file system that does
/// not give a file the same number each time, that is always.
const MAX_ROUNDS: u32 = 1000;

/// Repeats what gives `None` because the name has gone to another file meanwhile.
///
/// # Errors
/// Those of `attempt`; [`SegmentError::Busy`] if the name goes to another file each time.
fn retry<R>(
    location: &Location,
    attempt: impl Fn() -> Result<Option<R>, SegmentError>,
) -> Result<R, SegmentError> {
    for _ in 0..MAX_ROUNDS {
        if let Some(done) = attempt()? {
            return Ok(done);
        }
    }
    Err(SegmentError::Busy { name: location.to_string() })
}

/// Opens the file that a descriptor of this or another process is open on, whether it has a name or
/// not.
#[cfg(feature = "serde")]
pub(super) fn open_descriptor(options: &SegmentOptions, pid: u32, fd: i32) -> Result<Segment, SegmentError> {
    let location = Location::Anonymous;
    let (file, status) = file::open_descriptor(pid, fd).map_err(|error| open_error(error, &location))?;
    attach(options, &location, None, file, status)?.ok_or_else(|| not_found(&location))
}

/// Attaches to an open file; `None` if the name has gone to another file meanwhile.
fn attach(
    options: &SegmentOptions,
    location: &Location,
    path: Option<&Path>,
    file: OwnedFd,
    status: Status,
) -> Result<Option<Segment>, SegmentError> {
    let geometry = Geometry::check(&read_header(&file)?, status.len)?;
    check_access(&status, options.access)?;
    if let Some(mapping) = process_mappings::find(status.id, geometry.id) {
        mapping.participant()?;
        return Ok(Some(Segment::of_mapping(mapping)));
    }
    let backing = match Backing::map(&file, status.len) {
        Ok(backing) => backing,
        Err(error) => return Err(SegmentError::Os { operation: "map the segment", source: error }),
    };
    let mapping = Mapping::new(MappingParts {
        location: location.clone(),
        memory: SegmentMemory::new(geometry, CheckedFile::new(file, status.id, path), backing),
    });
    let admin_lock = mapping.lock_admin()?;
    let still_named = path.map_or(Ok(true), |path| admin_lock.is_named(path))?;
    if !still_named {
        return Ok(None);
    }
    let is_first = !participants::is_any_alive(mapping.memory().file())?;
    if is_first && !mapping.is_persistent() {
        return Err(SegmentError::Stale { name: location.to_string() });
    }
    mapping.attach()?;
    if is_first {
        directory::entries(&mapping).try_for_each(|entry| entry.map(drop))?;
    }
    drop(admin_lock);
    if !options.core_dumps {
        mapping.exclude_from_core_dumps();
    }
    if options.huge_pages {
        mapping.advise_huge_pages();
    }
    Ok(Some(Segment::of_mapping(process_mappings::insert(Arc::new(mapping)))))
}

/// Removes the segment of this name if it is stale. Returns whether it was.
pub(crate) fn remove_stale(location: &Location) -> Result<bool, SegmentError> {
    let Some(path) = location.path() else { return Ok(false) };
    if file::id_of_path(&path).map_err(SegmentError::os("look for the segment"))?.is_none() {
        return Ok(false);
    }
    match vacate(location, &path) {
        Ok(()) => Ok(true),
        Err(SegmentError::AlreadyExists { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes sure that this name is free: removes a stale segment that has it.
///
/// # Errors
/// [`SegmentError::AlreadyExists`] if the name belongs to a segment that is in use or persists, to
/// another user's segment, or to another file; [`SegmentError::Busy`] if another process holds the
/// admin lock for too long; [`SegmentError::Os`] if a system call fails otherwise.
pub(super) fn vacate(location: &Location, path: &Path) -> Result<(), SegmentError> {
    let taken = || SegmentError::AlreadyExists { name: location.to_string() };
    retry(location, || {
        let (file, status) = match file::open_existing(path) {
            Err(NotOpened::Missing) => return Ok(Some(())),
            Err(NotOpened::NotRegular(_)) => return Err(taken()),
            Err(NotOpened::Refused(error)) if error.kind() == ErrorKind::PermissionDenied => {
                return Err(taken());
            }
            Err(error) => return Err(open_error(error, location)),
            Ok((file, status)) => (CheckedFile::new(file, status.id, Some(path)), status),
        };
        if status.owner != process::effective_user() {
            return Err(taken());
        }
        let admin_lock = AdminLock::acquire(&file, location)?;
        if !admin_lock.is_named(path)? {
            return Ok(None);
        }
        let header = file.ask(|file| Ok(read_header(file))).map_err(SegmentError::os(READ_HEADER))??;
        Geometry::check(&header, status.len).map_err(|_| taken())?;
        let persists = header[offset_of!(Header, flags)] & FLAG_PERSIST as u8 != 0;
        if persists || participants::is_any_alive(&file)? {
            return Err(taken());
        }
        admin_lock.unlink(path)?;
        Ok(Some(()))
    })
}

/// Removes a segment's name, whether the segment is in use or not.
pub(super) fn remove(location: &Location) -> Result<(), SegmentError> {
    let path = location.path().ok_or_else(|| not_found(location))?;
    retry(location, || {
        let (file, status) = file::open_existing(&path).map_err(|error| open_error(error, location))?;
        // A damaged or foreign segment is removed as well.
        if let Err(error @ SegmentError::NotASegment { .. }) =
            Geometry::check(&read_header(&file)?, status.len)
        {
            return Err(error);
        }
        let file = CheckedFile::new(file, status.id, Some(&path));
        let removed = AdminLock::acquire(&file, location)?.unlink(&path)?;
        Ok(removed.then_some(()))
    })
}

const READ_HEADER: &str = "read the segment's header";

/// The header's bytes, as many as the file has.
fn read_header(file: impl AsFd) -> Result<Vec<u8>, SegmentError> {
    let mut start = vec![0; size_of::<Header>()];
    let length = file::read_at(file, 0, &mut start).map_err(SegmentError::os(READ_HEADER))?;
    start.truncate(length);
    Ok(start)
}

fn check_access(status: &Status, access: Access) -> Result<(), SegmentError> {
    if status.owner != process::effective_user() && !access.foreign_owner {
        return Err(SegmentError::ForeignOwner { uid: status.owner });
    }
    // To read is too much already: a reader can lock the file, and hold up all who use the segment.
    let open_to_group = status.mode & 0o060 != 0 && !access.group;
    let open_to_all = status.mode & 0o006 != 0 && !access.other;
    if open_to_group || open_to_all {
        return Err(SegmentError::TooOpen { mode: status.mode });
    }
    Ok(())
}

fn not_found(location: &Location) -> SegmentError {
    SegmentError::NotFound { name: location.to_string() }
}

/// The error of a segment whose file could not be opened.
pub(crate) fn open_error(error: NotOpened, location: &Location) -> SegmentError {
    match error {
        NotOpened::Missing => not_found(location),
        NotOpened::NotRegular(what) => SegmentError::NotASegment { what },
        NotOpened::Refused(source) => SegmentError::Os { operation: "open the segment's file", source },
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn retry_that_never_succeeds_returns_busy() {
        let rounds = Cell::new(0);
        let attempt = |done_after| {
            rounds.set(rounds.get() + 1);
            Ok((rounds.get() > done_after).then_some(7))
        };
        assert!(matches!(retry(&Location::Anonymous, || attempt(3)), Ok(7)));
        rounds.set(0);
        let error = retry(&Location::Anonymous, || attempt(u32::MAX)).unwrap_err();
        assert!(matches!(error, SegmentError::Busy { .. }), "{error:?}");
    }
}
