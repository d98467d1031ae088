//! File locks that the kernel drops when their holder dies, whatever killed it and in whatever pid
//! namespace it ran.
//!
//! They are open-file-description (OFD) locks on single bytes. They belong to the open file
//! description, not to the process, so closing another descriptor of the file drops nothing; and
//! the bytes may lie beyond the file's end.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

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

/// The byte that all forked children share a read lock of until they lock a byte of their own. It
/// lies after those of all participants.
const FORKED_CHILD_BYTE: u32 = 0x1_0000;

/// Locks the byte of forked children for this open file, which others may have locked too.
pub(super) fn lock_as_forked_child(file: BorrowedFd<'_>) -> io::Result<()> {
    call(file, libc::F_OFD_SETLK, &mut record(libc::F_RDLCK, FORKED_CHILD_BYTE.into(), 1))
}

/// Whether another open file description holds the lock of a participant, or of a forked child.
pub(crate) fn is_any_participant_alive(file: BorrowedFd<'_>) -> io::Result<bool> {
    is_locked_elsewhere(file, 1, FORKED_CHILD_BYTE)
}

/// Locks a byte for this open file, unless another one has locked it. Returns whether it did.
pub(crate) fn try_lock(file: BorrowedFd<'_>, byte: u32) -> io::Result<bool> {
    match call(file, libc::F_OFD_SETLK, &mut record(libc::F_WRLCK, byte.into(), 1)) {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Drops this open file's lock of a byte.
pub(crate) fn unlock(file: BorrowedFd<'_>, byte: u32) -> io::Result<()> {
    call(file, libc::F_OFD_SETLK, &mut record(libc::F_UNLCK, byte.into(), 1))
}

/// Whether *another* open file description holds a lock on one of `count` bytes from `first` on.
pub(crate) fn is_locked_elsewhere(file: BorrowedFd<'_>, first: u32, count: u32) -> io::Result<bool> {
    let mut record = record(libc::F_WRLCK, first.into(), count.into());
    call(file, libc::F_OFD_GETLK, &mut record)?;
    Ok(record.l_type as libc::c_int != libc::F_UNLCK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::file;
    use std::os::fd::AsFd;

    #[test]
    fn try_lock_excludes_other_descriptions() {
        let one = file::create_anonymous().unwrap();
        let two = file::open_descriptor(std::process::id(), one.as_raw_fd()).unwrap().0;
        assert!(try_lock(one.as_fd(), 7).unwrap());
        assert!(!try_lock(two.as_fd(), 7).unwrap());
        assert!(is_locked_elsewhere(two.as_fd(), 1, 10).unwrap());
        assert!(!is_locked_elsewhere(two.as_fd(), 1, 6).unwrap());
        assert!(!is_locked_elsewhere(one.as_fd(), 1, 10).unwrap());
        unlock(one.as_fd(), 7).unwrap();
        assert!(try_lock(two.as_fd(), 7).unwrap());
        drop(two);
        assert!(try_lock(one.as_fd(), 7).unwrap());
    }
}
