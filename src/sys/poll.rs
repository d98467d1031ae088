//! Waiting for files that can be read or are at their end: a process's sentinel, a socket, an OS
//! pipe.

use core::time::Duration;
use std::io;
use std::os::fd::BorrowedFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::time::Timespec;

use super::clock::Deadline;

/// Sleeps until one of the files can be read or the deadline passes; without a deadline, for as
/// long as it takes.
pub(crate) fn wait_any<'a>(
    files: impl IntoIterator<Item = BorrowedFd<'a>>,
    until: Option<Deadline>,
) -> io::Result<()> {
    wait(&mut to_poll(files), until)
}

/// Sleeps until one of the files can be read or the deadline passes, and returns of each whether it
/// can.
#[cfg(feature = "async")]
pub(crate) fn wait_ready<'a>(
    files: impl IntoIterator<Item = BorrowedFd<'a>>,
    until: Option<Deadline>,
) -> io::Result<Vec<bool>> {
    let mut files = to_poll(files);
    wait(&mut files, until)?;
    Ok(files.iter().map(|file| !file.revents().is_empty()).collect())
}

fn to_poll<'a>(files: impl IntoIterator<Item = BorrowedFd<'a>>) -> Vec<PollFd<'a>> {
    files.into_iter().map(|file| PollFd::from_borrowed_fd(file, PollFlags::IN)).collect()
}

/// Sleeps until one of the files can be read or the deadline passes, and leaves in each what it is
/// ready for.
pub(super) fn wait(files: &mut [PollFd<'_>], until: Option<Deadline>) -> io::Result<()> {
    loop {
        // A time beyond what the kernel can count is no deadline.
        let time = until.map(Deadline::remaining).and_then(|time| Timespec::try_from(time).ok());
        match poll(files, time.as_ref()) {
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => return Ok(()),
        }
    }
}

/// Whether a file can be read, is at its end, or is a bad descriptor.
pub(crate) fn is_ready(file: BorrowedFd<'_>) -> bool {
    let mut files = [PollFd::from_borrowed_fd(file, PollFlags::IN)];
    // After an error the file counts as ready: reading it reports the error.
    wait(&mut files, Some(Deadline::after(Duration::ZERO))).is_err() || !files[0].revents().is_empty()
}
