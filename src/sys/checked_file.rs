//! [`CheckedFile`]: an open file, through whatever descriptor.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use std::path::{Path, PathBuf};
#[cfg(feature = "process")]
use std::sync::OnceLock;

use super::file::{self, FileId};
#[cfg(feature = "process")]
use super::keeper::{FileAddress, KeptFile};
use super::{liveness, process};
use crate::primitive::{AtomicI32, Ordering};

/// An open file. Its descriptor holds no lock, and may be closed, or its number given to another
/// file, without this process's knowledge: each answer that matters is checked to be of this file,
/// which is opened anew if it is not.
#[derive(Debug)]
pub(crate) struct CheckedFile {
    id: FileId,
    /// Under which paths the file was found, or will be.
    paths: Vec<PathBuf>,
    /// The number of a descriptor that was this file's when it was stored, or -1.
    descriptor: AtomicI32,
    /// The file offset of the descriptions that this value has opened: a random number that tells
    /// them from another owner's. Nothing reads or writes at the offset. `None` for a kind of file
    /// without one.
    mark: Option<u64>,
    /// The file in the keeper's table, from which it is opened anew if it has no path.
    #[cfg(feature = "process")]
    kept: OnceLock<KeptFile>,
    /// The file in another process, from which it is opened anew.
    #[cfg(feature = "process")]
    origin: Option<FileAddress>,
}

impl CheckedFile {
    pub(crate) fn new(file: OwnedFd, id: FileId, path: Option<&Path>) -> Self {
        // Small enough for the longest file of every file system.
        let mark = process::random_id().into_iter().take(5).fold(0, |mark, byte| mark << 8 | u64::from(byte));
        Self {
            id,
            paths: path.map(Path::to_owned).into_iter().collect(),
            mark: file::set_offset(&file, mark),
            descriptor: AtomicI32::new(file.into_raw_fd()),
            #[cfg(feature = "process")]
            kept: OnceLock::new(),
            #[cfg(feature = "process")]
            origin: None,
        }
    }

    /// The same file, which has this path until it has its own.
    pub(crate) fn staged_at(mut self, path: Option<&Path>) -> Self {
        self.paths.extend(path.map(Path::to_owned));
        self
    }

    /// An open file that has no path.
    #[cfg(feature = "process")]
    pub(crate) fn without_path(file: OwnedFd) -> io::Result<Self> {
        let id = file::status(&file)?.id;
        Ok(Self::new(file, id, None))
    }

    /// Opens a file of another process.
    #[cfg(feature = "process")]
    pub(crate) fn open(origin: FileAddress) -> io::Result<Self> {
        let mut file = Self::without_path(origin.open()?)?;
        file.origin = Some(origin);
        Ok(file)
    }

    /// Has the keeper keep the file, so that it can be opened anew. If that is refused, it cannot.
    #[cfg(feature = "process")]
    pub(crate) fn keep(&self) {
        if self.paths.is_empty()
            && self.kept.get().is_none()
            && let Some(kept) = KeptFile::new(self.descriptor.load(Ordering::Relaxed), self.id)
        {
            // If another thread was first, this one is released.
            let _ = self.kept.set(kept);
        }
    }

    /// Where another process finds the file: in the keeper's table if it is kept.
    #[cfg(feature = "process")]
    pub(crate) fn address(&self) -> FileAddress {
        self.kept.get().map_or_else(
            || FileAddress::of_descriptor(self.descriptor.load(Ordering::Relaxed), self.id),
            |kept| kept.address().clone(),
        )
    }

    pub(crate) fn id(&self) -> FileId {
        self.id
    }

    /// The number of a descriptor of the file, for another process to find it by.
    #[cfg(feature = "serde")]
    pub(crate) fn descriptor(&self) -> i32 {
        let _ = self.ask(|_| Ok(()));
        self.descriptor.load(Ordering::Relaxed)
    }

    /// The descriptor, if it is the file's now.
    #[cfg(feature = "process")]
    pub(crate) fn current(&self) -> Option<BorrowedFd<'_>> {
        let number = self.descriptor.load(Ordering::Relaxed);
        if self.is_ours(number) { borrow(number) } else { None }
    }

    /// Opens the file once more: a description that no other process has.
    pub(crate) fn reopen(&self) -> io::Result<OwnedFd> {
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
        #[cfg(feature = "process")]
        if found.is_err()
            && let Some(address) = self.kept.get().map(KeptFile::address).or(self.origin.as_ref())
        {
            return address.open().and_then(|file| self.check(file));
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
    pub(crate) fn ask<R>(&self, question: impl Fn(BorrowedFd<'_>) -> io::Result<R>) -> io::Result<R> {
        let number = self.descriptor.load(Ordering::Relaxed);
        if let Some(file) = borrow(number) {
            let answer = question(file);
            // Afterwards, because the descriptor may be closed at any time.
            if self.is_ours(number) {
                return answer;
            }
        }
        let fresh = self.reopen()?;
        let answer = question(fresh.as_fd());
        self.replace(number, fresh);
        answer
    }

    /// Does something that changes the file. It is checked before, so that no other file is
    /// changed; and afterwards, because the descriptor may have been closed in between: then `act`
    /// is called once more, and must have the same effect.
    #[cfg(feature = "process")]
    pub(crate) fn change<R>(&self, act: impl Fn(BorrowedFd<'_>) -> io::Result<R>) -> io::Result<R> {
        if let Some(file) = self.current() {
            let done = act(file);
            if self.is_ours(file.as_raw_fd()) {
                return done;
            }
        }
        let number = self.descriptor.load(Ordering::Relaxed);
        let fresh = self.reopen()?;
        let done = act(fresh.as_fd());
        self.replace(number, fresh);
        done
    }

    /// Has `fresh` in the place of a number that was not this file's any more. What has the number
    /// now belongs to another part of the process, and stays open.
    fn replace(&self, number: i32, fresh: OwnedFd) {
        let raw = fresh.as_raw_fd();
        if let Some(mark) = self.mark {
            file::set_offset(&fresh, mark);
        }
        // ORDER: relaxed; the number stands for itself, and each use checks what it leads to.
        if self.descriptor.compare_exchange(number, raw, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            let _ = fresh.into_raw_fd();
        }
    }

    /// Whether another description has locked this byte for writing.
    pub(crate) fn is_locked(&self, byte: u32) -> io::Result<bool> {
        let question = |file: BorrowedFd<'_>| liveness::is_locked_elsewhere(file, byte);
        let answer = self.ask(question);
        if matches!(answer, Ok(true)) {
            return answer;
        }
        // A living process must not be taken for a dead one, and while the question was asked, the
        // descriptor's number may have been another file's, and then this file's again. So a description
        // is asked that no other thread knows, if the file can be opened.
        self.reopen().map_or(answer, |fresh| question(fresh.as_fd()))
    }
}

impl Drop for CheckedFile {
    fn drop(&mut self) {
        let number = *self.descriptor.get_mut();
        if self.is_ours(number) && borrow(number).is_some_and(|file| file::offset(file) == self.mark) {
            // SAFETY: the number is from `into_raw_fd` of a description that this value has opened, and
            // leads to it still, as its offset tells; so no other owner closes it. (A thread that
            // closes descriptors it does not own may do so between the look and this.)
            drop(unsafe { OwnedFd::from_raw_fd(number) });
        }
    }
}

/// A descriptor by its number, which may be any file's or nobody's.
fn borrow<'a>(number: i32) -> Option<BorrowedFd<'a>> {
    // SAFETY: not -1. If it is closed, or becomes another file's, the system calls made with it
    // fail, or answer about that file, which the callers check for; none changes a file unless it
    // was checked before.
    (number >= 0).then(|| unsafe { BorrowedFd::borrow_raw(number) })
}
