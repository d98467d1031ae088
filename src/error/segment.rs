//! [`SegmentError`]: why a segment, or an object in it, was not made, opened or removed.

use std::io;

use thiserror::Error;

use super::LockError;

/// The error of a segment, or of an object in a segment, that was not made, opened or removed.
///
/// It has no `PartialEq`, because the [`io::Error`] of [`Os`](Self::Os) has none: match the variant.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SegmentError {
    /// A segment or an object cannot have this name.
    #[error("{name:?} cannot be a name: {reason}")]
    InvalidName {
        /// The name as given.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An option is out of its range.
    #[error("option `{option}` must be {allowed}")]
    InvalidOption {
        /// Which option.
        option: &'static str,
        /// What it may be.
        allowed: &'static str,
    },
    /// No segment of this name or path exists: create it.
    #[error("there is no segment {name:?}")]
    NotFound {
        /// The name or path.
        name: String,
    },
    /// A segment, or another file, of this name or path exists already: open it, or remove it first.
    #[error("{name:?} exists already: open it, or remove it first")]
    AlreadyExists {
        /// The name or path.
        name: String,
    },
    /// Every process that used the segment is dead: `create` and `open_or_create` replace it, `remove` removes it.
    #[error("segment {name:?} is stale, all its users are dead: create it anew, or remove it")]
    Stale {
        /// The name or path.
        name: String,
    },
    /// The length does not suffice for the header and the objects: ask for `needed` bytes.
    #[error("a length of {length} bytes is too small: {needed} bytes are needed")]
    TooSmall {
        /// Bytes asked for.
        length: u64,
        /// Bytes needed.
        needed: u64,
    },
    /// The segment exists, but is shorter than the length asked for.
    #[error("the segment has {found} bytes, {expected} were asked for")]
    WrongLength {
        /// Bytes asked for.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// The file system, `/dev/shm` for a named segment, has less space than asked for: free some, or enlarge it.
    #[error("the file system has no {needed} bytes left: free some, or enlarge it")]
    NoSpace {
        /// Bytes asked for.
        needed: u64,
    },
    /// The segment has no room left for the object: create the segment with a greater length.
    #[error(
        "the object needs {needed} bytes and the segment has {available} left: create the segment with more"
    )]
    OutOfSpace {
        /// Bytes the object needs.
        needed: u64,
        /// Bytes left.
        available: u64,
    },
    /// The directory has no entry left: create the segment with more `objects`.
    #[error("the segment holds its {max} objects already: create it with more `objects`")]
    DirectoryFull {
        /// How many objects the segment can hold.
        max: u32,
    },
    /// Every participant slot is taken by a living process: create the segment with more `participants`.
    ///
    /// A participant is a process, not a handle or a thread. The slots of dead processes are not counted: they are repaired
    /// and taken, unless another process is stopped while it repairs.
    #[error(
        "all {max} participants that the segment can have are attached: have a process drop its handles, or create the segment with more (`SegmentBuilder::participants`)"
    )]
    TooManyParticipants {
        /// How many participants the segment can hold.
        max: u32,
    },
    /// The segment has no object of this name.
    #[error("the segment has no object {name:?}")]
    NoSuchObject {
        /// The object's name.
        name: String,
    },
    /// The segment has an object of this name already: get it, or choose another name.
    #[error("the segment has an object {name:?} already")]
    ObjectExists {
        /// The object's name.
        name: String,
    },
    /// The object is of another type or length than the one asked for.
    #[error("object {name:?} is {found}, not {expected}")]
    TypeMismatch {
        /// The object's name.
        name: String,
        /// What was asked for.
        expected: String,
        /// What is there.
        found: String,
    },
    /// The file is not a breezeway segment.
    #[error("not a breezeway segment: {what}")]
    NotASegment {
        /// What it is instead.
        what: &'static str,
    },
    /// The segment was made by another version of the format: recreate it.
    #[error("the segment has format version {found}, this program reads {expected}: recreate it")]
    WrongVersion {
        /// The version this crate reads and writes.
        expected: u32,
        /// The version found.
        found: u32,
    },
    /// The segment was made on a machine of another byte order or pointer width.
    #[error("the segment was made on a machine of another byte order or pointer width")]
    ForeignMachine,
    /// The file is shorter than its header says.
    #[error("the segment is truncated: {found} of {expected} bytes are there")]
    Truncated {
        /// Bytes the header promises.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// The file's group or other users may read or write it, which the options do not allow: tighten its mode, or allow it
    /// with `group_access` or `other_access`.
    ///
    /// Permission to read it suffices to lock the file, and so to hold up every process that opens, creates or removes it.
    #[error(
        "others may access the segment (mode {mode:04o}): tighten it, or allow `group_access` or `other_access`"
    )]
    TooOpen {
        /// The file's permission bits.
        mode: u32,
    },
    /// The file belongs to another user, which the options do not allow: allow it with `foreign_owner`.
    #[error("the segment belongs to user {uid}: allow `foreign_owner` if that is intended")]
    ForeignOwner {
        /// The owner's user id.
        uid: u32,
    },
    /// The bytes of the segment contradict each other: recreate it.
    #[error("the segment is corrupt ({what}, at byte {offset}): recreate it")]
    Corrupt {
        /// What is damaged.
        what: &'static str,
        /// Where in the segment, in bytes.
        offset: u64,
    },
    /// Another process has been opening, replacing or removing this segment for seconds; most likely, it is stopped.
    #[error("segment {name:?} is being opened or removed by a stopped process")]
    Busy {
        /// The name or path.
        name: String,
    },
    /// This end of the queue belongs to a living process. It is free once that process drops it, hands it over, or dies.
    #[error("this end of the queue belongs to process {pid}, which lives")]
    EndpointTaken {
        /// The owner's process id, in its own pid namespace.
        pid: u32,
    },
    /// The segment's directory could not be locked.
    #[error("the segment's directory could not be locked")]
    Lock(#[from] LockError),
    /// The operating system refused.
    #[error("could not {operation}")]
    Os {
        /// What was tried.
        operation: &'static str,
        /// The system's answer.
        source: io::Error,
    },
}

impl SegmentError {
    /// An [`Os`](Self::Os) error, ready for `map_err`.
    pub(crate) fn os<E: Into<io::Error>>(operation: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::Os { operation, source: source.into() }
    }
}
