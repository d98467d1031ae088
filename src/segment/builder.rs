//! How to make or open a segment, beyond its name and length.

use std::path::Path;

use super::geometry::{MAX_OBJECTS, MAX_PARTICIPANTS};
use super::location::Location;
use super::{Segment, create, open};
use crate::error::SegmentError;

/// How to make or open a segment; see [`Segment::builder`].
///
/// ```
/// use breezeway::Segment;
///
/// # let name = format!("breezeway-doc-options-{}", std::process::id());
/// let plant = Segment::builder().participants(256).mode(0o600).create(&name, 1 << 20)?;
/// # Ok::<(), breezeway::SegmentError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct SegmentBuilder {
    pub(super) participants: u32,
    pub(super) objects: u32,
    pub(super) mode: u32,
    pub(super) huge_pages: bool,
    /// As the user said, or by the kind of place.
    pub(super) persist: Option<bool>,
    pub(super) access: Access,
}

/// Whom a segment may be shared with, beyond its owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Access {
    pub(super) group: bool,
    pub(super) other: bool,
    pub(super) foreign_owner: bool,
}

impl Access {
    /// With what the maker of a segment has opened by its mode: references to it carry that on.
    pub(super) fn with_mode(self, mode: u32) -> Self {
        Self { group: self.group || mode & 0o020 != 0, other: self.other || mode & 0o002 != 0, ..self }
    }
}

impl Default for SegmentBuilder {
    fn default() -> Self {
        Self {
            participants: 128,
            objects: 64,
            mode: 0o600,
            huge_pages: false,
            persist: None,
            access: Access::default(),
        }
    }
}

impl SegmentBuilder {
    /// How many processes may have the segment attached at a time, 1 to 65,535; 128 unless said otherwise.
    pub fn participants(mut self, count: u32) -> Self {
        self.participants = count;
        self
    }

    /// How many objects the segment can name, 1 to 65,535; 64 unless said otherwise.
    pub fn objects(mut self, count: u32) -> Self {
        self.objects = count;
        self
    }

    /// The file's permission bits, 0600 to 0777, whatever the umask; 0600 unless said otherwise. Processes of other users also need
    /// [`group_access`](Self::group_access) or [`other_access`](Self::other_access) and
    /// [`foreign_owner`](Self::foreign_owner) to open it.
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// Asks the kernel to back the mapping with huge pages (a hint, which `/sys/kernel/mm/transparent_hugepage/shmem_enabled`
    /// must allow). A file on hugetlbfs has them anyway.
    pub fn huge_pages(mut self, wanted: bool) -> Self {
        self.huge_pages = wanted;
        self
    }

    /// Whether the segment outlives its users: it is neither unlinked with its creator's last handle nor ever stale. Files
    /// persist unless said otherwise, named segments do not.
    pub fn persist(mut self, persist: bool) -> Self {
        self.persist = Some(persist);
        self
    }

    /// Opens also what the file's group may write.
    pub fn group_access(mut self, allowed: bool) -> Self {
        self.access.group = allowed;
        self
    }

    /// Opens also what everybody may write.
    pub fn other_access(mut self, allowed: bool) -> Self {
        self.access.other = allowed;
        self
    }

    /// Opens also what belongs to another user.
    pub fn foreign_owner(mut self, allowed: bool) -> Self {
        self.access.foreign_owner = allowed;
        self
    }

    /// Makes a named segment of `length` bytes (rounded up to whole pages), header and tables included.
    ///
    /// # Errors
    /// `InvalidName`, `InvalidOption`, `TooSmall`, `AlreadyExists`, `NoSpace`, `Busy`, `Os`.
    pub fn create(&self, name: &str, length: u64) -> Result<Segment, SegmentError> {
        create::create_empty(self.checked()?, &Location::named(name)?, length)
    }

    /// Opens a named segment.
    ///
    /// # Errors
    /// `InvalidName`, `NotFound`, `Stale`, `TooManyParticipants`, `ForeignNamespace`, `Busy`, `Os`, and whatever is wrong with
    /// the file: `NotASegment`, `WrongVersion`, `ForeignMachine`, `Truncated`, `TooOpen`, `ForeignOwner`, `Corrupt`.
    pub fn open(&self, name: &str) -> Result<Segment, SegmentError> {
        open::open_existing(self, &Location::named(name)?)
    }

    /// Opens a named segment, or makes it where there is none or a stale one; [`Segment::was_created`] tells which.
    ///
    /// # Errors
    /// Those of [`create`](Self::create) and [`open`](Self::open), and `WrongLength` where an existing one is shorter
    /// than `length`.
    pub fn open_or_create(&self, name: &str, length: u64) -> Result<Segment, SegmentError> {
        create::open_or_create(self.checked()?, &Location::named(name)?, length)
    }

    /// Makes a segment in a file, which persists unless said otherwise.
    ///
    /// # Errors
    /// Those of [`create`](Self::create).
    pub fn create_file(&self, path: impl AsRef<Path>, length: u64) -> Result<Segment, SegmentError> {
        create::create_empty(self.checked()?, &Location::file(path.as_ref())?, length)
    }

    /// Opens a segment in a file.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub fn open_file(&self, path: impl AsRef<Path>) -> Result<Segment, SegmentError> {
        open::open_existing(self, &Location::file(path.as_ref())?)
    }

    /// Opens a segment in a file, or makes it; [`Segment::was_created`] tells which.
    ///
    /// # Errors
    /// Those of [`open_or_create`](Self::open_or_create).
    pub fn open_or_create_file(&self, path: impl AsRef<Path>, length: u64) -> Result<Segment, SegmentError> {
        create::open_or_create(self.checked()?, &Location::file(path.as_ref())?, length)
    }

    /// Makes a segment without a name, for this process and those it hands a handle to.
    ///
    /// # Errors
    /// `InvalidOption`, `TooSmall`, `NoSpace`, `Os`.
    pub fn create_anonymous(&self, length: u64) -> Result<Segment, SegmentError> {
        create::create_empty(self.checked()?, &Location::Anonymous, length)
    }

    fn checked(&self) -> Result<&Self, SegmentError> {
        if !(1..=MAX_PARTICIPANTS).contains(&self.participants) {
            return Err(SegmentError::InvalidOption { option: "participants", allowed: "1 to 65535" });
        }
        if !(1..=MAX_OBJECTS).contains(&self.objects) {
            return Err(SegmentError::InvalidOption { option: "objects", allowed: "1 to 65535" });
        }
        if self.mode & !0o777 != 0 || self.mode & 0o600 != 0o600 {
            let allowed = "0600 to 0777, its owner able to read and write it";
            return Err(SegmentError::InvalidOption { option: "mode", allowed });
        }
        Ok(self)
    }
}
