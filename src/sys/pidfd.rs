//! Processes by descriptor, which is never reused for another process: waiting for several,
//! collecting, signals.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid,
};

use super::clock::Deadline;
use super::{descriptors, poll};

/// Opens the process that has this id now; `None` if there is none.
pub(crate) fn open(pid: u32) -> io::Result<Option<OwnedFd>> {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Ok(None) };
    let _standard = descriptors::hold_standard();
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(pidfd) => Ok(Some(pidfd)),
        Err(Errno::SRCH) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A descriptor that is always ready to be read, as that of a process that has ended.
pub(crate) fn ended() -> io::Result<OwnedFd> {
    let _standard = descriptors::hold_standard();
    // The other end is closed.
    io::pipe().map(|(reader, _)| reader.into())
}

/// How a child has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProcessExit {
    /// With this exit code, or by a signal, whose number is negated.
    Code(i32),
    /// Unknown, because it was collected otherwise.
    Unknown,
}

/// Collects a child that has ended; `None` while it runs.
pub(crate) fn collect(child: impl AsFd) -> io::Result<Option<ProcessExit>> {
    loop {
        match waitid(WaitId::PidFd(child.as_fd()), WaitIdOptions::EXITED | WaitIdOptions::NOHANG) {
            Ok(None) => return Ok(None),
            Ok(Some(status)) => {
                let signal = status.terminating_signal().map(|signal| -signal);
                return Ok(Some(
                    status.exit_status().or(signal).map_or(ProcessExit::Unknown, ProcessExit::Code),
                ));
            }
            Err(Errno::CHILD) => return Ok(Some(ProcessExit::Unknown)),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Waits until one of these can be read, which of a process means that it has ended, or the
/// deadline passes. Returns of each whether it can.
pub(crate) fn wait<const N: usize>(
    fds: [BorrowedFd<'_>; N],
    until: Option<Deadline>,
) -> io::Result<[bool; N]> {
    let mut polled = fds.each_ref().map(|fd| PollFd::new(fd, PollFlags::IN));
    poll::wait(&mut polled, until)?;
    Ok(polled.map(|fd| !fd.revents().is_empty()))
}

/// Whether the process has ended.
pub(crate) fn has_ended(process: impl AsFd) -> io::Result<bool> {
    let [ended] = wait([process.as_fd()], Some(Deadline::after(core::time::Duration::ZERO)))?;
    Ok(ended)
}

/// Sends SIGTERM; nothing happens if the process has ended.
pub(crate) fn terminate(process: BorrowedFd<'_>) -> io::Result<()> {
    send(process, Signal::TERM)
}

/// Sends SIGKILL; nothing happens if the process has ended.
pub(crate) fn kill(process: BorrowedFd<'_>) -> io::Result<()> {
    send(process, Signal::KILL)
}

fn send(process: BorrowedFd<'_>, signal: Signal) -> io::Result<()> {
    match pidfd_send_signal(process, signal) {
        Ok(()) | Err(Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
