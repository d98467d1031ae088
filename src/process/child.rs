//! [`Child`]: a process that this one has started, whatever its result; and all of them.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::TaskError;
use crate::sys::clock::Deadline;
use crate::sys::pidfd::{self, ProcessExit};

/// What waiting for a process is called in errors.
pub(super) const WAIT_OPERATION: &str = "wait for a process";

/// A process that this one has started: everything about it but its result. [`Process::child`](super::Process::child) gives one,
/// [`active_children`](super::active_children) gives them all.
///
/// Clones mean the same process. Dropping them neither ends the process nor waits for it.
#[derive(Clone)]
pub struct Child {
    pub(super) inner: Arc<ChildShared>,
}

pub(super) struct ChildShared {
    pid: u32,
    pidfd: OwnedFd,
    name: String,
    is_daemon: bool,
    /// The process that has started it.
    parent: u32,
    exit: Mutex<Option<ProcessExit>>,
}

impl Child {
    /// A child that was just started.
    pub(super) fn open(pid: u32, name: String, is_daemon: bool) -> io::Result<Self> {
        let (pidfd, exit) = match pidfd::open(pid)? {
            Some(pidfd) => (pidfd, None),
            // It has ended, and the id is free: it was collected, because SIGCHLD is ignored or by another thread.
            None => (pidfd::ended()?, Some(ProcessExit::Unknown)),
        };
        let (parent, exit) = (std::process::id(), Mutex::new(exit));
        Ok(Self { inner: Arc::new(ChildShared { pid, pidfd, name, is_daemon, parent, exit }) })
    }

    /// Its process id. When it has ended and was waited for, the id may come to mean another process.
    #[doc(alias = "ident")]
    pub fn pid(&self) -> u32 {
        self.inner.pid
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Whether it ends with this process.
    pub fn is_daemon(&self) -> bool {
        self.inner.is_daemon
    }

    /// Waits until it has ended, as long as it takes, and gives its exit code: 0 where its function returned, 1 where that panicked,
    /// n where it called `exit(n)`, −N where signal N killed it. Any number of threads may wait, any number of times.
    ///
    /// # Errors
    /// `Unknown`, `NotOurs`, `Os`.
    pub fn join(&self) -> Result<i32, TaskError> {
        self.wait(None)
    }

    /// Waits until it has ended, no longer than `timeout` (on the monotonic clock), and gives its exit code.
    ///
    /// # Errors
    /// `Timeout`, and those of [`join`](Self::join).
    pub fn join_timeout(&self, timeout: Duration) -> Result<i32, TaskError> {
        self.wait(Some(Deadline::after(timeout)))
    }

    fn wait(&self, until: Option<Deadline>) -> Result<i32, TaskError> {
        self.wait_for_exit(until)?.ok_or(TaskError::Timeout).and_then(exit_code_of)
    }

    pub(super) fn wait_for_exit(&self, until: Option<Deadline>) -> Result<Option<ProcessExit>, TaskError> {
        loop {
            if let Some(exit) = self.try_wait()? {
                return Ok(Some(exit));
            }
            let [ended] = pidfd::wait([self.sentinel()], until).map_err(TaskError::os(WAIT_OPERATION))?;
            if !ended {
                return Ok(None);
            }
        }
    }

    /// How it has ended; `None` while it has not.
    pub(super) fn try_wait(&self) -> Result<Option<ProcessExit>, TaskError> {
        self.check_owner()?;
        let mut exit = lock_unpoisoned(&self.inner.exit);
        if exit.is_none() {
            *exit = pidfd::collect(&self.inner.pidfd).map_err(TaskError::os(WAIT_OPERATION))?;
        }
        Ok(*exit)
    }

    /// Its exit code, as [`join`](Self::join) has it; `None` while it runs, and where it is not known.
    #[doc(alias = "exitcode")]
    pub fn exit_code(&self) -> Option<i32> {
        match self.try_wait() {
            Ok(Some(ProcessExit::Code(code))) => Some(code),
            _ => None,
        }
    }

    /// Whether it has not ended.
    pub fn is_alive(&self) -> bool {
        matches!(self.try_wait(), Ok(None))
    }

    /// Sends it SIGTERM. One that has ended takes no notice.
    ///
    /// # Errors
    /// `NotOurs`, `Os`.
    pub fn terminate(&self) -> Result<(), TaskError> {
        self.signal(pidfd::terminate)
    }

    /// Sends it SIGKILL. One that has ended takes no notice.
    ///
    /// # Errors
    /// `NotOurs`, `Os`.
    pub fn kill(&self) -> Result<(), TaskError> {
        self.signal(pidfd::kill)
    }

    fn signal(&self, send: impl FnOnce(BorrowedFd<'_>) -> io::Result<()>) -> Result<(), TaskError> {
        if self.try_wait()?.is_some() {
            return Ok(());
        }
        send(self.sentinel()).map_err(TaskError::os("send a signal to a child process"))
    }

    /// A descriptor that can be read, as `poll` has it, once the process has ended: a pidfd.
    pub fn sentinel(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }

    fn check_owner(&self) -> Result<(), TaskError> {
        if self.inner.parent == std::process::id() { Ok(()) } else { Err(TaskError::NotOurs) }
    }
}

/// Its [sentinel](Child::sentinel): so it can be [waited for](super::wait()) among others.
impl AsFd for Child {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.sentinel()
    }
}

impl AsFd for ChildShared {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child")
            .field("name", &self.name())
            .field("pid", &self.pid())
            .field("is_daemon", &self.is_daemon())
            .field("exit_code", &self.exit_code())
            .finish_non_exhaustive()
    }
}

/// The code of one that has ended so.
pub(super) fn exit_code_of(exit: ProcessExit) -> Result<i32, TaskError> {
    match exit {
        ProcessExit::Code(code) => Ok(code),
        ProcessExit::Unknown => Err(TaskError::Unknown),
    }
}

/// Locks what no panic leaves half changed.
pub(super) fn lock_unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

static_assertions::assert_impl_all!(Child: Send, Sync, Clone);
