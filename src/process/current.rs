//! This process's name and parent, and the CPUs it may use.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::OnceLock;
use std::time::Duration;

use super::child::WAIT_OPERATION;
use crate::error::TaskError;
use crate::sys::child;
use crate::sys::clock::Deadline;
use crate::sys::pidfd::{self, ProcessFd};

/// What a child's parent has told it about itself.
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
    pub(super) process: ProcessFd,
}

static IDENTITY: OnceLock<ChildIdentity> = OnceLock::new();

/// This process's identity as a child; `None` if it is no child, or was forked from one.
pub(super) fn identity() -> Option<&'static ChildIdentity> {
    IDENTITY.get().filter(|identity| identity.pid == std::process::id())
}

/// Sets this process's identity, once, before its function runs.
pub(super) fn set_identity(identity: ChildIdentity) -> &'static ChildIdentity {
    IDENTITY.get_or_init(|| identity)
}

const MAIN_NAME: &str = "MainProcess";

/// This process's name: as a child, the name that its parent gave it; `MainProcess` if this process
/// was not started as a [`Process`](super::Process).
#[doc(alias = "current_process")]
pub fn current_name() -> &'static str {
    identity().map_or(MAIN_NAME, |identity| &identity.name)
}

/// The process that started this one; `None` if this process was not started as a
/// [`Process`](super::Process).
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
    /// The parent's process id.
    #[doc(alias = "ident")]
    pub fn pid(&self) -> u32 {
        self.process.pid
    }

    /// The parent's name.
    pub fn name(&self) -> &str {
        &self.process.name
    }

    /// Whether the parent has not ended.
    pub fn is_alive(&self) -> bool {
        let ended = self.process.process.wait(Some(Deadline::after(Duration::ZERO)));
        ended.map_or_else(|_| child::parent_id() == self.pid(), |ended| !ended)
    }

    /// Waits until the parent has ended.
    ///
    /// # Errors
    /// [`TaskError::Os`] if the operating system refuses.
    pub fn join(&self) -> Result<(), TaskError> {
        self.wait(None)
    }

    /// Waits until the parent has ended, for at most `timeout`.
    ///
    /// # Errors
    /// - [`TaskError::Timeout`] if the parent has not ended by then.
    /// - [`TaskError::Os`] if the operating system refuses.
    pub fn join_timeout(&self, timeout: Duration) -> Result<(), TaskError> {
        self.wait(Some(Deadline::after(timeout)))
    }

    fn wait(&self, until: Option<Deadline>) -> Result<(), TaskError> {
        let ended = self.process.process.wait(until).map_err(TaskError::os(WAIT_OPERATION))?;
        if ended { Ok(()) } else { Err(TaskError::Timeout) }
    }

    /// A descriptor that `poll` reports as readable once the parent has ended: a pidfd.
    pub fn sentinel(&self) -> BorrowedFd<'_> {
        self.process.process.descriptor().unwrap_or_else(|_| pidfd::bad_descriptor())
    }
}

/// The parent's [sentinel](Parent::sentinel), by which [`wait()`](super::wait()) waits for it among
/// others.
impl AsFd for Parent {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.sentinel()
    }
}

/// The number of CPUs that this process may use, at least 1: the machine's, limited by the
/// process's affinity and its control group's quota.
#[doc(alias = "process_cpu_count")]
pub fn cpu_count() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
