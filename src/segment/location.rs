//! [`Location`]: where a segment's file is, if it has a name.

use core::fmt;
use std::path::{Path, PathBuf};

use crate::error::SegmentError;
use crate::sys::file;

/// Names of this beginning belong to files in staging.
pub(crate) const STAGING_PREFIX: &str = ".breezeway-";

const LONGEST_NAME: usize = 255;

/// Where a segment's file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// POSIX shared memory: a name in `/dev/shm`.
    Named(String),
    /// A file, by its absolute path.
    File(PathBuf),
    /// A memfd, which has no name.
    Anonymous,
}

impl Location {
    /// The location of a named segment, if a segment can have this name.
    pub(crate) fn named(name: &str) -> Result<Self, SegmentError> {
        let reason = if name.is_empty() {
            "it is empty"
        } else if name.len() > LONGEST_NAME {
            "it is longer than 255 bytes"
        } else if name.contains('/') {
            "it contains a slash"
        } else if name.contains('\0') {
            "it contains a NUL"
        } else if name == "." || name == ".." {
            "it is a directory's"
        } else if name.starts_with(STAGING_PREFIX) {
            "names of this beginning belong to segments in the making"
        } else {
            return Ok(Self::Named(name.to_owned()));
        };
        Err(SegmentError::InvalidName { name: name.to_owned(), reason })
    }

    /// The location of a file, if its path names one.
    pub(crate) fn file(path: &Path) -> Result<Self, SegmentError> {
        let reason = if path.file_name().is_none() {
            "the path names no file"
        } else if path.as_os_str().as_encoded_bytes().contains(&0) {
            "it contains a NUL"
        } else {
            // Absolute, because this process may change its folder while the segment is open.
            return std::path::absolute(path)
                .map(Self::File)
                .map_err(SegmentError::os("make the path absolute"));
        };
        Err(SegmentError::InvalidName { name: path.display().to_string(), reason })
    }

    /// The path, if the file has one.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        match self {
            Self::Named(name) => Some(file::named_path(name)),
            Self::File(path) => Some(path.clone()),
            Self::Anonymous => None,
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::File(path) => path.display().fmt(f),
            Self::Anonymous => f.write_str("(anonymous)"),
        }
    }
}
