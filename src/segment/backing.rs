//! The memory itself: `shared_memory`'s mapping for named segments, `memmap2`'s for files.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::AsRawFd;

use memmap2::{MmapOptions, MmapRaw};
use shared_memory::Shmem;

use super::named;

/// A mapping of a whole file, unmapped on drop. Nobody borrows from it but through [`Mapping`](super::mapping::Mapping).
pub(crate) enum Backing {
    Named(Shmem),
    Mapped(MmapRaw),
}

// SAFETY: `Shmem` is not `Send` only for the raw pointer it holds. It is never written after construction (`set_owner` has
// been called by then), and dropping it calls munmap and close, which any thread may.
unsafe impl Send for Backing {}
// SAFETY: as above; `&Backing` only gives out the pointer and the length.
unsafe impl Sync for Backing {}

impl Backing {
    /// Maps the whole of an open file, which must not be empty.
    pub(crate) fn map(file: &impl AsRawFd, len: u64) -> io::Result<Self> {
        let len = usize::try_from(len).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        let file = file.as_raw_fd();
        Ok(Self::Mapped(MmapOptions::new().len(len).map_raw(file)?))
    }

    /// Maps the named segment that is there now; the caller checks that it is the one it means.
    pub(crate) fn map_named(name: &str) -> io::Result<Self> {
        named::open(name).map(Self::Named)
    }

    pub(crate) fn start(&self) -> *mut u8 {
        match self {
            Self::Named(shmem) => shmem.as_ptr(),
            Self::Mapped(map) => map.as_mut_ptr(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Named(shmem) => shmem.len(),
            Self::Mapped(map) => map.len(),
        }
    }
}
