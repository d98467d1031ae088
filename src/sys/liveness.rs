//! File locks that the kernel drops when their holder dies, whatever killed it and in whatever pid
//! namespace it ran.
//!
//! They are open-file-description (OFD) locks on single bytes. They belong to the open file
//! description, not to the process; the bytes may lie beyond the file's end. A [`PinnedFile`] ties
//! the description to the process's memory, so that its locks last as long as that: no closing of
//! descriptors drops them, and no forked child keeps them. One fork does: one that is not the C
//! library's (`_Fork`, `clone`), by another thread, while a lock is being taken or pinned. That child
//! keeps the lock until it ends or executes another program.
//!
//! | byte | lock | who holds it |
//! |---|---|---|
//! | 0 | write | the process that opens, replaces or removes the segment: the admin lock |
//! | `id` | write | the participant of this id, for as long as it lives |
//! | [`FORKED_CHILD_BYTE`] | read | each forked child that is no participant yet |
//! | [`CLAIM_BYTE`]` + id` | read | each process that repairs after this id's dead participant, while it does |
//! | [`REGISTRATION_BYTE`]` + id` | write | a process that registers under this id, while it does |

#![allow(unsafe_code)]

use core::ffi::c_void;
use core::ptr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use rustix::mm::{Advice, MapFlags, ProtFlags};

use super::file;
use super::fork::{ForkGeneration, ForkGuard};

/// The byte that all forked children share a read lock of until they lock a byte of their own. It
/// lies after those of all participants.
const FORKED_CHILD_BYTE: u32 = 0x1_0000;

/// The claims' bytes begin here.
const CLAIM_BYTE: u32 = 0x2_0000;

/// The bytes of those that register begin here.
const REGISTRATION_BYTE: u32 = 0x3_0000;

/// An open file description that lasts as long as this process's memory, or until it is dropped.
///
/// A mapping of one page refers to it, which forked children do not inherit (`MADV_DONTFORK`). The
/// kernel drops the mapping, and with it the description's locks, after the last thread of the
/// process has stopped executing, and at an `exec`.
#[derive(Debug)]
pub(crate) struct PinnedFile {
    page: *mut c_void,
    len: usize,
    /// The process that has the mapping; a forked child has another one, or none, at this address.
    generation: ForkGeneration,
    /// The descriptor, on a file system that maps another file in the place of the one that is
    /// opened (overlayfs): there the locks last as long as the descriptor.
    kept: Option<OwnedFd>,
}

// SAFETY: the page is never accessed, and any thread may unmap it.
unsafe impl Send for PinnedFile {}
// SAFETY: as above.
unsafe impl Sync for PinnedFile {}

impl PinnedFile {
    /// Pins the description of `file`, which no other process has. The caller closes the descriptor
    /// before it lets forks happen again.
    pub(crate) fn new(file: &OwnedFd, _no_fork: &ForkGuard) -> io::Result<Self> {
        let len = file::page_size(file);
        // SAFETY: a new mapping without access, at an address of the kernel's choice.
        let page =
            unsafe { rustix::mm::mmap(ptr::null_mut(), len, ProtFlags::empty(), MapFlags::SHARED, file, 0) }?;
        let mut pinned = Self { page, len, generation: ForkGeneration::current(), kept: None };
        // SAFETY: the whole of the mapping from above.
        unsafe { rustix::mm::madvise(page, len, Advice::LinuxDontFork) }?;
        if file::maps_another_file(file) {
            pinned.kept = Some(file.try_clone()?);
        }
        Ok(pinned)
    }
}

impl Drop for PinnedFile {
    fn drop(&mut self) {
        if self.generation.is_current() {
            // SAFETY: the whole of the mapping that `new` made in this process.
            let _ = unsafe { rustix::mm::munmap(self.page, self.len) };
        }
    }
}

fn record(kind: libc::c_int, start: u64, len: u64) -> libc::flock {
    libc::flock {
        l_type: kind as _,
        l_whence: libc::SEEK_SET as _,
        l_start: start as _,
        l_len: len as _,
        l_pid: 0,
    }
}

fn call(file: BorrowedFd<'_>, command: libc::c_int, record: &mut libc::flock) -> io::Result<()> {
    loop {
        // SAFETY: all three commands take a pointer to a `flock`, which is valid and writable here.
        if unsafe { libc::fcntl(file.as_raw_fd(), command, core::ptr::from_mut(record)) } == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Locks the byte of forked children for this open file, which others may have locked too.
pub(crate) fn lock_as_forked_child(file: BorrowedFd<'_>) -> io::Result<()> {
    call(file, libc::F_OFD_SETLK, &mut record(libc::F_RDLCK, FORKED_CHILD_BYTE.into(), 1))
}

/// Whether another open file description holds the lock of a participant, or of a forked child.
pub(crate) fn is_any_participant_alive(file: BorrowedFd<'_>) -> io::Result<bool> {
    find(file, libc::F_WRLCK, 1, FORKED_CHILD_BYTE)
}

/// Locks a byte for this open file, unless another one has locked it. Returns whether it did.
pub(crate) fn try_lock(file: BorrowedFd<'_>, byte: u32) -> io::Result<bool> {
    set(file, libc::F_WRLCK, byte)
}

/// Claims an id for a repair, as other processes may too: no process registers under it meanwhile.
/// Returns whether it did; only a process that keeps to no rules is in the way.
pub(crate) fn try_claim(file: BorrowedFd<'_>, id: u32) -> io::Result<bool> {
    set(file, libc::F_RDLCK, CLAIM_BYTE + id)
}

/// Whether another open file description has claimed this id.
pub(crate) fn is_claimed_elsewhere(file: BorrowedFd<'_>, id: u32) -> io::Result<bool> {
    find(file, libc::F_WRLCK, CLAIM_BYTE + id, 1)
}

/// Keeps all others from registering under an id. Returns whether it did.
pub(crate) fn try_begin_registration(file: BorrowedFd<'_>, id: u32) -> io::Result<bool> {
    set(file, libc::F_WRLCK, REGISTRATION_BYTE + id)
}

/// Lets others register under an id.
pub(crate) fn end_registration(file: BorrowedFd<'_>, id: u32) -> io::Result<()> {
    call(file, libc::F_OFD_SETLK, &mut record(libc::F_UNLCK, (REGISTRATION_BYTE + id).into(), 1))
}

fn set(file: BorrowedFd<'_>, kind: libc::c_int, byte: u32) -> io::Result<bool> {
    match call(file, libc::F_OFD_SETLK, &mut record(kind, byte.into(), 1)) {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether *another* open file description has locked this byte for writing. Read locks, which any
/// process may take that may read the file, prove nothing.
pub(crate) fn is_locked_elsewhere(file: BorrowedFd<'_>, byte: u32) -> io::Result<bool> {
    find(file, libc::F_RDLCK, byte, 1)
}

/// Whether another open file description holds a lock that conflicts with one of this kind on
/// `count` bytes from `first` on.
fn find(file: BorrowedFd<'_>, kind: libc::c_int, first: u32, count: u32) -> io::Result<bool> {
    let mut record = record(kind, first.into(), count.into());
    call(file, libc::F_OFD_GETLK, &mut record)?;
    Ok(record.l_type as libc::c_int != libc::F_UNLCK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::{file, fork};
    use std::os::fd::AsFd;

    fn two_descriptions() -> (OwnedFd, OwnedFd) {
        let one = file::create_anonymous().unwrap();
        file::allocate(&one, 4096).unwrap();
        let two = file::open_descriptor(std::process::id(), one.as_raw_fd()).unwrap().0;
        (one, two)
    }

    #[test]
    fn try_lock_excludes_other_descriptions() {
        let (one, two) = two_descriptions();
        assert!(try_lock(one.as_fd(), 7).unwrap());
        assert!(!try_lock(two.as_fd(), 7).unwrap());
        assert!(is_locked_elsewhere(two.as_fd(), 7).unwrap());
        assert!(is_any_participant_alive(two.as_fd()).unwrap());
        assert!(!is_locked_elsewhere(two.as_fd(), 6).unwrap());
        assert!(!is_locked_elsewhere(one.as_fd(), 7).unwrap());
        drop(one);
        assert!(try_lock(two.as_fd(), 7).unwrap());
    }

    #[test]
    fn try_claim_is_shared_and_no_life() {
        let (one, two) = two_descriptions();
        assert!(!is_claimed_elsewhere(one.as_fd(), 7).unwrap());
        assert!(try_claim(one.as_fd(), 7).unwrap() && try_claim(two.as_fd(), 7).unwrap());
        assert!(is_claimed_elsewhere(one.as_fd(), 7).unwrap());
        assert!(!is_claimed_elsewhere(one.as_fd(), 8).unwrap());
        assert!(!is_any_participant_alive(two.as_fd()).unwrap());
        drop(two);
        assert!(!is_claimed_elsewhere(one.as_fd(), 7).unwrap());
    }

    #[test]
    fn try_begin_registration_is_exclusive_and_no_claim() {
        let (one, two) = two_descriptions();
        assert!(try_begin_registration(one.as_fd(), 7).unwrap());
        assert!(!try_begin_registration(two.as_fd(), 7).unwrap());
        assert!(try_begin_registration(two.as_fd(), 8).unwrap() && try_claim(two.as_fd(), 7).unwrap());
        assert!(!is_any_participant_alive(two.as_fd()).unwrap());
        end_registration(one.as_fd(), 7).unwrap();
        assert!(try_begin_registration(two.as_fd(), 7).unwrap());
    }

    #[test]
    fn read_lock_is_no_life() {
        let (one, two) = two_descriptions();
        assert!(set(one.as_fd(), libc::F_RDLCK, 7).unwrap());
        assert!(!is_locked_elsewhere(two.as_fd(), 7).unwrap());
    }

    #[test]
    fn pinned_file_keeps_its_lock_until_it_is_dropped() {
        let (one, two) = two_descriptions();
        assert!(try_lock(one.as_fd(), 7).unwrap());
        let pinned = PinnedFile::new(&one, &fork::exclude()).unwrap();
        drop(one);
        assert!(is_locked_elsewhere(two.as_fd(), 7).unwrap());
        drop(pinned);
        assert!(!is_locked_elsewhere(two.as_fd(), 7).unwrap());
    }
}
