//! The short forms: an object with a segment of its own.

use super::handle::Segment;
use super::location::Location;
use super::object::{Object, ROOT};
use super::options::SegmentOptions;
use super::region::Region;
use super::{create, directory, open, typed};
use crate::error::SegmentError;
use crate::layout::header::Tables;

/// Creates a segment for one object.
pub(crate) fn create<O: Object>(location: &Location, plan: &O::Plan) -> Result<O, SegmentError> {
    O::check(plan)?;
    let options = SegmentOptions { objects: 1, ..SegmentOptions::default() };
    let arena_at = Tables::new(options.participants, options.objects).arena_at;
    let shape = O::fit(O::shape(plan), options.participants);
    let length = O::length(shape).unwrap_or(u64::MAX);
    let total = arena_at.checked_add(length).ok_or(SegmentError::NoSpace { needed: u64::MAX })?;
    let fill = |segment: &Segment| {
        // The file is new: its bytes are zero, and there is no other process to lock out.
        let entry = typed::new_entry(ROOT, &O::fingerprint(), shape, arena_at, length);
        let region = Region::new(segment, entry);
        O::build(plan, &region);
        directory::append(segment.mapping(), 0, &entry);
        O::attach(region)
    };
    create::create_filled(&options, location, total, fill)
}

/// Opens the object of a segment of its own.
pub(crate) fn open<O: Object>(location: &Location) -> Result<O, SegmentError> {
    let segment = open::open_existing(&SegmentOptions::default(), location)?;
    typed::get(&segment, ROOT, O::fingerprint())
}

/// Opens the object of a segment of its own, if it is of the plan's shape, or creates it.
pub(crate) fn open_or_create<O: Object>(location: &Location, plan: &O::Plan) -> Result<O, SegmentError> {
    O::check(plan)?;
    let open = || {
        let segment = open::open_existing(&SegmentOptions::default(), location)?;
        match directory::find(segment.mapping(), ROOT)? {
            Some(entry) => {
                typed::check_planned::<O>(&segment, entry, O::fingerprint(), plan).and_then(O::attach)
            }
            None => Err(SegmentError::NoSuchObject { name: ROOT.to_owned() }),
        }
    };
    create::open_or_make(location, open, || create(location, plan))
}
