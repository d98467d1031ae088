//! [`SegmentError`]: why a segment, or an object in it, could not be made, opened or removed.

use core::fmt;
use std::io;

use super::LockError;

/// Why a segment, or an object in a segment, could not be made, opened or removed.
#[derive(Debug)]
#[non_exhaustive]
pub enum SegmentError {
    /// The name cannot be a segment's or an object's.
    InvalidName {
        /// The name as given.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An option is outside of what it may be.
    InvalidOption {
        /// Which option.
        option: &'static str,
        /// What it may be.
        allowed: &'static str,
    },
    /// No segment of this name or path exists.
    NotFound {
        /// The name or path.
        name: String,
    },
    /// A segment (or another file) of this name or path exists already.
    AlreadyExists {
        /// The name or path.
        name: String,
    },
    /// Every process that used the segment is dead. `create` and `open_or_create` replace it, `remove` removes it.
    Stale {
        /// The name or path.
        name: String,
    },
    /// The length does not suffice for the header and what is to lie in the segment.
    TooSmall {
        /// Bytes asked for.
        length: u64,
        /// Bytes needed.
        needed: u64,
    },
    /// The segment exists, but is shorter than the length asked for.
    WrongLength {
        /// Bytes asked for.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// The file system (for a named segment, `/dev/shm`) has not got this much space.
    NoSpace {
        /// Bytes asked for.
        needed: u64,
    },
    /// The segment has no room left for the object.
    OutOfSpace {
        /// Bytes the object needs.
        needed: u64,
        /// Bytes left.
        available: u64,
    },
    /// The directory has no entry left: create the segment with more `objects`.
    DirectoryFull {
        /// How many objects it can hold.
        max: u32,
    },
    /// Every participant slot is taken by a living process: create the segment with more `participants`.
    TooManyParticipants {
        /// How many participants it can hold.
        max: u32,
    },
    /// The segment has no object of this name.
    NoSuchObject {
        /// The object's name.
        name: String,
    },
    /// The segment has an object of this name already.
    ObjectExists {
        /// The object's name.
        name: String,
    },
    /// The object is of another type or length than the one asked for.
    TypeMismatch {
        /// The object's name.
        name: String,
        /// What was asked for.
        expected: String,
        /// What is there.
        found: String,
    },
    /// The file is not a breezeway segment.
    NotASegment {
        /// What it is instead.
        what: &'static str,
    },
    /// The segment was made by another version of the format.
    WrongVersion {
        /// The version this crate reads and writes.
        expected: u32,
        /// The version found.
        found: u32,
    },
    /// The segment was made on a machine of other byte order or pointer width.
    ForeignMachine,
    /// The file is shorter than its header says.
    Truncated {
        /// Bytes the header promises.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// The file may be written by its group or by everybody, which was not allowed in the options.
    TooOpen {
        /// The file's permission bits.
        mode: u32,
    },
    /// The file belongs to another user, which was not allowed in the options.
    ForeignOwner {
        /// The owner's user id.
        uid: u32,
    },
    /// Processes of another pid namespace have the segment attached. Its locks know their holders by thread id, and thread ids of
    /// two namespaces are not to be told apart: run the containers in one (`--pid=host`, `--pid=container:…`).
    ForeignNamespace {
        /// The name or path.
        name: String,
    },
    /// The bytes of the segment contradict each other.
    Corrupt {
        /// What is damaged.
        what: &'static str,
        /// Where in the segment, in bytes.
        offset: u64,
    },
    /// Somebody has been opening, replacing or removing this segment for seconds (a stopped process, most likely).
    Busy {
        /// The name or path.
        name: String,
    },
    /// This end of the queue belongs to a living process. It can be had when that process lets go of it, hands it over, or dies.
    EndpointTaken {
        /// Whose it is, in that process's own pid namespace.
        pid: u32,
    },
    /// The segment's directory could not be locked.
    Lock(LockError),
    /// The operating system refused.
    Os {
        /// What was tried.
        operation: &'static str,
        /// Its answer.
        source: io::Error,
    },
}

impl SegmentError {
    /// An [`Os`](Self::Os) error, ready for `map_err`.
    pub(crate) fn os<E: Into<io::Error>>(operation: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::Os { operation, source: source.into() }
    }
}

impl fmt::Display for SegmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidName { name, reason } => write!(f, "{name:?} cannot be a name: {reason}"),
            Self::InvalidOption { option, allowed } => write!(f, "option `{option}` must be {allowed}"),
            Self::NotFound { name } => write!(f, "there is no segment {name:?}"),
            Self::AlreadyExists { name } => write!(f, "{name:?} exists already: open it, or remove it first"),
            Self::Stale { name } => {
                write!(f, "segment {name:?} is stale, all its users are dead: create it anew, or remove it")
            }
            Self::TooSmall { length, needed } => {
                write!(f, "a length of {length} bytes is too small: {needed} bytes are needed")
            }
            Self::WrongLength { expected, found } => {
                write!(f, "the segment has {found} bytes, {expected} were asked for")
            }
            Self::NoSpace { needed } => {
                write!(f, "the file system has no {needed} bytes left: free some, or enlarge it")
            }
            Self::OutOfSpace { needed, available } => write!(
                f,
                "the object needs {needed} bytes and the segment has {available} left: create the segment with more"
            ),
            Self::DirectoryFull { max } => {
                write!(f, "the segment holds its {max} objects already: create it with more `objects`")
            }
            Self::TooManyParticipants { max } => {
                write!(
                    f,
                    "the segment has its {max} participants already: create it with more `participants`"
                )
            }
            Self::NoSuchObject { name } => write!(f, "the segment has no object {name:?}"),
            Self::ObjectExists { name } => write!(f, "the segment has an object {name:?} already"),
            Self::TypeMismatch { name, expected, found } => {
                write!(f, "object {name:?} is {found}, not {expected}")
            }
            Self::NotASegment { what } => write!(f, "not a breezeway segment: {what}"),
            Self::WrongVersion { expected, found } => {
                write!(
                    f,
                    "the segment has format version {found}, this program reads {expected}: recreate it"
                )
            }
            Self::ForeignMachine => {
                f.write_str("the segment was made on a machine of another byte order or pointer width")
            }
            Self::Truncated { expected, found } => {
                write!(f, "the segment is truncated: {found} of {expected} bytes are there")
            }
            Self::TooOpen { mode } => write!(
                f,
                "others may write the segment (mode {mode:04o}): tighten it, or allow `group_access` or `other_access`"
            ),
            Self::ForeignOwner { uid } => {
                write!(f, "the segment belongs to user {uid}: allow `foreign_owner` if that is intended")
            }
            Self::ForeignNamespace { name } => {
                write!(
                    f,
                    "segment {name:?} is in use in another pid namespace: run its users in one namespace"
                )
            }
            Self::Corrupt { what, offset } => {
                write!(f, "the segment is corrupt ({what}, at byte {offset}): recreate it")
            }
            Self::Busy { name } => {
                write!(f, "segment {name:?} is being opened or removed by a stopped process")
            }
            Self::EndpointTaken { pid } => {
                write!(f, "this end of the queue belongs to process {pid}, which lives")
            }
            Self::Lock(_) => f.write_str("the segment's directory could not be locked"),
            Self::Os { operation, .. } => write!(f, "could not {operation}"),
        }
    }
}

impl core::error::Error for SegmentError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Lock(source) => Some(source),
            Self::Os { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<LockError> for SegmentError {
    fn from(error: LockError) -> Self {
        Self::Lock(error)
    }
}
