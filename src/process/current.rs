//! What this process is among those that start each other.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::time::Duration;

use super::child::WAIT_OPERATION;
use crate::error::TaskError;
use crate::sys::clock::Deadline;
use crate::sys::pidfd;

/// What a child was told about itself.
#[derive(Debug)]
pub(super) struct ChildIdentity {
    pub(super) pid: u32,
    pub(super) name: String,
    pub(super) path: Vec<u32>,
    pub(super) is_daemon: bool,
    pub(super) parent: ParentProcess,
}

#[derive(Debug)]
pub(super) struct ParentProcess {
    pub(super) pid: u32,
    pub(super) name: String,
    pub(super) pidfd: OwnedFd,
}

static IDENTITY: OnceLock<ChildIdentity> = OnceLock::new();

/// What this process is, if it is a child. A process that a child has forked is none.
pub(super) fn identity() -> Option<&'static ChildIdentity> {
    IDENTITY.get().filter(|identity| identity.pid == std::process::id())
}

/// Told once, at the beginning.
pub(super) fn set_identity(identity: ChildIdentity) -> &'static ChildIdentity {
    IDENTITY.get_or_init(|| identity)
}

const MAIN_NAME: &str = "MainProcess";

/// This process's name: its own as a child, `MainProcess` where no [`Process`](super::Process) started it.
#[doc(alias = "current_process")]
pub fn current_name() -> &'static str {
    identity().map_or(MAIN_NAME, |identity| &identity.name)
}

/// The process that started this one; `None` where no [`Process`](super::Process) did.
///
/// ```
/// use breezeway::process::{self, Process};
///
/// let child = Process::spawn(|()| process::parent_process().map(|parent| parent.pid()), ())?;
/// assert_eq!(child.result()?, Some(std::process::id()));
/// assert!(process::parent_process().is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn parent_process() -> Option<Parent> {
    identity().map(|identity| Parent { process: &identity.parent })
}

/// The process that started this one, from [`parent_process`].
#[derive(Clone, Copy, Debug)]
pub struct Parent {
    process: &'static ParentProcess,
}

impl Parent {
    /// Its process id.
    #[doc(alias = "ident")]
    pub fn pid(&self) -> u32 {
        self.process.pid
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.process.name
    }

    /// Whether it has not ended.
    pub fn is_alive(&self) -> bool {
        !pidfd::has_ended(&self.process.pidfd).unwrap_or(false)
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// `Os`.
    pub fn join(&self) -> Result<(), TaskError> {
        self.wait(None)
    }

    /// Waits until it has ended, no longer than `timeout`.
    ///
    /// # Errors
    /// `Timeout`, `Os`.
    pub fn join_timeout(&self, timeout: Duration) -> Result<(), TaskError> {
        self.wait(Some(Deadline::after(timeout)))
    }

    fn wait(&self, until: Option<Deadline>) -> Result<(), TaskError> {
        let [ended] = pidfd::wait([self.sentinel()], until).map_err(TaskError::os(WAIT_OPERATION))?;
        if ended { Ok(()) } else { Err(TaskError::Timeout) }
    }

    /// A descriptor that can be read, as `poll` has it, once it has ended.
    pub fn sentinel(&self) -> BorrowedFd<'_> {
        self.process.pidfd.as_fd()
    }
}

impl AsFd for Parent {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.sentinel()
    }
}

/// How many CPUs this process may use, at least 1: fewer than the machine has where its affinity or its group's quota says so.
#[doc(alias = "process_cpu_count")]
pub fn cpu_count() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
