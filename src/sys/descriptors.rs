//! Keeping what this crate opens away from the descriptors 0 to 2, and a table of descriptors of a
//! thread's own.
//!
//! A process may have closed its standard input, output or error. The next file that it opens gets
//! that number, and whatever prints to standard output then writes into that file: into a segment.

#![cfg_attr(feature = "process", allow(unsafe_code))]

use std::os::fd::{AsRawFd, OwnedFd};

use rustix::fs::{Mode, OFlags, open};

/// The first descriptor that is not a standard one.
const FIRST: i32 = 3;

/// Holds those of the descriptors 0 to 2 that are closed, until it is dropped: what is opened
/// meanwhile gets another number.
///
/// They refer to `/` by `O_PATH`: reading and writing them fails, as for a closed descriptor.
#[derive(Debug)]
#[must_use]
pub(crate) struct StandardDescriptors {
    _held: [Option<OwnedFd>; FIRST as usize],
}

/// Holds the standard descriptors that are closed.
pub(crate) fn hold_standard() -> StandardDescriptors {
    let mut held = [const { None }; FIRST as usize];
    for place in &mut held {
        // If nothing can be opened, neither can what the caller is about to open.
        match open("/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) {
            Ok(fd) if fd.as_raw_fd() < FIRST => *place = Some(fd),
            _ => break,
        }
    }
    StandardDescriptors { _held: held }
}

/// Gives the calling thread a table of descriptors of its own, in which 0 to 2 are `/dev/null` and
/// all others are free: what it opens from now on, no other thread can close. Returns whether the
/// system allows it.
#[cfg(feature = "process")]
pub(crate) fn leave_table() -> bool {
    // SAFETY: takes numbers. No descriptor is closed that another thread uses: they stay in the
    // table that this thread leaves.
    let left = unsafe { libc::syscall(libc::SYS_close_range, 0, u32::MAX, libc::CLOSE_RANGE_UNSHARE) };
    if left == 0 {
        super::child::open_standard_descriptors();
    }
    left == 0
}
