//! Typed objects in a segment: what every kind brings, and making, adding and finding them.

#![allow(unsafe_code)]

use bytemuck::Zeroable;

use super::builder::SegmentBuilder;
use super::create;
use super::directory;
use super::location::Location;
use super::{Segment, open};
use crate::error::{LockError, SegmentError};
use crate::layout::fingerprint::{Fingerprint, entry_words};
use crate::layout::header::{DirectoryEntry, Tables, field_text, text_field};
use crate::primitive::{AtomicU32, AtomicU64};
use crate::raw::wait::Wait;
use crate::raw::{Cells, mutex};
use crate::sys::file::FileId;

/// The name of the object in a segment of its own.
pub(crate) const ROOT: &str = "root";

/// A kind of object that can live in a segment: [`Value`](crate::Value), [`Array`](crate::Array),
/// [`Atomic`](crate::Atomic), [`Mutex`](crate::sync::Mutex). Implemented by this crate only.
pub trait Object: Sized + sealed::Sealed {
    /// What a new one is made from; see [`Initial`].
    #[doc(hidden)]
    type Plan;
    #[doc(hidden)]
    fn fingerprint() -> Fingerprint;
    /// Whether there can be an object of this plan.
    #[doc(hidden)]
    fn check(_: &Self::Plan) -> Result<(), SegmentError> {
        Ok(())
    }
    #[doc(hidden)]
    fn shape(plan: &Self::Plan) -> Shape;
    /// The same in a segment for so many participants.
    #[doc(hidden)]
    fn fit(shape: Shape, _participants: u32) -> Shape {
        shape
    }
    /// Bytes that an object of this shape takes; `None` where that is more than there are.
    #[doc(hidden)]
    fn length(shape: Shape) -> Option<u64>;
    /// Writes a new object into bytes that are zero and that nobody else knows of yet.
    #[doc(hidden)]
    fn build(plan: &Self::Plan, region: &Region);
    /// A handle to the object that lies there. The region is as long as its shape asks for.
    #[doc(hidden)]
    fn attach(region: Region) -> Result<Self, SegmentError>;
    /// The same for a handle that was sent here.
    #[doc(hidden)]
    fn adopt(region: Region) -> Result<Self, SegmentError> {
        Self::attach(region)
    }
    #[doc(hidden)]
    fn region(&self) -> &Region;
}

/// What an object of kind `O` can be made from: a value for a [`Value`](crate::Value); a length, a range, an iterator, a slice or
/// a vector for an [`Array`](crate::Array); a capacity for a queue.
#[diagnostic::on_unimplemented(
    message = "`{O}` cannot be made from `{Self}`",
    note = "a `Value` takes a value of its type, which is `Shareable`: derive `bytemuck::Pod` and `Zeroable` on a `#[repr(C)]` type",
    note = "an `Array` takes a length, a slice, an array, a vector, a range or another of std's iterators; collect others into a vector"
)]
pub trait Initial<O: Object> {
    #[doc(hidden)]
    fn plan(self) -> O::Plan;
}

pub(crate) mod sealed {
    /// Keeps `Object` this crate's.
    pub trait Sealed {}
}

/// What of an object's size its type does not tell.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub(crate) count: u64,
    pub(crate) aux: u64,
}

impl Shape {
    pub(crate) const ONE: Self = Self { count: 1, aux: 0 };
}

/// Where an object lies, checked once and kept in private memory.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Region {
    segment: Segment,
    entry: DirectoryEntry,
}

impl Region {
    pub(crate) fn segment(&self) -> &Segment {
        &self.segment
    }

    /// What tells the object from all others, by whatever mapping.
    pub(super) fn file_and_offset(&self) -> (FileId, u64) {
        (self.segment.mapping().file_id, self.entry.offset)
    }

    /// The object's name in its segment.
    pub(crate) fn name(&self) -> &str {
        field_text(&self.entry.name).unwrap_or_default()
    }

    #[cfg(feature = "serde")]
    pub(super) fn entry(&self) -> &DirectoryEntry {
        &self.entry
    }

    pub(crate) fn shape(&self) -> Shape {
        Shape { count: self.entry.element_count, aux: self.entry.aux }
    }

    /// The object's words from byte `start` on.
    pub(crate) fn words_from(&self, start: u64) -> &[AtomicU64] {
        let length = self.entry.length.saturating_sub(start);
        self.segment.mapping().words(self.entry.offset + start, (length / 8) as usize)
    }

    /// The object's words of 32 bits from byte `start` on, so many.
    pub(crate) fn words32_from(&self, start: u64, count: usize) -> &[AtomicU32] {
        self.segment.mapping().words32(self.entry.offset + start, count)
    }

    /// The state at byte `start` of the object.
    pub(crate) fn state_at<C: Cells>(&self, start: u64) -> &C {
        self.segment.mapping().cells(self.entry.offset + start)
    }

    /// The state at the object's start.
    pub(crate) fn state<C: Cells>(&self) -> &C {
        self.segment.mapping().cells(self.entry.offset)
    }

    /// The lock at the object's start, for kinds that have one.
    pub(crate) fn lock_state(&self) -> &mutex::MutexState {
        self.segment.mapping().lock_at(self.entry.offset)
    }

    /// Makes the lock at the object's start.
    pub(crate) fn init_lock(&self) {
        // SAFETY: called while the object is built, before anybody else knows of it.
        unsafe { self.lock_state().init() };
    }

    /// The error for contents that contradict themselves.
    pub(crate) fn corrupt(&self, what: &'static str) -> SegmentError {
        SegmentError::Corrupt { what, offset: self.entry.offset }
    }

    fn zero(&self) {
        let start = self.segment.mapping().at(self.entry.offset, self.entry.length);
        // SAFETY: `at` found that many bytes in the mapping, and nobody else knows of them: no entry that counts names them.
        unsafe { start.write_bytes(0, self.entry.length as usize) };
    }
}

fn new_entry(
    name: &str,
    fingerprint: &Fingerprint,
    shape: Shape,
    offset: u64,
    length: u64,
) -> DirectoryEntry {
    let mut entry = DirectoryEntry {
        name: text_field(name),
        offset,
        length,
        element_count: shape.count,
        aux: shape.aux,
        ..DirectoryEntry::zeroed()
    };
    fingerprint.describe(&mut entry);
    entry
}

/// Adds an object to a segment.
pub(super) fn add<O: Object>(
    segment: &Segment,
    name: &str,
    plan: &O::Plan,
    fingerprint: Fingerprint,
) -> Result<O, SegmentError> {
    directory::check_name(name)?;
    O::check(plan)?;
    let _lock = DirectoryLock::acquire(segment)?;
    if directory::find(segment.mapping(), name)?.is_some() {
        return Err(SegmentError::ObjectExists { name: name.to_owned() });
    }
    add_locked(segment, name, plan, fingerprint)
}

fn add_locked<O: Object>(
    segment: &Segment,
    name: &str,
    plan: &O::Plan,
    fingerprint: Fingerprint,
) -> Result<O, SegmentError> {
    let shape = O::fit(O::shape(plan), segment.mapping().participants());
    // A length beyond all numbers is beyond what is left, too.
    let length = O::length(shape).unwrap_or(u64::MAX);
    let (index, offset) = directory::next_free(segment.mapping(), length)?;
    let entry = new_entry(name, &fingerprint, shape, offset, length);
    let region = Region { segment: segment.clone(), entry };
    // Somebody may have died while making something here.
    region.zero();
    O::build(plan, &region);
    directory::append(segment.mapping(), index, &entry);
    O::attach(region)
}

/// Finds an object in a segment.
pub(super) fn get<O: Object>(
    segment: &Segment,
    name: &str,
    fingerprint: Fingerprint,
) -> Result<O, SegmentError> {
    find::<O>(segment, name, fingerprint).and_then(O::attach)
}

/// Finds a handle's object, where the handle was sent here.
#[cfg(feature = "serde")]
pub(super) fn adopt<O: Object>(
    segment: &Segment,
    name: &str,
    fingerprint: Fingerprint,
) -> Result<O, SegmentError> {
    find::<O>(segment, name, fingerprint).and_then(O::adopt)
}

fn find<O: Object>(segment: &Segment, name: &str, fingerprint: Fingerprint) -> Result<Region, SegmentError> {
    directory::check_name(name)?;
    match directory::find(segment.mapping(), name)? {
        Some(entry) => check_found::<O>(segment, entry, fingerprint, None),
        None => Err(SegmentError::NoSuchObject { name: name.to_owned() }),
    }
}

/// Finds an object in a segment, or adds it; in the first case it must be of the same shape.
pub(super) fn get_or_add<O: Object>(
    segment: &Segment,
    name: &str,
    plan: &O::Plan,
    fingerprint: Fingerprint,
) -> Result<O, SegmentError> {
    directory::check_name(name)?;
    O::check(plan)?;
    let _lock = DirectoryLock::acquire(segment)?;
    match directory::find(segment.mapping(), name)? {
        Some(entry) => check_planned::<O>(segment, entry, fingerprint, plan).and_then(O::attach),
        None => add_locked(segment, name, plan, fingerprint),
    }
}

/// Where the object of this entry lies, if it is what the caller thinks.
fn check_found<O: Object>(
    segment: &Segment,
    entry: DirectoryEntry,
    fingerprint: Fingerprint,
    shape: Option<Shape>,
) -> Result<Region, SegmentError> {
    let region = Region { segment: segment.clone(), entry };
    if !fingerprint.matches(&entry) || shape.is_some_and(|shape| shape != region.shape()) {
        return Err(SegmentError::TypeMismatch {
            name: region.name().to_owned(),
            expected: fingerprint.words(shape.map(|shape| shape.count)),
            found: entry_words(&entry),
        });
    }
    let fitting = O::fit(region.shape(), segment.mapping().participants());
    if fitting != region.shape() || O::length(fitting) != Some(entry.length) {
        return Err(region.corrupt("the length of an object"));
    }
    Ok(region)
}

/// The same, if it is of this plan's shape, too.
fn check_planned<O: Object>(
    segment: &Segment,
    entry: DirectoryEntry,
    fingerprint: Fingerprint,
    plan: &O::Plan,
) -> Result<Region, SegmentError> {
    let shape = O::fit(O::shape(plan), segment.mapping().participants());
    check_found::<O>(segment, entry, fingerprint, Some(shape))
}

/// Makes a segment for one object.
pub(crate) fn create_single<O: Object>(location: &Location, plan: &O::Plan) -> Result<O, SegmentError> {
    O::check(plan)?;
    let builder = SegmentBuilder::default().objects(1);
    let arena_at = Tables::new(builder.participants, builder.objects).arena_at;
    let shape = O::fit(O::shape(plan), builder.participants);
    let length = O::length(shape).unwrap_or(u64::MAX);
    let total = arena_at.checked_add(length).ok_or(SegmentError::NoSpace { needed: u64::MAX })?;
    let fill = |segment: &Segment| {
        // The file is new: its bytes are zero, and nobody else is there to be locked out.
        let entry = new_entry(ROOT, &O::fingerprint(), shape, arena_at, length);
        let region = Region { segment: segment.clone(), entry };
        O::build(plan, &region);
        directory::append(segment.mapping(), 0, &entry);
        O::attach(region)
    };
    create::create_filled(&builder, location, total, fill)
}

/// Opens the object of a segment of its own.
pub(crate) fn open_single<O: Object>(location: &Location) -> Result<O, SegmentError> {
    get(&open::open_existing(&SegmentBuilder::default(), location)?, ROOT, O::fingerprint())
}

/// Opens the object of a segment of its own, if it is of this shape, or makes it.
pub(crate) fn open_or_create_single<O: Object>(
    location: &Location,
    plan: &O::Plan,
) -> Result<O, SegmentError> {
    O::check(plan)?;
    let open = || {
        let segment = open::open_existing(&SegmentBuilder::default(), location)?;
        match directory::find(segment.mapping(), ROOT)? {
            Some(entry) => check_planned::<O>(&segment, entry, O::fingerprint(), plan).and_then(O::attach),
            None => Err(SegmentError::NoSuchObject { name: ROOT.to_owned() }),
        }
    };
    create::open_or_make(location, open, || create_single(location, plan))
}

/// The directory's lock, held.
struct DirectoryLock<'a>(&'a mutex::MutexState);

impl<'a> DirectoryLock<'a> {
    /// Waits for the lock. That a holder died is no news: what it had not committed does not count.
    fn acquire(segment: &'a Segment) -> Result<Self, SegmentError> {
        let mapping = segment.mapping();
        mapping.participant()?;
        let lock = mapping.directory_lock();
        if !lock.is_valid() {
            return Err(SegmentError::Lock(LockError::Corrupt { what: "the directory's lock" }));
        }
        lock.lock(Wait::Forever)?;
        Ok(Self(lock))
    }
}

impl Drop for DirectoryLock<'_> {
    fn drop(&mut self) {
        self.0.unlock();
    }
}
