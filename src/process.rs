//! Processes that run one of this program's functions, as `std::thread` has threads do.
//!
//! ```
//! use breezeway::process::Process;
//! use breezeway::{Array, Value};
//!
//! let value = Value::<f64>::new(20.0)?;
//! let array = Array::<i32>::new(0..10)?;
//! let child = Process::spawn(
//!     |(value, array): (Value<f64>, Array<i32>)| {
//!         value.set(50.0).unwrap();
//!         array.lock().unwrap().iter_mut().for_each(|x| *x += 10);
//!     },
//!     (value.clone(), array.clone()),
//! )?;
//! child.join()?;
//! assert_eq!((value.get(), array.get(9)), (50.0, Some(19)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - [`Process`]: a child and its result; [`ProcessBuilder`]: how to start one
//! - [`Child`]: a child without its result; [`active_children`]: all of them
//! - [`Pool`]: worker processes that run tasks; [`PoolBuilder`], [`TaskHandle`], [`MapIter`]
//! - [`Parent`], from [`parent_process`]: the process that started this one
//! - [`wait()`]: waiting for several processes and receiving ends at once
//! - [`current_name`]: this process's name; [`cpu_count`]: the CPUs it may use
//!
//! # How a child starts
//!
//! A child is this program's executable, started anew through `/proc/self/exe`. It is never a bare
//! `fork`, which would copy locks that no thread of the child unlocks. A constructor of the program
//! calls the child's function before `main` begins, and the child ends instead of running `main`:
//! `main` needs no line for it. This works in a program, an example and a test of `cargo test`, in
//! debug and in release builds.
//!
//! The function is found by its position in the executable, which must be the same build on both
//! sides; it must not lie in a shared library. It is a `fn(A) -> R`: a function, or a closure that
//! captures nothing. Its arguments and its result travel by serde. Handles travel too, also those
//! of anonymous segments.
//!
//! Two things that the standard library sets up before `main` are missing in a child: the message
//! for an overflow of the main thread's stack (the SIGSEGV kills it all the same), and the name of
//! the main thread in a panic's message. Statics have their initial values, not the parent's
//! current ones.
//!
//! # How a child ends
//!
//! A child ends when its function returns, when the function panics (exit code 1, the message on
//! stderr), when it exits, or when it is killed. A [daemon](ProcessBuilder::daemon) also ends with
//! its parent, even if SIGKILL ends the parent. A process waits for its other children before it
//! exits.
//!
//! # When a process is killed at any instruction
//!
//! A killed child's result is there as a whole, or not at all: [`TaskError::WorkerDied`]. If the
//! child is killed while it starts, the error is [`SpawnError::Died`]. A killed parent leaves no
//! daemon behind; its other children that have started live on.
//!
//! # Whom a child trusts
//!
//! A child does what its parent's memory says. It opens that memory under the parent's id, and only
//! if it belongs to the same user. The environment leads it there: a user who may set a program's
//! environment can have the program run any of its functions, as with `LD_PRELOAD`. A program that
//! is started in this way with more rights than its starter has (setuid, capabilities) ends at
//! once, so such a program cannot have children of this kind.

mod builder;
mod call;
mod child;
mod control;
mod current;
#[cfg(feature = "async")]
mod futures;
mod pool;
mod registry;
mod start;

use core::marker::PhantomData;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::builder::ProcessBuilder;
pub use self::child::Child;
pub use self::current::{Parent, cpu_count, current_name, parent_process};
#[cfg(feature = "async")]
pub use self::pool::MapStream;
pub use self::pool::{MapIter, MapIterUnordered, Pool, PoolBuilder, Rerun, TaskHandle};
pub use crate::pipe::{Waitable, wait};

use self::call::CallOutcome;
use self::control::{ChildState, ControlFile};
use crate::error::{SpawnError, TaskError};
use crate::sys::pidfd::ProcessExit;

/// A process that runs a function of this program, and the function's result.
///
/// Dropping it neither ends the process nor waits for it.
///
/// **When a process is killed at any instruction:** a killed child's result is there as a whole, or
/// not at all ([`TaskError::WorkerDied`]). A killed parent leaves no daemon behind.
#[must_use = "a process whose handle is dropped runs on: `join` waits for it"]
pub struct Process<R> {
    child: Child,
    control: ControlFile,
    result: PhantomData<fn() -> R>,
}

impl Process<()> {
    /// A builder of a process with options: a name, a daemon, an environment, standard streams.
    pub fn builder() -> ProcessBuilder {
        ProcessBuilder::new()
    }
}

impl<R: Serialize + DeserializeOwned> Process<R> {
    /// Starts a process that calls `f` with `args`. Returns once the process has its arguments: the
    /// objects whose handles are in them may then be dropped here.
    ///
    /// `f` is a function, or a closure that captures nothing. Several arguments are a tuple.
    ///
    /// ```
    /// use breezeway::process::Process;
    ///
    /// let child = Process::spawn(|(base, exponent)| u64::pow(base, exponent), (2, 16))?;
    /// assert_eq!(child.result()?, 65536);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// - [`SpawnError::Encode`] if the arguments cannot be encoded.
    /// - [`SpawnError::NotInExecutable`] if `f` lies in a shared library.
    /// - [`SpawnError::DaemonicParent`] if this process is a daemon.
    /// - [`SpawnError::NoEntry`] if the constructor that children start with did not run here.
    /// - [`SpawnError::Arguments`] if the child cannot decode the arguments.
    /// - [`SpawnError::Refused`] if the child cannot start, for example because it is another
    ///   build.
    /// - [`SpawnError::Died`] if the child ends before it has its arguments.
    /// - [`SpawnError::Os`] if the operating system refuses.
    #[doc(alias = "start")]
    pub fn spawn<A: Serialize + DeserializeOwned>(f: fn(A) -> R, args: A) -> Result<Self, SpawnError> {
        ProcessBuilder::new().spawn(f, args)
    }

    /// Waits until the process has ended, and returns the function's result.
    ///
    /// A handle in the result must be of a named segment, or of one that this process has attached
    /// otherwise: an anonymous segment is reached through the process that made it, which has
    /// ended.
    ///
    /// # Errors
    /// - [`TaskError::TaskPanicked`] if the function panicked.
    /// - [`TaskError::WorkerDied`] if a signal killed the process before it had left its result.
    /// - [`TaskError::Exited`] if the process exited before the function returned.
    /// - [`TaskError::Unencodable`] if the child could not encode the result.
    /// - [`TaskError::Undecodable`] if this process cannot decode the result.
    /// - [`TaskError::Unknown`] if there is no result, and other code of this program has collected
    ///   the process's exit code.
    /// - [`TaskError::NotOurs`] if this process was forked from the parent.
    /// - [`TaskError::Os`] if the operating system refuses.
    pub fn result(self) -> Result<R, TaskError> {
        let exit = self.child.wait_for_exit(None)?;
        self.result_of(exit)
    }

    /// The result of a process that has ended in this way.
    fn result_of(&self, exit: Option<ProcessExit>) -> Result<R, TaskError> {
        match self.control.state().map_err(TaskError::os("read what a child has answered"))? {
            ChildState::Answered(CallOutcome::Returned(result)) => {
                call::decode(&result).map_err(|message| TaskError::Undecodable { source: message.into() })
            }
            ChildState::Answered(CallOutcome::Panicked(message)) => Err(TaskError::TaskPanicked(message)),
            ChildState::Answered(CallOutcome::Unencodable(message)) => Err(TaskError::Unencodable(message)),
            // The latter two do not occur: `spawn` would have failed.
            ChildState::Started
            | ChildState::Running
            | ChildState::Answered(CallOutcome::Undecodable(_))
            | ChildState::Refused(_) => Err(match exit {
                Some(ProcessExit::Code(code)) if code < 0 => TaskError::WorkerDied { signal: -code },
                Some(ProcessExit::Code(code)) => TaskError::Exited { code },
                Some(ProcessExit::Unknown) | None => TaskError::Unknown,
            }),
        }
    }
}

impl<R> Process<R> {
    fn new(child: Child, control: ControlFile) -> Self {
        Self { child, control, result: PhantomData }
    }

    /// The process without its result. A clone stays valid after this handle is dropped or
    /// [consumed](Self::result).
    pub fn child(&self) -> &Child {
        &self.child
    }

    /// The process's id; see [`Child::pid`].
    #[doc(alias = "ident")]
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// The process's name.
    pub fn name(&self) -> &str {
        self.child.name()
    }

    /// Whether the process ends with this one.
    pub fn is_daemon(&self) -> bool {
        self.child.is_daemon()
    }

    /// Waits until the process has ended, and returns its exit code; see [`Child::join`].
    ///
    /// # Errors
    /// Those of [`Child::join`].
    pub fn join(&self) -> Result<i32, TaskError> {
        self.child.join()
    }

    /// Waits until the process has ended, for at most `timeout`, and returns its exit code; see
    /// [`Child::join_timeout`].
    ///
    /// # Errors
    /// Those of [`Child::join_timeout`].
    pub fn join_timeout(&self, timeout: Duration) -> Result<i32, TaskError> {
        self.child.join_timeout(timeout)
    }

    /// The exit code; `None` while the process runs, and if its code is unknown. See
    /// [`Child::exit_code`].
    #[doc(alias = "exitcode")]
    pub fn exit_code(&self) -> Option<i32> {
        self.child.exit_code()
    }

    /// Whether the process has not ended.
    pub fn is_alive(&self) -> bool {
        self.child.is_alive()
    }

    /// Sends SIGTERM to the process; see [`Child::terminate`].
    ///
    /// # Errors
    /// Those of [`Child::terminate`].
    pub fn terminate(&self) -> Result<(), TaskError> {
        self.child.terminate()
    }

    /// Sends SIGKILL to the process; see [`Child::kill`].
    ///
    /// # Errors
    /// Those of [`Child::kill`].
    pub fn kill(&self) -> Result<(), TaskError> {
        self.child.kill()
    }

    /// A descriptor that `poll` reports as readable once the process has ended: a pidfd.
    pub fn sentinel(&self) -> BorrowedFd<'_> {
        self.child.sentinel()
    }
}

/// The process's [sentinel](Child::sentinel), by which [`wait()`] waits for it among others.
impl<R> AsFd for Process<R> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.sentinel()
    }
}

impl<R> fmt::Debug for Process<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Process").field(&self.child).finish()
    }
}

/// The children of this process that have not ended, without their children.
pub fn active_children() -> Vec<Child> {
    registry::active()
}

static_assertions::assert_impl_all!(Process<std::rc::Rc<()>>: Send, Sync);
