//! Adding typed objects to a segment, and finding them.
//!
//! An object is added under the directory's lock: its bytes are zeroed and built, and then its
//! directory entry is appended, which is the commit.

use bytemuck::Zeroable;

use super::directory;
use super::handle::Segment;
use super::object::{Initial, Object};
use super::region::{Region, Shape};
use crate::error::SegmentError;
use crate::layout::fingerprint::Fingerprint;
use crate::layout::header::{DirectoryEntry, text_field};
use crate::raw::kinds;
use crate::raw::mutex::{LockToken, MutexState};
use crate::raw::wait::Wait;
use crate::sys::process;

/// Typed objects.
impl Segment {
    /// Adds an object of type `O` under a name of 1 to 63 bytes.
    ///
    /// # Errors
    /// - [`SegmentError::InvalidName`] if `name` is empty, longer than 63 bytes, or contains a NUL
    /// - [`SegmentError::InvalidOption`] if `initial` asks for a number that `O` does not allow
    /// - [`SegmentError::ObjectExists`] if the segment has an object of this name
    /// - [`SegmentError::DirectoryFull`] if the segment holds as many objects as it can
    /// - [`SegmentError::OutOfSpace`] if the object does not fit into what is left of the segment
    /// - [`SegmentError::Corrupt`] if the directory contradicts itself
    /// - [`SegmentError::Lock`] if the directory's lock is damaged
    /// - in a forked child that cannot register as a participant, the errors of
    ///   [`participant_id`](Self::participant_id)
    pub fn add<O: Object>(&self, name: &str, initial: impl Initial<O>) -> Result<O, SegmentError> {
        add(self, name, &initial.plan(), O::fingerprint())
    }

    /// Returns a handle to the object of this name.
    ///
    /// # Errors
    /// - [`SegmentError::InvalidName`] if `name` is empty, longer than 63 bytes, or contains a NUL
    /// - [`SegmentError::NoSuchObject`] if the segment has no object of this name
    /// - [`SegmentError::TypeMismatch`] if the object is of another kind or element type
    /// - [`SegmentError::EndpointTaken`] if `O` is an endpoint of a queue, and a living process has
    ///   it
    /// - [`SegmentError::Corrupt`] if the directory or the object contradicts itself
    pub fn get<O: Object>(&self, name: &str) -> Result<O, SegmentError> {
        get(self, name, O::fingerprint())
    }

    /// Returns a handle to the object of this name, which is added if there is none.
    ///
    /// An object that exists must have the kind, the type and the length that `initial` asks for;
    /// what it holds stays.
    ///
    /// # Errors
    /// Those of [`add`](Self::add) and [`get`](Self::get), except [`SegmentError::ObjectExists`]
    /// and [`SegmentError::NoSuchObject`]; and [`SegmentError::TypeMismatch`] if an existing object
    /// is of another length.
    pub fn get_or_add<O: Object>(&self, name: &str, initial: impl Initial<O>) -> Result<O, SegmentError> {
        get_or_add(self, name, &initial.plan(), O::fingerprint())
    }

    /// Returns a view of this segment in which a number stands for the element type's name in type
    /// checks.
    ///
    /// Types are checked by kind, size, alignment and name, without the module path. If two
    /// programs have different names for one type, or a change of its meaning is to be noticed,
    /// they agree on a tag.
    ///
    /// ```
    /// # use breezeway::{Segment, Value};
    /// const TYPE_TAG: u64 = 0x7e39_0001;
    /// let plant = Segment::new(1 << 16)?;
    /// plant.tagged(TYPE_TAG).add::<Value<[f32; 2]>>("position", [0.0, 0.0])?;
    /// assert!(plant.get::<Value<[f32; 2]>>("position").is_err());
    /// plant.tagged(TYPE_TAG).get::<Value<[f32; 2]>>("position")?;
    /// # Ok::<(), breezeway::SegmentError>(())
    /// ```
    pub fn tagged(&self, type_tag: u64) -> Tagged<'_> {
        Tagged { segment: self, type_tag }
    }
}

/// A segment with a type tag; see [`Segment::tagged`].
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Tagged<'a> {
    segment: &'a Segment,
    type_tag: u64,
}

impl Tagged<'_> {
    fn fingerprint<O: Object>(&self) -> Fingerprint {
        O::fingerprint().tagged(self.type_tag)
    }

    /// Adds an object of type `O`, under the tag, with a name of 1 to 63 bytes.
    ///
    /// # Errors
    /// Those of [`Segment::add`].
    pub fn add<O: Object>(&self, name: &str, initial: impl Initial<O>) -> Result<O, SegmentError> {
        add(self.segment, name, &initial.plan(), self.fingerprint::<O>())
    }

    /// Returns a handle to the object of this name, which was added under the tag.
    ///
    /// # Errors
    /// Those of [`Segment::get`]; [`SegmentError::TypeMismatch`] also if the object was added under
    /// another tag, or none.
    pub fn get<O: Object>(&self, name: &str) -> Result<O, SegmentError> {
        get(self.segment, name, self.fingerprint::<O>())
    }

    /// Returns a handle to the object of this name, which is added under the tag if there is none.
    ///
    /// # Errors
    /// Those of [`Segment::get_or_add`]; [`SegmentError::TypeMismatch`] also if the object was
    /// added under another tag, or none.
    pub fn get_or_add<O: Object>(&self, name: &str, initial: impl Initial<O>) -> Result<O, SegmentError> {
        get_or_add(self.segment, name, &initial.plan(), self.fingerprint::<O>())
    }
}

pub(super) fn new_entry(
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

fn add<O: Object>(
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
    // A length beyond a `u64` is beyond what is left, too.
    let length = O::length(shape).unwrap_or(u64::MAX);
    let (index, offset) = directory::next_free(segment.mapping(), length)?;
    let entry = new_entry(name, &fingerprint, shape, offset, length);
    let region = Region::new(segment, entry);
    // A process may have died while it built an object here.
    region.zero();
    O::build(plan, &region);
    directory::append(segment.mapping(), index, &entry);
    O::attach(region)
}

pub(super) fn get<O: Object>(
    segment: &Segment,
    name: &str,
    fingerprint: Fingerprint,
) -> Result<O, SegmentError> {
    find::<O>(segment, name, fingerprint).and_then(O::attach)
}

/// Finds the object of a handle that was serialised.
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

fn get_or_add<O: Object>(
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

/// The region of an entry's object, if the object is what the caller expects.
fn check_found<O: Object>(
    segment: &Segment,
    entry: DirectoryEntry,
    fingerprint: Fingerprint,
    shape: Option<Shape>,
) -> Result<Region, SegmentError> {
    let region = Region::new(segment, entry);
    if !fingerprint.matches(&entry) || shape.is_some_and(|shape| shape != region.shape()) {
        let expected = fingerprint.description(shape.map(|shape| shape.count));
        return Err(SegmentError::TypeMismatch {
            name: region.name().to_owned(),
            expected: kinds::describe(fingerprint.kind(), &expected),
            found: kinds::describe_entry(&entry),
        });
    }
    let fitting = O::fit(region.shape(), segment.mapping().participants());
    if fitting != region.shape() || O::length(fitting) != Some(entry.length) {
        return Err(region.corrupt("the length of an object"));
    }
    Ok(region)
}

/// The region of an entry's object, if the object is what the caller expects and of its plan's
/// shape.
pub(super) fn check_planned<O: Object>(
    segment: &Segment,
    entry: DirectoryEntry,
    fingerprint: Fingerprint,
    plan: &O::Plan,
) -> Result<Region, SegmentError> {
    let shape = O::fit(O::shape(plan), segment.mapping().participants());
    check_found::<O>(segment, entry, fingerprint, Some(shape))
}

/// The directory's lock, held.
struct DirectoryLock<'a>(&'a MutexState);

impl<'a> DirectoryLock<'a> {
    /// Waits for the lock. A holder's death is not reported: what it had not committed does not
    /// count.
    fn acquire(segment: &'a Segment) -> Result<Self, SegmentError> {
        let mapping = segment.mapping();
        let token = LockToken::of_task(mapping.registration()?).with_thread(process::thread_id());
        let lock = mapping.directory_lock();
        lock.lock(token, Wait::Forever, mapping)?;
        lock.take_report();
        Ok(Self(lock))
    }
}

impl Drop for DirectoryLock<'_> {
    fn drop(&mut self) {
        self.0.unlock();
    }
}
