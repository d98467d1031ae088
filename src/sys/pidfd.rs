//! [`ProcessFd`]: a process by descriptor, which is never reused for another process.

#![allow(unsafe_code)]

use core::mem::MaybeUninit;
use core::time::Duration;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use std::sync::OnceLock;

use rustix::event::{PollFd, PollFlags};
use rustix::fs::{FsWord, fstatfs};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use super::checked_file::CheckedFile;
use super::clock::Deadline;
use super::file::{self, FileId};
use super::{descriptors, poll, process};
use crate::primitive::{AtomicI32, Ordering};

/// The type that `statfs` gives for pidfds, each process of which has an inode of its own. Older
/// kernels have one inode for all of them.
const PIDFS_MAGIC: FsWord = 0x5049_4446;

/// The longest sleep between looks at the descriptor: it may have become another file's right
/// before the sleep.
const RECHECK_INTERVAL: Duration = Duration::from_millis(100);

/// How a child has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProcessExit {
    /// With this exit code, or by a signal, whose number is negated.
    Code(i32),
    /// Unknown, because it was collected otherwise.
    Unknown,
}

/// A process, of which this process has a descriptor. The descriptor may be closed, or its number
/// given to another file, without this process's knowledge: each answer is checked to be about this
/// process, which is opened anew if it is not.
#[derive(Debug)]
pub(crate) struct ProcessFd {
    pid: u32,
    /// When the process was started, if /proc tells.
    start: Option<u64>,
    id: FileId,
    /// Whether no other process's descriptor has this `id`.
    is_unique: bool,
    /// The number of a descriptor that was the process's when it was stored.
    number: AtomicI32,
    /// Readable for ever, in the place of a descriptor of a process that is gone.
    gone: OnceLock<CheckedFile>,
}

/// An answer about a process, and whether it has been collected.
enum Look {
    Running,
    Ended(ProcessExit),
    /// It is no child of this process, or was collected otherwise.
    NoChild,
    /// The answer is about another file.
    Elsewhere,
}

impl ProcessFd {
    /// Opens the process that has this id now.
    pub(crate) fn open(pid: u32) -> io::Result<Self> {
        let start = process::start_time(pid);
        let Some(pidfd) = open(pid)? else { return Self::gone(pid) };
        let id = file::status(&pidfd)?.id;
        let is_unique = fstatfs(&pidfd).is_ok_and(|system| system.f_type == PIDFS_MAGIC);
        let number = AtomicI32::new(pidfd.into_raw_fd());
        Ok(Self { pid, start, id, is_unique, number, gone: OnceLock::new() })
    }

    /// A process that has ended and was collected.
    fn gone(pid: u32) -> io::Result<Self> {
        let file = always_readable()?;
        let id = file.id();
        let number = AtomicI32::new(-1);
        Ok(Self { pid, start: None, id, is_unique: true, number, gone: file.into() })
    }

    /// Whether the process was found to have ended and to be collected otherwise.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone.get().is_some()
    }

    fn is_ours(&self, number: i32) -> bool {
        borrow(number).is_some_and(|pidfd| {
            file::status(pidfd).is_ok_and(|status| status.id == self.id)
                && (self.is_unique || pid_of(number) == Some(self.pid))
        })
    }

    /// The descriptor, opened anew if it was lost: readable once the process has ended.
    pub(crate) fn descriptor(&self) -> io::Result<BorrowedFd<'_>> {
        loop {
            if let Some(gone) = self.gone.get() {
                if let Some(file) = gone.current() {
                    return Ok(file);
                }
                // Lost as well. Whoever polls a bad descriptor is told at once that it is ready.
                return Ok(bad_descriptor());
            }
            let number = self.number.load(Ordering::Relaxed);
            if self.is_ours(number)
                && let Some(pidfd) = borrow(number)
            {
                return Ok(pidfd);
            }
            self.reopen(number)?;
        }
    }

    /// Opens the process anew. What has the `number` now belongs to another part of this process,
    /// and stays open.
    fn reopen(&self, number: i32) -> io::Result<()> {
        let is_same = |pidfd: &OwnedFd| match self.is_unique {
            true => file::status(pidfd).is_ok_and(|status| status.id == self.id),
            // Asked after the opening: a process that has another start time has ended before.
            false => self.start.is_none() || process::start_time(self.pid) == self.start,
        };
        match open(self.pid)?.filter(is_same) {
            Some(pidfd) => {
                let raw = pidfd.as_raw_fd();
                let kept = &self.number;
                // ORDER: relaxed; the number stands for itself, and each use checks it.
                if kept.compare_exchange(number, raw, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                    let _ = pidfd.into_raw_fd();
                }
            }
            None => drop(self.gone.set(always_readable()?)),
        }
        Ok(())
    }

    /// Collects the process, a child, if it has ended; `None` while it runs.
    pub(crate) fn collect(&self) -> io::Result<Option<ProcessExit>> {
        loop {
            if self.is_gone() {
                return Ok(Some(ProcessExit::Unknown));
            }
            let number = self.number.load(Ordering::Relaxed);
            match self.look(number)? {
                Look::Running => return Ok(None),
                Look::NoChild => return Ok(Some(ProcessExit::Unknown)),
                Look::Ended(exit) => {
                    // By its id, which is its own until it is collected here.
                    let _ = wait_id(libc::P_PID, self.pid, libc::WEXITED | libc::WNOHANG);
                    return Ok(Some(exit));
                }
                Look::Elsewhere => self.reopen(number)?,
            }
        }
    }

    /// Asks whether the process has ended, and collects nothing.
    fn look(&self, number: i32) -> io::Result<Look> {
        let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        let answer = u32::try_from(number)
            .map_err(|_| Errno::BADF.into())
            .and_then(|number| wait_id(libc::P_PIDFD, number, options));
        match answer {
            Ok(Some((pid, exit))) if pid == self.pid => Ok(Look::Ended(exit)),
            // Afterwards, because the descriptor may be closed at any time.
            Ok(None) if self.is_ours(number) => Ok(Look::Running),
            Err(error) if self.is_ours(number) => match error.raw_os_error() {
                Some(libc::ECHILD) => Ok(Look::NoChild),
                _ => Err(error),
            },
            _ => Ok(Look::Elsewhere),
        }
    }

    /// Waits until the process has ended or the deadline passes. Returns whether it has.
    pub(crate) fn wait(&self, until: Option<Deadline>) -> io::Result<bool> {
        self.wait_with(None, until)
    }

    /// Waits until the process has ended, the other file can be read, or the deadline passes.
    /// Returns whether the process has ended.
    pub(crate) fn wait_with(
        &self,
        other: Option<BorrowedFd<'_>>,
        until: Option<Deadline>,
    ) -> io::Result<bool> {
        loop {
            let pidfd = self.descriptor()?;
            let slice = Deadline::after(RECHECK_INTERVAL);
            let slice = until.map_or(slice, |until| until.min(slice));
            let mut polled = vec![PollFd::new(&pidfd, PollFlags::IN)];
            polled.extend(other.as_ref().map(|other| PollFd::new(other, PollFlags::IN)));
            poll::wait(&mut polled, Some(slice))?;
            let [is_ready, is_other_ready] =
                [0, 1].map(|at| polled.get(at).is_some_and(|file| !file.revents().is_empty()));
            if self.is_gone() {
                return Ok(true);
            }
            // Afterwards, because the descriptor may be closed at any time.
            if self.is_ours(pidfd.as_raw_fd()) {
                let is_over = is_other_ready || until.is_some_and(Deadline::has_passed);
                if is_ready || is_over {
                    return Ok(is_ready);
                }
            }
        }
    }

    /// Sends SIGTERM to a child that has just been found running, and that no other thread collects
    /// meanwhile: its id is its own.
    pub(crate) fn terminate(&self) -> io::Result<()> {
        self.send(Signal::TERM)
    }

    /// Sends SIGKILL, as [`terminate`](Self::terminate) sends SIGTERM.
    pub(crate) fn kill(&self) -> io::Result<()> {
        self.send(Signal::KILL)
    }

    /// Not through the descriptor: its number may be another process's by now.
    fn send(&self, signal: Signal) -> io::Result<()> {
        let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) else { return Ok(()) };
        match kill_process(pid, signal) {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl Drop for ProcessFd {
    fn drop(&mut self) {
        let number = *self.number.get_mut();
        if self.is_ours(number) {
            // SAFETY: from `into_raw_fd`, and still this process's descriptor.
            drop(unsafe { OwnedFd::from_raw_fd(number) });
        }
    }
}

/// Opens the process that has this id now; `None` if there is none.
fn open(pid: u32) -> io::Result<Option<OwnedFd>> {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Ok(None) };
    let _standard = descriptors::hold_standard();
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(pidfd) => Ok(Some(pidfd)),
        Err(Errno::SRCH) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The process of a pidfd of this process, as /proc tells.
fn pid_of(number: i32) -> Option<u32> {
    let text = fs::read_to_string(format!("/proc/thread-self/fdinfo/{number}")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("Pid:"))?.trim().parse().ok()
}

/// A descriptor that is always ready to be read, as that of a process that has ended.
fn always_readable() -> io::Result<CheckedFile> {
    let _standard = descriptors::hold_standard();
    // The other end is closed.
    io::pipe().and_then(|(reader, _)| CheckedFile::without_path(reader.into()))
}

/// Of a child: its id and how it has ended; `None` while it runs.
fn wait_id(kind: libc::idtype_t, id: u32, options: i32) -> io::Result<Option<(u32, ProcessExit)>> {
    loop {
        let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
        // SAFETY: `info` is writable.
        if unsafe { libc::waitid(kind, id, info.as_mut_ptr(), options) } == 0 {
            // SAFETY: zeros are a `siginfo_t`, and what the kernel writes is one.
            let info = unsafe { info.assume_init() };
            // SAFETY: a field that `waitid` sets, or zero.
            let pid = unsafe { info.si_pid() };
            // SAFETY: as above.
            let status = unsafe { info.si_status() };
            let exit = match info.si_code {
                libc::CLD_EXITED => ProcessExit::Code(status),
                libc::CLD_KILLED | libc::CLD_DUMPED => ProcessExit::Code(-status),
                _ => ProcessExit::Unknown,
            };
            return Ok((pid != 0).then_some((pid as u32, exit)));
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// A descriptor that `poll` reports as bad at once.
pub(crate) fn bad_descriptor<'a>() -> BorrowedFd<'a> {
    // SAFETY: not -1; above every limit of descriptors, so it is never a file.
    unsafe { BorrowedFd::borrow_raw(i32::MAX) }
}

/// A descriptor by its number, which may be any file's or nobody's.
fn borrow<'a>(number: i32) -> Option<BorrowedFd<'a>> {
    // SAFETY: not -1. If it is closed, or becomes another file's, the system calls made with it
    // fail, or answer about that file, which the callers check for; none changes a file.
    (number >= 0).then(|| unsafe { BorrowedFd::borrow_raw(number) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn child(command: &str) -> (std::process::Child, ProcessFd) {
        let child = Command::new("sh").args(["-c", command]).spawn().unwrap();
        let fd = ProcessFd::open(child.id()).unwrap();
        (child, fd)
    }

    #[test]
    fn process_fd_collect_and_kill_with_a_foreign_number() {
        let (_one, mut fd) = child("sleep 1000");
        let (_other, other) = child("exit 3");
        assert!(other.wait(None).unwrap());
        // The number is another child's, then that of a file that is always ready, then closed.
        let foreign = other.descriptor().unwrap().as_raw_fd();
        let null = fs::File::open("/dev/null").unwrap();
        let own = fd.number.swap(foreign, Ordering::Relaxed);
        assert_eq!(fd.collect().unwrap(), None, "the other child is not collected");
        for number in [foreign, null.as_raw_fd(), i32::MAX] {
            let reopened = fd.number.swap(number, Ordering::Relaxed);
            // SAFETY: from `into_raw_fd`, and replaced.
            drop(unsafe { OwnedFd::from_raw_fd(reopened) });
            assert!(!fd.wait(Some(Deadline::after(Duration::ZERO))).unwrap());
        }
        assert!(fd.is_ours(own), "the descriptor was never touched");
        // SAFETY: taken out of `fd`.
        drop(unsafe { OwnedFd::from_raw_fd(own) });
        fd.kill().unwrap();
        assert!(fd.wait(None).unwrap());
        fd.is_unique = false;
        assert!(fd.is_ours(fd.number.load(Ordering::Relaxed)), "by /proc");
        assert_eq!(fd.collect().unwrap(), Some(ProcessExit::Code(-9)));
        assert_eq!(other.collect().unwrap(), Some(ProcessExit::Code(3)));
        assert_eq!(other.collect().unwrap(), Some(ProcessExit::Unknown));
    }
}
