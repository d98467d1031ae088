//! [`SegmentFile`]: the file of a mapped segment, through whatever descriptor.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use crate::primitive::{AtomicI32, Ordering};
use crate::sys::file::{self, FileId};
use crate::sys::liveness;

/// A segment's file. Its descriptor holds no lock, and may be closed, or its number given to another
/// file, without this process's knowledge: each answer that matters is checked to be of this file,
/// which is opened anew if it is not.
#[derive(Debug)]
pub(super) struct SegmentFile {
    id: FileId,
    /// Under which paths the file was found, or will be.
    paths: Vec<PathBuf>,
    /// The number of a descriptor that was this file's when it was stored, or -1.
    descriptor: AtomicI32,
}

impl SegmentFile {
    pub(super) fn new(file: OwnedFd, id: FileId, path: Option<&Path>) -> Self {
        let descriptor = AtomicI32::new(file.into_raw_fd());
        Self { id, paths: path.map(Path::to_owned).into_iter().collect(), descriptor }
    }

    /// The same file, which has this path until it has its own.
    pub(super) fn staged_at(mut self, path: Option<&Path>) -> Self {
        self.paths.extend(path.map(Path::to_owned));
        self
    }

    pub(super) fn id(&self) -> FileId {
        self.id
    }

    /// The number of a descriptor of the file, for another process to find it by.
    #[cfg(feature = "serde")]
    pub(super) fn descriptor(&self) -> i32 {
        let _ = self.ask(|_| Ok(()));
        self.descriptor.load(Ordering::Relaxed)
    }

    /// Opens the file once more: a description that no other process has.
    pub(super) fn reopen(&self) -> io::Result<OwnedFd> {
        // The descriptor leads to the file under whatever name; it needs /proc, and may be closed.
        let number = self.descriptor.load(Ordering::Relaxed);
        let by_descriptor = if self.is_ours(number) {
            file::reopen_own(number).and_then(|file| self.check(file))
        } else {
            Err(io::ErrorKind::NotFound.into())
        };
        let by_path = |path: &PathBuf| {
            let found = file::open_existing(path).map_err(io::Error::from);
            found.and_then(|(file, _)| self.check(file))
        };
        let mut found = by_descriptor;
        // Of several errors the last one; that of the descriptor if there is no path.
        for path in &self.paths {
            found = found.or_else(|_| by_path(path));
        }
        found
    }

    /// Whether this number is a descriptor of the file.
    fn is_ours(&self, number: i32) -> bool {
        borrow(number).is_some_and(|file| file::status(file).is_ok_and(|status| status.id == self.id))
    }

    fn check(&self, file: OwnedFd) -> io::Result<OwnedFd> {
        let found = file::status(&file)?.id;
        if found == self.id { Ok(file) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    /// Asks something through a descriptor of this file.
    pub(super) fn ask<R>(&self, question: impl Fn(BorrowedFd<'_>) -> io::Result<R>) -> io::Result<R> {
        let number = self.descriptor.load(Ordering::Relaxed);
        if let Some(file) = borrow(number) {
            let answer = question(file);
            // Afterwards, because the descriptor may be closed at any time.
            if self.is_ours(number) {
                return answer;
            }
        }
        // What has the number now belongs to another part of the process, and stays open.
        let fresh = self.reopen()?;
        let answer = question(fresh.as_fd());
        let raw = fresh.as_raw_fd();
        // ORDER: relaxed; the number stands for itself, and each use checks what it leads to.
        if self.descriptor.compare_exchange(number, raw, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            let _ = fresh.into_raw_fd();
        }
        answer
    }

    /// Whether another description has locked this byte for writing.
    pub(super) fn is_locked(&self, byte: u32) -> io::Result<bool> {
        self.ask(|file| liveness::is_locked_elsewhere(file, byte))
    }
}

impl Drop for SegmentFile {
    fn drop(&mut self) {
        let number = *self.descriptor.get_mut();
        if self.is_ours(number) {
            // SAFETY: from `into_raw_fd`, and still this file's descriptor.
            drop(unsafe { OwnedFd::from_raw_fd(number) });
        }
    }
}

/// A descriptor by its number, which may be any file's or nobody's.
fn borrow<'a>(number: i32) -> Option<BorrowedFd<'a>> {
    // SAFETY: not -1. If it is closed, or becomes another file's, the system calls made with it
    // fail, or answer about that file, which the callers check for; none changes a file.
    (number >= 0).then(|| unsafe { BorrowedFd::borrow_raw(number) })
}
