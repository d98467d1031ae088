//! [`Child`]: a process that this one has started, without its result.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::TaskError;
use crate::sys::clock::Deadline;
use crate::sys::pidfd::{self, ProcessExit, ProcessFd};

/// What waiting for a process is called in errors.
pub(super) const WAIT_OPERATION: &str = "wait for a process";

/// A process that this one has started, without its result.
/// [`Process::child`](super::Process::child) returns one,
/// [`active_children`](super::active_children) all.
///
/// Clones refer to one process. Dropping them neither ends the process nor waits for it.
///
/// **When a process is killed at any instruction:** a killed child's exit code is −N for signal N.
/// A killed parent leaves no [daemon](super::ProcessBuilder::daemon) behind; its other children
/// live on.
#[derive(Clone)]
pub struct Child {
    pub(super) inner: Arc<ChildShared>,
}

pub(super) struct ChildShared {
    pid: u32,
    process: ProcessFd,
    name: String,
    is_daemon: bool,
    /// The id of the process that started it.
    parent: u32,
    exit: Mutex<Option<ProcessExit>>,
}

impl Child {
    /// The handle of a child that was just started.
    pub(super) fn open(pid: u32, name: String, is_daemon: bool) -> io::Result<Self> {
        let (process, parent) = (ProcessFd::open(pid)?, std::process::id());
        // If it is gone, it was collected by another thread, or because SIGCHLD is ignored.
        let exit = Mutex::new(process.is_gone().then_some(ProcessExit::Unknown));
        Ok(Self { inner: Arc::new(ChildShared { pid, process, name, is_daemon, parent, exit }) })
    }

    /// The child's process id. After the child has ended and was waited for, another process may
    /// get this id.
    #[doc(alias = "ident")]
    pub fn pid(&self) -> u32 {
        self.inner.pid
    }

    /// The child's name.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Whether the child ends with this process.
    pub fn is_daemon(&self) -> bool {
        self.inner.is_daemon
    }

    /// Waits until the child has ended, and returns its exit code: 0 if its function returned, 1 if
    /// the function panicked, n if the child called `exit(n)`, −N if signal N killed it.
    ///
    /// Any number of threads may wait, any number of times.
    ///
    /// # Errors
    /// - [`TaskError::Unknown`] if other code of this program has collected the exit code.
    /// - [`TaskError::NotOurs`] if this process was forked from the child's parent.
    /// - [`TaskError::Os`] if the operating system refuses.
    pub fn join(&self) -> Result<i32, TaskError> {
        self.wait(None)
    }

    /// Waits until the child has ended, for at most `timeout` on the monotonic clock, and returns
    /// its exit code as [`join`](Self::join) does.
    ///
    /// # Errors
    /// - [`TaskError::Timeout`] if the child has not ended by then.
    /// - Those of [`join`](Self::join).
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
            if !self.inner.process.wait(until).map_err(TaskError::os(WAIT_OPERATION))? {
                return Ok(None);
            }
        }
    }

    /// How the child has ended; `None` while it runs.
    pub(super) fn try_wait(&self) -> Result<Option<ProcessExit>, TaskError> {
        self.collect().map(|exit| *exit)
    }

    /// Collects the child if it has ended, and keeps other threads from collecting it.
    fn collect(&self) -> Result<MutexGuard<'_, Option<ProcessExit>>, TaskError> {
        self.check_owner()?;
        let mut exit = lock_unpoisoned(&self.inner.exit);
        if exit.is_none() {
            *exit = self.inner.process.collect().map_err(TaskError::os(WAIT_OPERATION))?;
        }
        Ok(exit)
    }

    /// Waits until the child has ended, the file can be read, or the deadline passes.
    pub(super) fn wait_with(&self, file: Option<BorrowedFd<'_>>, until: Deadline) -> io::Result<bool> {
        self.inner.process.wait_with(file, Some(until))
    }

    /// The child's exit code, as [`join`](Self::join) returns it; `None` while the child runs, and
    /// if the exit code cannot be known.
    #[doc(alias = "exitcode")]
    pub fn exit_code(&self) -> Option<i32> {
        match self.try_wait() {
            Ok(Some(ProcessExit::Code(code))) => Some(code),
            _ => None,
        }
    }

    /// Whether the child has not ended.
    pub fn is_alive(&self) -> bool {
        matches!(self.try_wait(), Ok(None))
    }

    /// Sends SIGTERM to the child. Does nothing if the child has ended.
    ///
    /// # Errors
    /// - [`TaskError::NotOurs`] if this process was forked from the child's parent.
    /// - [`TaskError::Os`] if the operating system refuses.
    pub fn terminate(&self) -> Result<(), TaskError> {
        self.signal(ProcessFd::terminate)
    }

    /// Sends SIGKILL to the child. Does nothing if the child has ended.
    ///
    /// # Errors
    /// Those of [`terminate`](Self::terminate).
    pub fn kill(&self) -> Result<(), TaskError> {
        self.signal(ProcessFd::kill)
    }

    fn signal(&self, send: impl FnOnce(&ProcessFd) -> io::Result<()>) -> Result<(), TaskError> {
        // Held until the signal is sent: the child's id is its own until it is collected.
        let exit = self.collect()?;
        if exit.is_some() {
            return Ok(());
        }
        send(&self.inner.process).map_err(TaskError::os("send a signal to a child process"))
    }

    /// A descriptor that `poll` reports as readable once the child has ended: a pidfd.
    ///
    /// If the program has closed it (`closefrom`), this opens another one.
    pub fn sentinel(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }

    fn check_owner(&self) -> Result<(), TaskError> {
        if self.inner.parent == std::process::id() { Ok(()) } else { Err(TaskError::NotOurs) }
    }
}

/// The child's [sentinel](Child::sentinel), by which [`wait()`](super::wait()) waits for it among
/// others.
impl AsFd for Child {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.sentinel()
    }
}

impl AsFd for ChildShared {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.process.descriptor().unwrap_or_else(|_| pidfd::bad_descriptor())
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

/// The exit code of a process that has ended in this way.
pub(super) fn exit_code_of(exit: ProcessExit) -> Result<i32, TaskError> {
    match exit {
        ProcessExit::Code(code) => Ok(code),
        ProcessExit::Unknown => Err(TaskError::Unknown),
    }
}

/// Locks a mutex whose value no panic leaves half changed, also after a holder's panic.
pub(super) fn lock_unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

static_assertions::assert_impl_all!(Child: Send, Sync, Clone);
