//! The admin lock of a segment: attaching, replacing and removing exclude each other.
//!
//! It is an OFD lock on byte 0 of the segment's file, by a description of its own for each holder,
//! so threads exclude each other too. While a process holds it, a name that it has found to be this
//! file's stays this file's. The kernel releases the lock of a process that dies. Nothing is
//! repaired under it: a process that is stopped while it holds the lock holds up those that open,
//! replace or remove the segment, and no participant.

use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use super::location::Location;
use crate::error::SegmentError;
use crate::sys::checked_file::CheckedFile;
use crate::sys::clock::Deadline;
use crate::sys::file::{self, FileId};
use crate::sys::fork;
use crate::sys::liveness::{self, PinnedFile};

const ADMIN_LOCK_BYTE: u32 = 0;

/// How long to wait for the admin lock. It is held for a few system calls, so only a stopped
/// process holds it this long.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// The admin lock, held; dropping this releases it.
#[derive(Debug)]
pub(super) struct AdminLock {
    id: FileId,
    _pinned: PinnedFile,
}

impl AdminLock {
    /// Waits for the admin lock of a file.
    ///
    /// # Errors
    /// [`SegmentError::Busy`] if another process or thread holds it for ten seconds;
    /// [`SegmentError::Os`] if the file cannot be opened once more, or locked.
    pub(super) fn acquire(file: &CheckedFile, location: &Location) -> Result<Self, SegmentError> {
        let deadline = Deadline::after(ACQUIRE_TIMEOUT);
        let mut pause = Duration::from_micros(20);
        loop {
            if let Some(pinned) = Self::attempt(file)? {
                return Ok(Self { id: file.id(), _pinned: pinned });
            }
            if deadline.has_passed() {
                return Err(SegmentError::Busy { name: location.to_string() });
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(5));
        }
    }

    fn attempt(file: &CheckedFile) -> Result<Option<PinnedFile>, SegmentError> {
        // No forked child gets the descriptor, with which it would hold the lock as well.
        let no_fork = fork::exclude();
        let fresh = file.reopen().map_err(SegmentError::os(REOPEN))?;
        if !liveness::try_lock(fresh.as_fd(), ADMIN_LOCK_BYTE)
            .map_err(SegmentError::os("lock the segment's file"))?
        {
            return Ok(None);
        }
        PinnedFile::new(&fresh, &no_fork).map(Some).map_err(SegmentError::os(PIN))
    }

    /// Whether the path names this file, which it then does for as long as the lock is held.
    pub(super) fn is_named(&self, path: &Path) -> Result<bool, SegmentError> {
        let named = file::id_of_path(path).map_err(SegmentError::os("look up the segment's name"))?;
        Ok(named == Some(self.id))
    }

    /// Removes the name if it is this file's. Returns whether it was.
    pub(super) fn unlink(&self, path: &Path) -> Result<bool, SegmentError> {
        if !self.is_named(path)? {
            return Ok(false);
        }
        file::unlink(path).map_err(SegmentError::os("remove the segment's name"))?;
        Ok(true)
    }
}

/// What fails if a process has no way to open a segment's file once more.
pub(super) const REOPEN: &str = "open the segment's file once more";

/// What fails if a process cannot map a page of a segment's file.
pub(super) const PIN: &str = "map a page of the segment's file";
