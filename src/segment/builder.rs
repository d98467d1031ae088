//! [`SegmentBuilder`]: how to create or open a segment, and the short forms with its defaults.

use std::path::Path;

use super::handle::Segment;
use super::location::Location;
use super::options::SegmentOptions;
use super::{create, open};
use crate::error::SegmentError;

/// The options of creating or opening a segment; see [`Segment::builder`].
///
/// ```
/// use breezeway::Segment;
///
/// # let name = format!("breezeway-doc-options-{}", std::process::id());
/// let plant = Segment::builder().participants(256).mode(0o600).create(&name, 1 << 20)?;
/// # Ok::<(), breezeway::SegmentError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct SegmentBuilder {
    options: SegmentOptions,
}

impl SegmentBuilder {
    /// Sets how many processes may have the segment attached at a time: 1 to 65,535; by default four
    /// for each CPU of the machine, and at least 256. Each forked child that uses a handle counts as
    /// one. The next is refused with [`SegmentError::TooManyParticipants`].
    ///
    /// A participant that may be costs 64 bytes of the segment, and 64 bytes of each
    /// [`RwLock`](crate::sync::RwLock) in it; no other object grows with their number. What looks at
    /// the participants looks at those up to the highest id that one ever had.
    pub fn participants(mut self, count: u32) -> Self {
        self.options.participants = count;
        self
    }

    /// Sets how many objects the segment can hold: 1 to 65,535, by default 64.
    pub fn objects(mut self, count: u32) -> Self {
        self.options.objects = count;
        self
    }

    /// Sets the file's permission bits, whatever the umask: 0600 to 0777, by default 0600.
    ///
    /// If the mode grants the group or other users anything, each process that opens the segment
    /// must allow that with [`group_access`](Self::group_access) or
    /// [`other_access`](Self::other_access), and processes of other users need
    /// [`foreign_owner`](Self::foreign_owner) too.
    ///
    /// Grant even permission to read only to users that you trust not to block you: a reader can
    /// lock the file, and while it does, no process can open, replace or remove the segment
    /// ([`SegmentError::Busy`]).
    pub fn mode(mut self, mode: u32) -> Self {
        self.options.mode = mode;
        self
    }

    /// Sets whether to ask the kernel for huge pages for the mapping.
    ///
    /// It is a hint, which `/sys/kernel/mm/transparent_hugepage/shmem_enabled` must allow. A file
    /// on hugetlbfs has huge pages anyway.
    pub fn huge_pages(mut self, wanted: bool) -> Self {
        self.options.huge_pages = wanted;
        self
    }

    /// Sets whether this process's core dumps contain the segment. By default they do not: a large
    /// segment would make a dump long, and a process that dumps is alive until its dump is written.
    pub fn core_dumps(mut self, wanted: bool) -> Self {
        self.options.core_dumps = wanted;
        self
    }

    /// Sets whether the segment outlives its users. If it does, it is not unlinked with its
    /// creator's last handle, and is never stale. By default, files persist and named segments do
    /// not.
    pub fn persist(mut self, persist: bool) -> Self {
        self.options.persist = Some(persist);
        self
    }

    /// Sets whether to open a file that its group may read or write.
    ///
    /// A handle that is deserialised opens its segment under the default rules, which do not allow
    /// it. A receiver that does opens the segment by a builder first, and keeps it: handles in it
    /// then use what the process has.
    pub fn group_access(mut self, allowed: bool) -> Self {
        self.options.access.group = allowed;
        self
    }

    /// Sets whether to open a file that every user may read or write.
    pub fn other_access(mut self, allowed: bool) -> Self {
        self.options.access.other = allowed;
        self
    }

    /// Sets whether to open a file that belongs to another user.
    pub fn foreign_owner(mut self, allowed: bool) -> Self {
        self.options.access.foreign_owner = allowed;
        self
    }

    /// Creates a named segment of `length` bytes, rounded up to whole pages.
    ///
    /// The header and the tables are part of the length. A stale segment of this name is replaced.
    ///
    /// # Errors
    /// - [`SegmentError::InvalidName`] if `name` is empty, `.` or `..`, longer than 255 bytes,
    ///   contains a slash or a NUL, or begins with `.breezeway-`
    /// - [`SegmentError::InvalidOption`] if an option is out of its range
    /// - [`SegmentError::TooSmall`] if `length` does not suffice for the header and the tables
    /// - [`SegmentError::AlreadyExists`] if the name belongs to a segment that is in use or
    ///   persists, to another user's segment, or to another file
    /// - [`SegmentError::NoSpace`] if the file system or the memory has not that many bytes left
    /// - [`SegmentError::Busy`] if another process has been opening or removing the segment of this
    ///   name for ten seconds
    /// - [`SegmentError::Os`] if a system call fails otherwise
    pub fn create(&self, name: &str, length: u64) -> Result<Segment, SegmentError> {
        create::create_empty(self.options.checked()?, &Location::named(name)?, length)
    }

    /// Opens a named segment.
    ///
    /// # Errors
    /// - [`SegmentError::InvalidName`] if `name` cannot be a segment's
    /// - [`SegmentError::NotFound`] if there is no segment of this name
    /// - [`SegmentError::Stale`] if all its users are dead and it does not persist
    /// - [`SegmentError::TooManyParticipants`] if living processes have all participant slots
    /// - [`SegmentError::ForeignOwner`] if it belongs to another user, and
    ///   [`foreign_owner`](Self::foreign_owner) is not allowed
    /// - [`SegmentError::TooOpen`] if its group or every user may read or write it, and
    ///   [`group_access`](Self::group_access) or [`other_access`](Self::other_access) is not
    ///   allowed
    /// - [`SegmentError::NotASegment`], [`SegmentError::ForeignMachine`],
    ///   [`SegmentError::WrongVersion`], [`SegmentError::Truncated`] or [`SegmentError::Corrupt`]
    ///   if the file is not a sound segment of this version
    /// - [`SegmentError::Busy`] if another process has been opening, replacing or removing it for
    ///   ten seconds
    /// - [`SegmentError::Os`] if a system call fails otherwise
    pub fn open(&self, name: &str) -> Result<Segment, SegmentError> {
        open::open_existing(&self.options, &Location::named(name)?)
    }

    /// Opens a named segment, or creates it if there is none or a stale one.
    ///
    /// [`Segment::was_created`] tells which.
    ///
    /// # Errors
    /// Those of [`create`](Self::create) and [`open`](Self::open), except
    /// [`SegmentError::NotFound`] and [`SegmentError::AlreadyExists`]; and
    /// [`SegmentError::WrongLength`] if an existing segment is shorter than `length`.
    pub fn open_or_create(&self, name: &str, length: u64) -> Result<Segment, SegmentError> {
        create::open_or_create(self.options.checked()?, &Location::named(name)?, length)
    }

    /// Creates a segment of `length` bytes in a file, which persists by default.
    ///
    /// # Errors
    /// Those of [`create`](Self::create), where [`SegmentError::InvalidName`] means that `path`
    /// names no file or contains a NUL.
    pub fn create_file(&self, path: impl AsRef<Path>, length: u64) -> Result<Segment, SegmentError> {
        create::create_empty(self.options.checked()?, &Location::file(path.as_ref())?, length)
    }

    /// Opens a segment in a file.
    ///
    /// # Errors
    /// Those of [`open`](Self::open), where [`SegmentError::InvalidName`] means that `path` names
    /// no file or contains a NUL.
    pub fn open_file(&self, path: impl AsRef<Path>) -> Result<Segment, SegmentError> {
        open::open_existing(&self.options, &Location::file(path.as_ref())?)
    }

    /// Opens a segment in a file, or creates it if there is none or a stale one.
    ///
    /// [`Segment::was_created`] tells which.
    ///
    /// # Errors
    /// Those of [`open_or_create`](Self::open_or_create), where [`SegmentError::InvalidName`] means
    /// that `path` names no file or contains a NUL.
    pub fn open_or_create_file(&self, path: impl AsRef<Path>, length: u64) -> Result<Segment, SegmentError> {
        create::open_or_create(self.options.checked()?, &Location::file(path.as_ref())?, length)
    }

    /// Creates a segment without a name (a sealed memfd), for this process and those that it sends
    /// a handle to.
    ///
    /// # Errors
    /// - [`SegmentError::InvalidOption`] if an option is out of its range
    /// - [`SegmentError::TooSmall`] if `length` does not suffice for the header and the tables
    /// - [`SegmentError::NoSpace`] if the memory has not that many bytes left
    /// - [`SegmentError::Os`] if a system call fails otherwise
    pub fn create_anonymous(&self, length: u64) -> Result<Segment, SegmentError> {
        create::create_empty(self.options.checked()?, &Location::Anonymous, length)
    }
}

/// Creating, opening and removing segments.
impl Segment {
    /// The options of creating or opening a segment, all at their defaults.
    pub fn builder() -> SegmentBuilder {
        SegmentBuilder::default()
    }

    /// Creates a named segment of `length` bytes, rounded up to whole pages.
    ///
    /// The header and the tables are part of the length: they take about 29 KB with the default
    /// options of the [`builder`](Self::builder).
    ///
    /// # Errors
    /// Those of [`SegmentBuilder::create`].
    pub fn create(name: &str, length: u64) -> Result<Self, SegmentError> {
        Self::builder().create(name, length)
    }

    /// Opens a named segment.
    ///
    /// # Errors
    /// Those of [`SegmentBuilder::open`].
    pub fn open(name: &str) -> Result<Self, SegmentError> {
        Self::builder().open(name)
    }

    /// Opens a named segment, or creates it if there is none or a stale one.
    ///
    /// [`was_created`](Self::was_created) tells which.
    ///
    /// # Errors
    /// Those of [`SegmentBuilder::open_or_create`].
    pub fn open_or_create(name: &str, length: u64) -> Result<Self, SegmentError> {
        Self::builder().open_or_create(name, length)
    }

    /// Creates a segment in a file, which persists. With a path on hugetlbfs, it has huge pages.
    ///
    /// # Errors
    /// Those of [`SegmentBuilder::create_file`].
    pub fn create_file(path: impl AsRef<Path>, length: u64) -> Result<Self, SegmentError> {
        Self::builder().create_file(path, length)
    }

    /// Opens a segment in a file.
    ///
    /// # Errors
    /// Those of [`SegmentBuilder::open_file`].
    pub fn open_file(path: impl AsRef<Path>) -> Result<Self, SegmentError> {
        Self::builder().open_file(path)
    }

    /// Creates a segment without a name (a sealed memfd), for this process and those that it sends
    /// a handle to.
    ///
    /// # Errors
    /// Those of [`SegmentBuilder::create_anonymous`].
    pub fn new(length: u64) -> Result<Self, SegmentError> {
        Self::builder().create_anonymous(length)
    }

    /// Removes a segment's name. Processes that have the segment attached keep it; later ones do
    /// not find it.
    ///
    /// # Errors
    /// - [`SegmentError::InvalidName`] if `name` cannot be a segment's
    /// - [`SegmentError::NotFound`] if there is no segment of this name
    /// - [`SegmentError::NotASegment`] if the name belongs to another file
    /// - [`SegmentError::Busy`] if another process has been opening or replacing it for ten seconds
    /// - [`SegmentError::Os`] if a system call fails otherwise
    pub fn remove(name: &str) -> Result<(), SegmentError> {
        open::remove(&Location::named(name)?)
    }

    /// Removes a segment's file. Processes that have the segment attached keep it.
    ///
    /// # Errors
    /// Those of [`remove`](Self::remove), where [`SegmentError::InvalidName`] means that `path`
    /// names no file or contains a NUL.
    pub fn remove_file(path: impl AsRef<Path>) -> Result<(), SegmentError> {
        open::remove(&Location::file(path.as_ref())?)
    }
}
