//! [`Backing`]: mapped memory, of a name or of a file.

use std::io;
use std::os::fd::AsRawFd;

use memmap2::{MmapOptions, MmapRaw};

use super::named::NamedMap;

/// A mapping of a whole file, unmapped on drop. Only
/// [`SegmentMemory`](super::memory::SegmentMemory) borrows from it.
pub(super) enum Backing {
    Named(NamedMap),
    Mapped(MmapRaw),
}

impl Backing {
    /// Maps the whole of an open file, which must not be empty.
    pub(super) fn map(file: &impl AsRawFd, len: u64) -> io::Result<Self> {
        let len = usize::try_from(len).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        Ok(Self::Mapped(MmapOptions::new().len(len).map_raw(file.as_raw_fd())?))
    }

    /// Creates a name of this length and maps it.
    pub(super) fn create_named(name: &str, len: usize) -> io::Result<Self> {
        NamedMap::create(name, len).map(Self::Named)
    }

    /// Maps the file that has this name now; the caller checks that it is the one it means.
    pub(super) fn map_named(name: &str) -> io::Result<Self> {
        NamedMap::open(name).map(Self::Named)
    }

    pub(super) fn start(&self) -> *mut u8 {
        match self {
            Self::Named(map) => map.start(),
            Self::Mapped(map) => map.as_mut_ptr(),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Named(map) => map.len(),
            Self::Mapped(map) => map.len(),
        }
    }
}
