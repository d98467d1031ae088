//! The admin lock of a segment: attaching, replacing and removing exclude each other.
//!
//! It is an OFD lock on byte 0 of the segment's file. While a process holds it, a name that it has
//! found to be this file's stays this file's. The kernel releases the lock of a process that dies.

use std::os::fd::BorrowedFd;
use std::path::Path;
use std::time::Duration;

use super::location::Location;
use crate::error::SegmentError;
use crate::primitive::{AtomicU32, Ordering};
use crate::sys::clock::Deadline;
use crate::sys::file::{self, FileId};
use crate::sys::{fork, liveness};

const ADMIN_LOCK_BYTE: u32 = 0;

/// How long to wait for the admin lock. It is held for a few system calls, so only a stopped
/// process holds it this long.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// The fork generation of the process of which a thread holds the admin lock through this mapping,
/// or 0.
///
/// The file's lock belongs to the open file description, which the threads of a process share, so
/// they exclude each other by this word. A child that is forked meanwhile finds another generation
/// than its own, and takes the word.
#[derive(Debug, Default)]
pub(super) struct ThreadLock(AtomicU32);

impl ThreadLock {
    fn try_acquire(&self) -> bool {
        let own_generation = fork::generation();
        let found = self.0.load(Ordering::Relaxed);
        // ORDER: Acquire pairs with the Release in `release`: the thread before has unlocked the
        // file.
        found != own_generation
            && self.0.compare_exchange(found, own_generation, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    fn release(&self) {
        // ORDER: Release pairs with the Acquire in `try_acquire`.
        self.0.store(0, Ordering::Release);
    }
}

/// The admin lock, held; dropping this releases it.
pub(super) struct AdminLock<'a> {
    file: BorrowedFd<'a>,
    thread_lock: Option<&'a ThreadLock>,
}

impl<'a> AdminLock<'a> {
    /// Waits for the admin lock of a file whose description only this thread uses.
    pub(super) fn acquire(file: BorrowedFd<'a>, location: &Location) -> Result<Self, SegmentError> {
        let lock =
            || liveness::try_lock(file, ADMIN_LOCK_BYTE).map_err(SegmentError::os("lock the segment's file"));
        wait_until(lock, location)?;
        Ok(Self { file, thread_lock: None })
    }

    /// Waits for the admin lock of a file whose description the threads of this process share.
    pub(super) fn acquire_exclusive(
        file: BorrowedFd<'a>,
        location: &Location,
        thread_lock: &'a ThreadLock,
    ) -> Result<Self, SegmentError> {
        wait_until(|| Ok(thread_lock.try_acquire()), location)?;
        let acquired = Self::acquire(file, location).map(|mut admin_lock| {
            admin_lock.thread_lock = Some(thread_lock);
            admin_lock
        });
        if acquired.is_err() {
            thread_lock.release();
        }
        acquired
    }

    /// Takes the admin lock of a file whose description the threads of this process share; `None`
    /// if another thread or process holds it.
    pub(super) fn try_acquire_exclusive(file: BorrowedFd<'a>, thread_lock: &'a ThreadLock) -> Option<Self> {
        if !thread_lock.try_acquire() {
            return None;
        }
        if !liveness::try_lock(file, ADMIN_LOCK_BYTE).unwrap_or(false) {
            thread_lock.release();
            return None;
        }
        Some(Self { file, thread_lock: Some(thread_lock) })
    }

    /// Whether the path names this file, which it then does for as long as the lock is held.
    pub(super) fn is_named(&self, id: FileId, path: &Path) -> Result<bool, SegmentError> {
        Ok(file::id_of_path(path).map_err(SegmentError::os("look up the segment's name"))? == Some(id))
    }

    /// Removes the name if it is this file's. Returns whether it was.
    pub(super) fn unlink(&self, id: FileId, path: &Path) -> Result<bool, SegmentError> {
        if !self.is_named(id, path)? {
            return Ok(false);
        }
        file::unlink(path).map_err(SegmentError::os("remove the segment's name"))?;
        Ok(true)
    }
}

impl Drop for AdminLock<'_> {
    fn drop(&mut self) {
        // Fails only for a bad descriptor, and `file` is borrowed from an open one.
        let _ = liveness::unlock(self.file, ADMIN_LOCK_BYTE);
        if let Some(thread_lock) = self.thread_lock {
            thread_lock.release();
        }
    }
}

fn wait_until(
    done: impl Fn() -> Result<bool, SegmentError>,
    location: &Location,
) -> Result<(), SegmentError> {
    let deadline = Deadline::after(ACQUIRE_TIMEOUT);
    let mut pause = Duration::from_micros(20);
    while !done()? {
        if deadline.has_passed() {
            return Err(SegmentError::Busy { name: location.to_string() });
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(5));
    }
    Ok(())
}
