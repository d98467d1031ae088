//! Named shared memory: a mapping with a header, participants, a directory of named typed objects, and an arena.
//!
//! - [`backing`]: the memory itself, from `shared_memory` or `memmap2`
//! - [`create`], [`open`], [`builder`], [`staging`]: how segments come to be and are found
//! - [`directory`]: name to offset, kind and type
//! - [`admin_lock`]: attaching, replacing and removing exclude each other
//! - [`geometry`]: a header, checked
//! - [`lock`]: the lock of an object
//! - [`mapping`]: one process's mapping and membership
//! - [`named`]: the one user of `shared_memory`
//! - [`object`]: typed objects: add, get, and the short forms
//! - [`participants`], [`repair`]: who is attached, who is alive, what the dead leave to be done
//! - [`location`]: names and paths
//! - `reference`: handles as serde values

use std::fmt;
use std::path::Path;
use std::sync::Arc;

mod admin_lock;
mod backing;
pub(crate) mod builder;
mod create;
pub(crate) mod directory;
pub(crate) mod geometry;
pub(crate) mod location;
pub(crate) mod lock;
mod mapping;
mod named;
pub(crate) mod object;
pub(crate) mod object_macros;
pub(crate) mod open;
pub(crate) mod participants;
#[cfg(feature = "serde")]
pub(crate) mod reference;
mod repair;
mod staging;

use crate::error::SegmentError;
use crate::layout::fingerprint::{Fingerprint, Kind};
use crate::layout::header::field_text;
use crate::sys::file;
use builder::SegmentBuilder;
use location::Location;
use mapping::Mapping;
use object::{Initial, Object};
use participants::Participant;

/// A shared memory segment, attached to this process.
///
/// One mapping with a header, a table of the processes that have it attached, a directory of named typed objects, and the
/// memory they lie in. A handle is cheap to clone; the last one in a process detaches it. The creator's last handle also
/// unlinks the name (if it still is this segment's), unless [`persist`](Self::persist) turned that off; whoever has
/// the segment attached then keeps it.
///
/// **When a process is killed at any instruction:** while it creates a segment, the name exists complete or not at all;
/// while it adds an object, the object exists complete or not at all; while it attaches, nobody notices. A segment whose
/// every process is dead, and that does not persist, is *stale*: `create` and `open_or_create` replace it, `open` says so.
///
/// ```
/// use breezeway::{Array, Segment, Value};
///
/// # let name = format!("breezeway-doc-segment-{}", std::process::id());
/// # let name = name.as_str();
/// let plant = Segment::create(name, 1 << 20)?;
/// let temperature = plant.add::<Value<f64>>("temperature", 20.0)?;
/// let history = plant.add::<Array<f32>>("history", 4096)?;
///
/// // Any other process of this user:
/// let plant = Segment::open(name)?;
/// let temperature = plant.get::<Value<f64>>("temperature")?;
/// assert_eq!(temperature.get(), 20.0);
/// # assert_eq!(history.len(), 4096);
/// # Ok::<(), breezeway::SegmentError>(())
/// ```
#[derive(Clone)]
pub struct Segment {
    mapping: Arc<Mapping>,
}

/// An object of a segment, as [`Segment::objects`] lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectInfo {
    /// Its name.
    pub name: String,
    /// Its kind, or `None` for one this version does not know.
    pub kind: Option<Kind>,
    /// The name of its elements' type, as its maker's compiler called it.
    pub type_name: String,
    /// How many elements it has; 1 for a cell.
    pub count: u64,
    /// Where it lies, in bytes from the start of the segment.
    pub offset: u64,
    /// How long it is, in bytes.
    pub length: u64,
}

impl Segment {
    /// How to make or open a segment, beyond its name and length.
    pub fn builder() -> SegmentBuilder {
        SegmentBuilder::default()
    }

    /// Makes a named segment of `length` bytes (rounded up to whole pages), header and tables included: they take about
    /// 21 KB unless [`builder`](Self::builder) say otherwise.
    ///
    /// # Errors
    /// See [`SegmentBuilder::create`].
    pub fn create(name: &str, length: u64) -> Result<Self, SegmentError> {
        Self::builder().create(name, length)
    }

    /// Opens a named segment.
    ///
    /// # Errors
    /// See [`SegmentBuilder::open`].
    pub fn open(name: &str) -> Result<Self, SegmentError> {
        Self::builder().open(name)
    }

    /// Opens a named segment, or makes it where there is none or a stale one; [`was_created`](Self::was_created) tells which.
    ///
    /// # Errors
    /// See [`SegmentBuilder::open_or_create`].
    pub fn open_or_create(name: &str, length: u64) -> Result<Self, SegmentError> {
        Self::builder().open_or_create(name, length)
    }

    /// Makes a segment in a file, which persists; a path on hugetlbfs has huge pages.
    ///
    /// # Errors
    /// See [`SegmentBuilder::create_file`].
    pub fn create_file(path: impl AsRef<Path>, length: u64) -> Result<Self, SegmentError> {
        Self::builder().create_file(path, length)
    }

    /// Opens a segment in a file.
    ///
    /// # Errors
    /// See [`SegmentBuilder::open_file`].
    pub fn open_file(path: impl AsRef<Path>) -> Result<Self, SegmentError> {
        Self::builder().open_file(path)
    }

    /// Makes a segment without a name (a sealed memfd), for this process and those it hands a handle to.
    ///
    /// # Errors
    /// See [`SegmentBuilder::create_anonymous`].
    pub fn new(length: u64) -> Result<Self, SegmentError> {
        Self::builder().create_anonymous(length)
    }

    /// Removes a segment's name. Processes that have it attached keep it; later ones do not find it.
    ///
    /// # Errors
    /// `InvalidName`, `NotFound`, `NotASegment`, `Os`.
    pub fn remove(name: &str) -> Result<(), SegmentError> {
        open::remove(&Location::named(name)?)
    }

    /// Removes a segment's file.
    ///
    /// # Errors
    /// Those of [`remove`](Self::remove).
    pub fn remove_file(path: impl AsRef<Path>) -> Result<(), SegmentError> {
        open::remove(&Location::file(path.as_ref())?)
    }

    pub(crate) fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Adds an object of kind `O` under a name of 1 to 63 bytes.
    ///
    /// # Errors
    /// `InvalidName`, `ObjectExists`, `DirectoryFull`, `OutOfSpace`, `Corrupt`, `Lock`; in a forked child that cannot register
    /// as a participant, `TooManyParticipants`, `Busy`, `Os`.
    pub fn add<O: Object>(&self, name: &str, initial: impl Initial<O>) -> Result<O, SegmentError> {
        object::add(self, name, &initial.plan(), O::fingerprint())
    }

    /// The object of this name.
    ///
    /// # Errors
    /// `InvalidName`, `NoSuchObject`, `TypeMismatch`, `Corrupt`.
    pub fn get<O: Object>(&self, name: &str) -> Result<O, SegmentError> {
        object::get(self, name, O::fingerprint())
    }

    /// The object of this name, added where there is none. One that is there must have the kind, type and length that
    /// `initial` asks for; what it holds stays.
    ///
    /// # Errors
    /// Those of [`add`](Self::add), and `TypeMismatch`.
    pub fn get_or_add<O: Object>(&self, name: &str, initial: impl Initial<O>) -> Result<O, SegmentError> {
        object::get_or_add(self, name, &initial.plan(), O::fingerprint())
    }

    /// The same segment, where a number that both sides chose stands for the element type's name in type checks.
    ///
    /// Types are checked by kind, size, alignment and name, without the module path. Where two programs have different
    /// names for one type, or want a change of its meaning to show, they agree on a tag.
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

    /// The objects of the segment, in the order in which they were added.
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn objects(&self) -> Result<Vec<ObjectInfo>, SegmentError> {
        let text = |field: &[u8]| field_text(field).unwrap_or("?").to_owned();
        directory::entries(&self.mapping)
            .map(|entry| {
                let entry = entry?;
                Ok(ObjectInfo {
                    name: text(&entry.name),
                    kind: Kind::from_number(entry.kind),
                    type_name: text(&entry.type_name),
                    count: entry.element_count,
                    offset: entry.offset,
                    length: entry.length,
                })
            })
            .collect()
    }

    /// The processes that have the segment attached, and those that died so and were not repaired after yet.
    ///
    /// # Errors
    /// `TooManyParticipants` in a forked child that finds no place, `Os`.
    pub fn participants(&self) -> Result<Vec<Participant>, SegmentError> {
        participants::list(&self.mapping)
    }

    /// As which participant this process has the segment attached: 1 to the number of participants.
    ///
    /// # Errors
    /// Those of [`participants`](Self::participants).
    pub fn participant_id(&self) -> Result<u32, SegmentError> {
        self.mapping.participant()
    }

    /// Repairs what the dead have left, so that their places are free again, and says how many they were. Attaching does
    /// it as needed.
    ///
    /// # Errors
    /// `Busy`, `Os`.
    pub fn reap(&self) -> Result<u32, SegmentError> {
        self.mapping.participant()?;
        participants::reap(&self.mapping, &self.mapping.lock_admin()?)
    }

    /// The name, for a named segment.
    pub fn name(&self) -> Option<&str> {
        match &self.mapping.location {
            Location::Named(name) => Some(name),
            Location::File(_) | Location::Anonymous => None,
        }
    }

    /// The path of the file, for a segment that has a name or a path.
    pub fn path(&self) -> Option<std::path::PathBuf> {
        self.mapping.location.path()
    }

    /// Its length in bytes, header and tables included.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> u64 {
        self.mapping.geometry.total_len
    }

    /// A random number that tells this segment from every other.
    pub fn id(&self) -> u128 {
        u128::from_ne_bytes(self.mapping.geometry.id)
    }

    /// Whether this handle (or the one it was cloned from) made the segment, rather than opened it.
    pub fn was_created(&self) -> bool {
        self.mapping.was_created
    }

    /// Makes the segment outlive its users, or not: whether the creator's last handle unlinks it, and whether it is stale
    /// once all its users are dead.
    pub fn persist(&self, persist: bool) {
        self.mapping.set_persistent(persist);
    }

    /// Whether the name (or path) still is this segment's. Somebody may have removed it: `Segment::remove`, another user's
    /// clean-up, a login manager at logout. An anonymous segment never had one.
    pub fn is_linked(&self) -> bool {
        let path = self.mapping.location.path();
        path.is_some_and(|path| matches!(file::id_of_path(&path), Ok(Some(id)) if id == self.mapping.file_id))
    }

    fn new_attached(mapping: Mapping) -> Self {
        Self { mapping: Arc::new(mapping) }
    }
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Segment")
            .field("place", &format_args!("{}", self.mapping.location))
            .field("len", &self.len())
            .field("id", &format_args!("{:032x}", self.id()))
            .finish_non_exhaustive()
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

    /// As [`Segment::add`].
    ///
    /// # Errors
    /// Those of [`Segment::add`].
    pub fn add<O: Object>(&self, name: &str, initial: impl Initial<O>) -> Result<O, SegmentError> {
        object::add(self.segment, name, &initial.plan(), self.fingerprint::<O>())
    }

    /// As [`Segment::get`].
    ///
    /// # Errors
    /// Those of [`Segment::get`].
    pub fn get<O: Object>(&self, name: &str) -> Result<O, SegmentError> {
        object::get(self.segment, name, self.fingerprint::<O>())
    }

    /// As [`Segment::get_or_add`].
    ///
    /// # Errors
    /// Those of [`Segment::get_or_add`].
    pub fn get_or_add<O: Object>(&self, name: &str, initial: impl Initial<O>) -> Result<O, SegmentError> {
        object::get_or_add(self.segment, name, &initial.plan(), self.fingerprint::<O>())
    }
}
