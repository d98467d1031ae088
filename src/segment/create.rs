//! Creating segments: stage, fill, publish. An opener finds a complete segment or none.

#![allow(unsafe_code)]

use std::sync::Arc;

use super::geometry::Geometry;
use super::handle::Segment;
use super::location::Location;
use super::mapping::{Mapping, MappingParts};
use super::memory::SegmentMemory;
use super::open;
use super::options::SegmentOptions;
use super::process_mappings;
use super::staging::StagedFile;
use crate::error::SegmentError;
use crate::layout::align_up;
use crate::layout::header::{Creation, Header, Tables};
use crate::raw::atomic_copy;
use crate::sys::checked_file::CheckedFile;
use crate::sys::process::Identity;
use crate::sys::{clock, file, process};

const PAGE: u64 = 4096;

/// How often to retry when other processes create and remove segments of the same name meanwhile.
const MAX_ROUNDS: u32 = 1000;

/// How often to retry when the segment is stale, and replacing it fails.
const MAX_STALE_ROUNDS: u32 = 10;

/// Creates a segment of `length` bytes without objects.
pub(super) fn create_empty(
    options: &SegmentOptions,
    location: &Location,
    length: u64,
) -> Result<Segment, SegmentError> {
    let needed = Tables::new(options.participants, options.objects).arena_at;
    if length < needed {
        return Err(SegmentError::TooSmall { length, needed });
    }
    create_filled(options, location, length, |segment| Ok(segment.clone()))
}

/// Opens the segment, or creates it if there is none or a stale one.
pub(super) fn open_or_create(
    options: &SegmentOptions,
    location: &Location,
    length: u64,
) -> Result<Segment, SegmentError> {
    let segment = open_or_make(
        location,
        || open::open_existing(options, location),
        || create_empty(options, location, length),
    )?;
    if segment.len() < length {
        return Err(SegmentError::WrongLength { expected: length, found: segment.len() });
    }
    Ok(segment)
}

/// Opens, or makes what does not exist. If other processes make or remove it meanwhile, it tries
/// again.
pub(super) fn open_or_make<R>(
    location: &Location,
    open: impl Fn() -> Result<R, SegmentError>,
    make: impl Fn() -> Result<R, SegmentError>,
) -> Result<R, SegmentError> {
    let mut stale = 0;
    for _ in 0..MAX_ROUNDS {
        match open() {
            Err(SegmentError::NotFound { .. }) => {}
            // Stale, but this process may not replace it.
            Err(error @ SegmentError::Stale { .. }) if stale == MAX_STALE_ROUNDS => return Err(error),
            Err(SegmentError::Stale { .. }) => stale += 1,
            other => return other,
        }
        match make() {
            // Another process made it meanwhile, or this process may not replace it: opening tells
            // which.
            Err(SegmentError::AlreadyExists { .. }) => {}
            other => return other,
        }
    }
    Err(SegmentError::Busy { name: location.to_string() })
}

/// Creates a segment, lets `fill` put objects into it, and only then gives it its name.
pub(super) fn create_filled<R>(
    options: &SegmentOptions,
    location: &Location,
    length: u64,
    fill: impl FnOnce(&Segment) -> Result<R, SegmentError>,
) -> Result<R, SegmentError> {
    let path = location.path();
    if let Some(path) = &path {
        open::vacate(location, path)?;
    }
    let tables = Tables::new(options.participants, options.objects);
    let total_len = page_rounded(location, length)?;
    let (mut staged, file, backing) = StagedFile::new(location, total_len, options.mode)?;
    let file_id = file::status(&file).map_err(SegmentError::os("look at the segment's file"))?.id;
    let persist = options.persist.unwrap_or(matches!(location, Location::File(_)));
    let creation = creation();
    let mapping = Mapping::new(MappingParts {
        location: location.clone(),
        memory: SegmentMemory::new(
            Geometry { tables, total_len, id: creation.id },
            CheckedFile::new(file, file_id, path.as_deref()).staged_at(staged.path()),
            backing,
        ),
    });
    if !options.core_dumps {
        mapping.exclude_from_core_dumps();
    }
    if options.huge_pages {
        mapping.advise_huge_pages();
    }
    let header = Header::new(tables, total_len, persist, creation);
    atomic_copy::store(
        mapping.words(0, size_of::<Header>() / atomic_copy::WORD),
        bytemuck::bytes_of(&header),
    );
    mapping.attach()?;
    let segment = Segment::of_created(process_mappings::insert(Arc::new(mapping)));
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

/// The length in whole pages; on hugetlbfs, in whole huge pages.
fn page_rounded(location: &Location, length: u64) -> Result<u64, SegmentError> {
    let page = match location {
        Location::File(path) => path.parent().and_then(file::huge_page_size).unwrap_or(PAGE),
        Location::Named(_) | Location::Anonymous => PAGE,
    };
    align_up(length, page).ok_or(SegmentError::NoSpace { needed: length })
}
