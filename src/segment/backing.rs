//! [`Backing`]: the mapped memory of a segment's file.

use std::io;
use std::os::fd::AsRawFd;

use memmap2::{MmapOptions, MmapRaw};

/// A mapping of a whole file, unmapped on drop. Only
/// [`SegmentMemory`](super::memory::SegmentMemory) borrows from it.
pub(super) struct Backing(MmapRaw);

impl Backing {
    /// Maps the whole of an open file, which must not be empty. The mapping outlives the descriptor.
    pub(super) fn map(file: &impl AsRawFd, len: u64) -> io::Result<Self> {
        let len = usize::try_from(len).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        Ok(Self(MmapOptions::new().len(len).map_raw(file.as_raw_fd())?))
    }

    pub(super) fn start(&self) -> *mut u8 {
        self.0.as_mut_ptr()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
