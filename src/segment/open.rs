//! Opening what is there, and clearing away what is stale.

use core::mem::{offset_of, size_of};
use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use super::Segment;
use super::backing::Backing;
use super::gate::Gate;
use super::geometry::Geometry;
use super::mapping::{Mapping, Parts};
use super::options::{Access, Options};
use super::participants;
use super::place::Place;
use super::repair;
use crate::error::SegmentError;
use crate::layout::header::{FLAG_PERSIST, Header};
use crate::sys::file::{self, NotOpened, Status};
use crate::sys::fork::UnsharedFile;
use crate::sys::process;

/// Opens the segment that has this name.
pub(super) fn existing(options: &Options, place: &Place) -> Result<Segment, SegmentError> {
    let path = place.path().ok_or_else(|| not_found(place))?;
    loop {
        let (file, status) = file::open_existing(&path).map_err(|error| refusal(error, place))?;
        if let Some(segment) = attach(options, place, Some(&path), file, status)? {
            return Ok(segment);
        }
    }
}

/// Opens the very file behind a descriptor of this or another process, named or not.
#[cfg(feature = "serde")]
pub(super) fn descriptor(options: &Options, pid: u32, fd: i32) -> Result<Segment, SegmentError> {
    let place = Place::Anonymous;
    let (file, status) = file::open_descriptor(pid, fd).map_err(|error| refusal(error, &place))?;
    attach(options, &place, None, file, status)?.ok_or_else(|| not_found(&place))
}

/// Attaches to an open file; `None` where the name has gone to another meanwhile.
fn attach(
    options: &Options,
    place: &Place,
    path: Option<&Path>,
    file: OwnedFd,
    status: Status,
) -> Result<Option<Segment>, SegmentError> {
    check_access(&status, options.access)?;
    let geometry = Geometry::check(&read_header(&file)?, status.len)?;
    let backing = match place {
        Place::Named(name) => Backing::map_named(name),
        Place::File(_) | Place::Anonymous => Backing::map(&file, status.len),
    };
    let backing = match backing {
        Ok(backing) if backing.len() as u64 == geometry.total_len => backing,
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(SegmentError::Os { operation: "map the segment", source: error }),
    };
    let mapping = Mapping::new(Parts {
        geometry,
        place: place.clone(),
        access: options.access,
        file_id: status.id,
        created: false,
        file: UnsharedFile::new(file),
        backing,
    });
    let gate = mapping.gate()?;
    // A named mapping was made by name: the id tells whether it is of the file that was checked.
    let still_named = path.map_or(Ok(true), |path| gate.is_named(status.id, path))?;
    if !still_named || !mapping.is_of(geometry.id) {
        return Ok(None);
    }
    let is_first = !participants::others_alive(mapping.file())?;
    if is_first && !mapping.is_persistent() {
        return Err(SegmentError::Stale { name: place.to_string() });
    }
    participants::check_namespace(&mapping, &gate)?;
    mapping.attach(&gate)?;
    if is_first {
        repair::abandon_locks(&mapping, &gate)?;
    }
    drop(gate);
    if options.huge_pages {
        mapping.advise_huge_pages();
    }
    Ok(Some(Segment::new_attached(mapping)))
}

/// Removes the segment of this name if it is stale. `false` where it is not, or there is none.
pub(crate) fn remove_stale(place: &Place) -> Result<bool, SegmentError> {
    let Some(path) = place.path() else { return Ok(false) };
    if file::id_of_path(&path).map_err(SegmentError::os("look for the segment"))?.is_none() {
        return Ok(false);
    }
    match vacate(place, &path) {
        Ok(()) => Ok(true),
        Err(SegmentError::AlreadyExists { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes sure that nothing has this name: removes a stale segment of it.
///
/// # Errors
/// `AlreadyExists` where something else has it: a segment in use, one that persists, somebody else's, or no segment.
pub(super) fn vacate(place: &Place, path: &Path) -> Result<(), SegmentError> {
    let taken = || SegmentError::AlreadyExists { name: place.to_string() };
    loop {
        let (file, status) = match file::open_existing(path) {
            Err(NotOpened::Missing) => return Ok(()),
            Err(NotOpened::NotRegular(_)) => return Err(taken()),
            Err(NotOpened::Refused(error)) if error.kind() == ErrorKind::PermissionDenied => {
                return Err(taken());
            }
            Err(error) => return Err(refusal(error, place)),
            Ok((file, status)) => (UnsharedFile::new(file), status),
        };
        if status.owner != process::effective_user() {
            return Err(taken());
        }
        let gate = Gate::enter(file.as_fd(), place)?;
        if !gate.is_named(status.id, path)? {
            continue;
        }
        let header = read_header(&file)?;
        Geometry::check(&header, status.len).map_err(|_| taken())?;
        let persists = header[offset_of!(Header, flags)] & FLAG_PERSIST as u8 != 0;
        if persists || participants::others_alive(file.as_fd())? {
            return Err(taken());
        }
        gate.unlink(status.id, path)?;
        return Ok(());
    }
}

/// Removes a segment's name, whoever uses it.
pub(super) fn remove(place: &Place) -> Result<(), SegmentError> {
    let path = place.path().ok_or_else(|| not_found(place))?;
    loop {
        let (file, status) = file::open_existing(&path).map_err(|error| refusal(error, place))?;
        let file = UnsharedFile::new(file);
        // Damaged or foreign may go too, as long as it is a segment.
        if let Err(error @ SegmentError::NotASegment { .. }) =
            Geometry::check(&read_header(&file)?, status.len)
        {
            return Err(error);
        }
        if Gate::enter(file.as_fd(), place)?.unlink(status.id, &path)? {
            return Ok(());
        }
    }
}

/// As much of a header as the file has.
fn read_header(file: impl AsFd) -> Result<Vec<u8>, SegmentError> {
    let mut start = vec![0; size_of::<Header>()];
    let length = file::read_at(file, 0, &mut start).map_err(SegmentError::os("read the segment's header"))?;
    start.truncate(length);
    Ok(start)
}

fn check_access(status: &Status, access: Access) -> Result<(), SegmentError> {
    if status.owner != process::effective_user() && !access.foreign_owner {
        return Err(SegmentError::ForeignOwner { uid: status.owner });
    }
    let open_to_group = status.mode & 0o020 != 0 && !access.group;
    let open_to_all = status.mode & 0o002 != 0 && !access.other;
    if open_to_group || open_to_all {
        return Err(SegmentError::TooOpen { mode: status.mode });
    }
    Ok(())
}

fn not_found(place: &Place) -> SegmentError {
    SegmentError::NotFound { name: place.to_string() }
}

/// What it means for a segment that its file could not be opened.
pub(crate) fn refusal(error: NotOpened, place: &Place) -> SegmentError {
    match error {
        NotOpened::Missing => not_found(place),
        NotOpened::NotRegular(what) => SegmentError::NotASegment { what },
        NotOpened::Refused(source) => SegmentError::Os { operation: "open the segment's file", source },
    }
}
