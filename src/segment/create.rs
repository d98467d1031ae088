//! Making segments: stage, fill, publish. An opener finds a complete segment or none.

#![allow(unsafe_code)]

use super::builder::SegmentBuilder;
use super::geometry::Geometry;
use super::location::Location;
use super::mapping::{Mapping, MappingParts};
use super::staging::StagedFile;
use super::{Segment, open};
use crate::error::SegmentError;
use crate::layout::align_up;
use crate::layout::header::{Creation, Header, Tables};
use crate::raw::atomic_copy;
use crate::sys::fork::UnsharedFile;
use crate::sys::process::Identity;
use crate::sys::{clock, file, process};

const PAGE: u64 = 4096;

/// How often to be overtaken by others who make and remove the same name.
const MAX_ROUNDS: u32 = 1000;

/// How often to find it stale in spite of trying to replace it.
const MAX_STALE_ROUNDS: u32 = 10;

/// Makes a segment of `length` bytes without objects.
pub(super) fn create_empty(
    builder: &SegmentBuilder,
    location: &Location,
    length: u64,
) -> Result<Segment, SegmentError> {
    let needed = Tables::new(builder.participants, builder.objects).arena_at;
    if length < needed {
        return Err(SegmentError::TooSmall { length, needed });
    }
    create_filled(builder, location, length, |segment| Ok(segment.clone()))
}

/// Opens the segment, or makes it where there is none or a stale one.
pub(super) fn open_or_create(
    builder: &SegmentBuilder,
    location: &Location,
    length: u64,
) -> Result<Segment, SegmentError> {
    let segment = open_or_make(
        location,
        || open::open_existing(builder, location),
        || create_empty(builder, location, length),
    )?;
    if segment.len() < length {
        return Err(SegmentError::WrongLength { expected: length, found: segment.len() });
    }
    Ok(segment)
}

/// Opens, or makes what is not there; whoever else makes or removes it meanwhile, the answer is one or the other.
pub(super) fn open_or_make<R>(
    location: &Location,
    open: impl Fn() -> Result<R, SegmentError>,
    make: impl Fn() -> Result<R, SegmentError>,
) -> Result<R, SegmentError> {
    let mut stale = 0;
    for _ in 0..MAX_ROUNDS {
        match open() {
            Err(SegmentError::NotFound { .. }) => {}
            // Stale, but not ours to replace.
            Err(error @ SegmentError::Stale { .. }) if stale == MAX_STALE_ROUNDS => return Err(error),
            Err(SegmentError::Stale { .. }) => stale += 1,
            other => return other,
        }
        match make() {
            // Made by somebody else in between, or not ours to replace: opening tells which.
            Err(SegmentError::AlreadyExists { .. }) => {}
            other => return other,
        }
    }
    Err(SegmentError::Busy { name: location.to_string() })
}

/// Makes a segment, lets `fill` put objects into it, and only then gives it its name.
pub(super) fn create_filled<R>(
    builder: &SegmentBuilder,
    location: &Location,
    length: u64,
    fill: impl FnOnce(&Segment) -> Result<R, SegmentError>,
) -> Result<R, SegmentError> {
    let path = location.path();
    if let Some(path) = &path {
        open::vacate(location, path)?;
    }
    let tables = Tables::new(builder.participants, builder.objects);
    let total_len = page_rounded(location, length)?;
    let (mut staged, file, backing) = StagedFile::new(location, total_len, builder.mode)?;
    let file_id = file::status(&file).map_err(SegmentError::os("look at the segment's file"))?.id;
    let persist = builder.persist.unwrap_or(matches!(location, Location::File(_)));
    let creation = creation();
    let mapping = Mapping::new(MappingParts {
        geometry: Geometry { tables, total_len, id: creation.id },
        location: location.clone(),
        access: builder.access.with_mode(builder.mode),
        file_id,
        was_created: true,
        file: UnsharedFile::new(file),
        backing,
    });
    if builder.huge_pages {
        mapping.advise_huge_pages();
    }
    let header = Header::new(tables, total_len, persist, creation);
    atomic_copy::store(
        mapping.words(0, size_of::<Header>() / atomic_copy::WORD),
        bytemuck::bytes_of(&header),
    );
    // SAFETY: nobody else knows the file.
    unsafe { mapping.directory_lock().init() };
    mapping.attach(&mapping.lock_admin()?)?;
    let segment = Segment::new_attached(mapping);
    let filled = fill(&segment)?;
    if let Some(path) = &path {
        while !staged.publish(path)? {
            open::vacate(location, path)?;
        }
    }
    Ok(filled)
}

fn creation() -> Creation {
    let me = Identity::current();
    Creation {
        id: process::random_id(),
        pid: me.pid,
        start: me.start,
        pidns: me.pidns,
        at: clock::unix_nanos(),
    }
}

/// Whole pages; on hugetlbfs, whole huge ones.
fn page_rounded(location: &Location, length: u64) -> Result<u64, SegmentError> {
    let page = match location {
        Location::File(path) => path.parent().and_then(file::huge_page_size).unwrap_or(PAGE),
        Location::Named(_) | Location::Anonymous => PAGE,
    };
    align_up(length, page).ok_or(SegmentError::NoSpace { needed: length })
}
