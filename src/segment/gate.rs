//! The gate of a segment: attaching, replacing and removing exclude each other.
//!
//! An OFD lock on byte 0 of the segment's file. Whoever holds it and finds the name to be this file knows that it stays
//! so. A process that dies in the gate opens it by dying.

use std::os::fd::BorrowedFd;
use std::path::Path;
use std::time::Duration;

use super::place::Place;
use crate::error::SegmentError;
use crate::sys::clock::Deadline;
use crate::sys::file::{self, FileId};
use crate::sys::liveness;

const GATE_BYTE: u32 = 0;

/// How long a segment's gate may stay closed. Behind it are a few system calls, so only a stopped process takes this long.
const PATIENCE: Duration = Duration::from_secs(10);

/// The gate is closed behind us; dropping this opens it.
pub(crate) struct Gate<'a> {
    file: BorrowedFd<'a>,
}

impl<'a> Gate<'a> {
    /// Waits until nobody else is in the gate.
    pub(crate) fn enter(file: BorrowedFd<'a>, place: &Place) -> Result<Self, SegmentError> {
        let deadline = Deadline::after(PATIENCE);
        let mut pause = Duration::from_micros(20);
        while !liveness::try_lock(file, GATE_BYTE).map_err(SegmentError::os("lock the segment's file"))? {
            if deadline.has_passed() {
                return Err(SegmentError::Busy { name: place.to_string() });
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(5));
        }
        Ok(Self { file })
    }

    /// Whether the path names this file; inside the gate it stays so.
    pub(crate) fn is_named(&self, id: FileId, path: &Path) -> Result<bool, SegmentError> {
        Ok(file::id_of_path(path).map_err(SegmentError::os("look up the segment's name"))? == Some(id))
    }

    /// Removes the name, if it is this file's.
    pub(crate) fn unlink(&self, id: FileId, path: &Path) -> Result<bool, SegmentError> {
        if !self.is_named(id, path)? {
            return Ok(false);
        }
        file::unlink(path).map_err(SegmentError::os("remove the segment's name"))?;
        Ok(true)
    }
}

impl Drop for Gate<'_> {
    fn drop(&mut self) {
        // Fails only for a descriptor that is none, and `file` is borrowed from one that is.
        let _ = liveness::unlock(self.file, GATE_BYTE);
    }
}
