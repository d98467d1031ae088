//! [`Segment`]: a handle to an attached segment.

use std::fmt;
use std::sync::Arc;

use super::directory;
use super::location::Location;
use super::mapping::Mapping;
use super::participants::{self, Participant};
use crate::error::SegmentError;
use crate::layout::fingerprint::Kind;
use crate::layout::header::field_text;
use crate::raw::kinds;
use crate::sys::file;
use crate::sys::fork::ForkGeneration;

/// A shared memory segment, attached to this process.
///
/// One mapping with a header, a table of the processes that have it attached, a directory of named
/// typed objects, and the memory that the objects lie in. A handle is cheap to clone; a process
/// detaches with its last one. The creator's last handle also unlinks the name, if it still is this
/// segment's, unless [`persist`](Self::persist) turned that off; processes that have the segment
/// attached then keep it.
///
/// **When a process is killed at any instruction:** while it creates a segment, the name exists
/// complete or not at all; while it adds an object, the object exists complete or not at all; while
/// it attaches, no other process notices. A segment whose every process is dead, and that does not
/// persist, is *stale*: `create` and `open_or_create` replace it, and `open` returns
/// [`SegmentError::Stale`]. The [crate's table](crate#what-it-guarantees) has this row of every
/// type.
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
    /// Before the mapping, so that the name is unlinked before the process detaches.
    name_owner: Option<Arc<NameOwner>>,
    mapping: Arc<Mapping>,
}

/// The handles of the segment's creator, which unlinks the name with the last of them.
struct NameOwner {
    mapping: Arc<Mapping>,
    /// Forked children do not unlink.
    generation: ForkGeneration,
}

impl Drop for NameOwner {
    fn drop(&mut self) {
        let Some(path) = self.mapping.location.path() else { return };
        if self.generation.is_current() && !self.mapping.is_persistent() {
            // A name that cannot be removed now is found stale later.
            let _ = self.mapping.lock_admin().and_then(|admin_lock| admin_lock.unlink(&path));
        }
    }
}

/// An object of a segment, as [`Segment::objects`] lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectInfo {
    /// Its name.
    pub name: String,
    /// Its kind, or `None` for a kind that this version does not know.
    pub kind: Option<Kind>,
    /// The name of its elements' type, as its creator's compiler called it.
    pub type_name: String,
    /// How many elements it has; 1 for a cell.
    pub count: u64,
    /// Where it lies, in bytes from the start of the segment.
    pub offset: u64,
    /// How long it is, in bytes.
    pub length: u64,
}

/// What is in the segment, and what is known of it.
impl Segment {
    /// A handle to a segment that this process has created.
    pub(super) fn of_created(mapping: Arc<Mapping>) -> Self {
        let name_owner = NameOwner { mapping: Arc::clone(&mapping), generation: ForkGeneration::current() };
        Self { name_owner: Some(Arc::new(name_owner)), mapping }
    }

    /// Has the keeper of this process keep the segment's file, so that a segment without a name can
    /// be opened through this process also after the program has closed its descriptors.
    #[cfg(feature = "process")]
    pub(crate) fn keep_file(&self) {
        self.mapping().memory().file().keep();
    }

    pub(crate) fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// A handle to the segment of this mapping.
    pub(super) fn of_mapping(mapping: Arc<Mapping>) -> Self {
        Self { name_owner: None, mapping }
    }

    /// Lists the objects of the segment, in the order in which they were added.
    ///
    /// # Errors
    /// [`SegmentError::Corrupt`] if the directory contradicts itself.
    pub fn objects(&self) -> Result<Vec<ObjectInfo>, SegmentError> {
        let text = |field: &[u8]| field_text(field).unwrap_or("?").to_owned();
        directory::entries(&self.mapping)
            .map(|entry| {
                let entry = entry?;
                Ok(ObjectInfo {
                    name: text(&entry.name),
                    kind: kinds::by_number(entry.kind).map(|ops| ops.kind),
                    type_name: text(&entry.type_name),
                    count: entry.element_count,
                    offset: entry.offset,
                    length: entry.length,
                })
            })
            .collect()
    }

    /// Lists the processes that have the segment attached, and those that died attached and are not
    /// reaped yet.
    ///
    /// # Errors
    /// [`SegmentError::Os`] if the kernel cannot be asked which of them are alive. In a forked
    /// child that cannot register as a participant, the errors of
    /// [`participant_id`](Self::participant_id).
    pub fn participants(&self) -> Result<Vec<Participant>, SegmentError> {
        participants::list(&self.mapping, self.mapping.participant()?)
    }

    /// Returns as which participant this process has the segment attached: 1 to the number of
    /// participants.
    ///
    /// A forked child registers as a participant of its own when it first uses a handle.
    ///
    /// # Errors
    /// In a forked child that cannot register:
    /// - [`SegmentError::TooManyParticipants`] if living processes have all participant slots
    /// - [`SegmentError::Os`] if a system call fails otherwise, such as opening the segment's file
    ///   once more
    pub fn participant_id(&self) -> Result<u32, SegmentError> {
        self.mapping.participant()
    }

    /// Repairs what the dead participants held, frees their ids, and returns their number.
    ///
    /// Processes that attach or wait do so as needed; this does it now.
    ///
    /// # Errors
    /// - [`SegmentError::Os`] if a system call fails
    /// - in a forked child that cannot register as a participant, the errors of
    ///   [`participant_id`](Self::participant_id)
    pub fn reap(&self) -> Result<u32, SegmentError> {
        self.mapping.participant()?;
        self.mapping.reap()
    }

    /// Returns the name of a named segment.
    pub fn name(&self) -> Option<&str> {
        match &self.mapping.location {
            Location::Named(name) => Some(name),
            Location::File(_) | Location::Anonymous => None,
        }
    }

    /// Returns the path of the file, for a segment that has a name or a path.
    pub fn path(&self) -> Option<std::path::PathBuf> {
        self.mapping.location.path()
    }

    /// Returns the length in bytes, header and tables included.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> u64 {
        self.mapping.geometry.total_len
    }

    /// Returns the random number that tells this segment from every other.
    pub fn id(&self) -> u128 {
        u128::from_ne_bytes(self.mapping.geometry.id)
    }

    /// Whether this handle, or the one that it was cloned from, created the segment rather than
    /// opened it.
    pub fn was_created(&self) -> bool {
        self.name_owner.is_some()
    }

    /// Sets whether the segment outlives its users: if it does, the creator's last handle does not
    /// unlink it, and it is not stale once all its users are dead.
    pub fn persist(&self, persist: bool) {
        self.mapping.set_persistent(persist);
    }

    /// Whether the name or path still is this segment's.
    ///
    /// It may have been removed: by [`Segment::remove`](Self::remove), by a user's clean-up, by a
    /// login manager at logout. An anonymous segment never has one.
    pub fn is_linked(&self) -> bool {
        let path = self.mapping.location.path();
        path.is_some_and(
            |path| matches!(file::id_of_path(&path), Ok(Some(id)) if id == self.mapping.file_id()),
        )
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
