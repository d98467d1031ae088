//! Files that have something to read, or have come to their end: a process's sentinel, a socket, an OS pipe.

use std::os::fd::BorrowedFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::Timespec;

use super::clock::Deadline;

/// Sleeps until one of the files has something to read or the deadline is over; for ever without one. It may also return for no
/// reason.
pub(crate) fn wait_for_any<'a>(files: impl Iterator<Item = BorrowedFd<'a>>, until: Option<Deadline>) {
    let mut files: Vec<PollFd<'a>> =
        files.map(|file| PollFd::from_borrowed_fd(file, PollFlags::IN)).collect();
    let timeout = until.map(|until| {
        let remaining = until.remaining();
        let seconds = i64::try_from(remaining.as_secs()).unwrap_or(i64::MAX);
        Timespec { tv_sec: seconds, tv_nsec: remaining.subsec_nanos().into() }
    });
    // Whoever called looks for itself.
    let _ = poll(&mut files, timeout.as_ref());
}

/// Whether a file has something to read, is at its end, or is none.
pub(crate) fn is_ready(file: BorrowedFd<'_>) -> bool {
    let mut files = [PollFd::from_borrowed_fd(file, PollFlags::IN)];
    // An error is for whoever reads the file.
    poll(&mut files, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) != Ok(0)
}
