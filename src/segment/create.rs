//! Making segments: stage, fill, publish. An opener finds a complete segment or none.

#![allow(unsafe_code)]

use super::geometry::Geometry;
use super::mapping::{Mapping, Parts};
use super::options::Options;
use super::place::Place;
use super::stage::Stage;
use super::{Segment, open};
use crate::error::SegmentError;
use crate::layout::align_up;
use crate::layout::header::{Birth, Header, Tables};
use crate::raw::words;
use crate::sys::fork::UnsharedFile;
use crate::sys::process::Identity;
use crate::sys::{clock, file, process};

const PAGE: u64 = 4096;

/// How often to be overtaken by others who make and remove the same name.
const ROUNDS: u32 = 1000;

/// How often to find it stale in spite of trying to replace it.
const STALE_ROUNDS: u32 = 10;

/// Makes a segment of `length` bytes without objects.
pub(super) fn empty(options: &Options, place: &Place, length: u64) -> Result<Segment, SegmentError> {
    let needed = Tables::new(options.participants, options.objects).arena_at;
    if length < needed {
        return Err(SegmentError::TooSmall { length, needed });
    }
    filled(options, place, length, |segment| Ok(segment.clone()))
}

/// Opens the segment, or makes it where there is none or a stale one.
pub(super) fn or_open(options: &Options, place: &Place, length: u64) -> Result<Segment, SegmentError> {
    let segment = open_or(place, || open::existing(options, place), || empty(options, place, length))?;
    if segment.len() < length {
        return Err(SegmentError::WrongLength { expected: length, found: segment.len() });
    }
    Ok(segment)
}

/// Opens, or makes what is not there; whoever else makes or removes it meanwhile, the answer is one or the other.
pub(super) fn open_or<R>(
    place: &Place,
    open: impl Fn() -> Result<R, SegmentError>,
    make: impl Fn() -> Result<R, SegmentError>,
) -> Result<R, SegmentError> {
    let mut stale = 0;
    for _ in 0..ROUNDS {
        match open() {
            Err(SegmentError::NotFound { .. }) => {}
            // Stale, but not ours to replace.
            Err(error @ SegmentError::Stale { .. }) if stale == STALE_ROUNDS => return Err(error),
            Err(SegmentError::Stale { .. }) => stale += 1,
            other => return other,
        }
        match make() {
            // Made by somebody else in between, or not ours to replace: opening tells which.
            Err(SegmentError::AlreadyExists { .. }) => {}
            other => return other,
        }
    }
    Err(SegmentError::Busy { name: place.to_string() })
}

/// Makes a segment, lets `fill` put objects into it, and only then gives it its name.
pub(super) fn filled<R>(
    options: &Options,
    place: &Place,
    length: u64,
    fill: impl FnOnce(&Segment) -> Result<R, SegmentError>,
) -> Result<R, SegmentError> {
    let path = place.path();
    if let Some(path) = &path {
        open::vacate(place, path)?;
    }
    let tables = Tables::new(options.participants, options.objects);
    let total_len = page_rounded(place, length)?;
    let (mut stage, file, backing) = Stage::new(place, total_len, options.mode)?;
    let file_id = file::status(&file).map_err(SegmentError::os("look at the segment's file"))?.id;
    let persist = options.persist.unwrap_or(matches!(place, Place::File(_)));
    let birth = birth();
    let mapping = Mapping::new(Parts {
        geometry: Geometry { tables, total_len, id: birth.id },
        place: place.clone(),
        access: options.access.with_mode(options.mode),
        file_id,
        created: true,
        file: UnsharedFile::new(file),
        backing,
    });
    if options.huge_pages {
        mapping.advise_huge_pages();
    }
    let header = Header::new(tables, total_len, persist, birth);
    words::store(mapping.words(0, size_of::<Header>() / words::WORD), bytemuck::bytes_of(&header));
    // SAFETY: nobody else knows the file.
    unsafe { mapping.directory_lock().init() };
    mapping.attach(&mapping.gate()?)?;
    let segment = Segment::new_attached(mapping);
    let filled = fill(&segment)?;
    if let Some(path) = &path {
        while !stage.publish(path)? {
            open::vacate(place, path)?;
        }
    }
    Ok(filled)
}

fn birth() -> Birth {
    let me = Identity::current();
    Birth { id: process::random_id(), pid: me.pid, start: me.start, pidns: me.pidns, at: clock::unix_nanos() }
}

/// Whole pages; on hugetlbfs, whole huge ones.
fn page_rounded(place: &Place, length: u64) -> Result<u64, SegmentError> {
    let page = match place {
        Place::File(path) => path.parent().and_then(file::huge_page_size).unwrap_or(PAGE),
        Place::Named(_) | Place::Anonymous => PAGE,
    };
    align_up(length, page).ok_or(SegmentError::NoSpace { needed: length })
}
