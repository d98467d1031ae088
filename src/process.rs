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
//! - [`Process`]: a child and its result; [`Builder`]: how to start one
//! - [`Child`]: a child, whatever its result; [`active_children`]: all of them
//! - [`Pool`]: processes that are handed tasks; [`PoolBuilder`], [`TaskHandle`], [`MapIter`]
//! - [`Parent`], from [`parent_process`]: the process that started this one
//! - [`wait()`]: for several processes and receiving ends at once
//! - [`current_name`]: what this process is called; [`cpu_count`]: how many it can make use of
//!
//! # How a child begins
//!
//! A child is this program's executable, started anew (`/proc/self/exe`; never a bare `fork`, which would copy locks that nobody
//! unlocks). It calls its function before `main` begins, and ends instead of `main`: no line in `main` is needed, and none of it
//! runs in the child. So this works in a program, an example, a test of `cargo test`, in debug and in release builds.
//!
//! The function is found by its place in the executable, which must be the same build on both sides; it must not lie in a shared
//! library. It is a `fn(A) -> R`: a function, or a closure that captures nothing. What it needs are its arguments, which travel by
//! serde, as its result does. Handles travel too, those to memory without a name as well.
//!
//! Of what the standard library does before `main`, a child lacks the message for an overflow of the main thread's stack (it dies of
//! the SIGSEGV all the same), and its main thread has no name in a panic's message. Statics are as the program begins with them, not
//! as its parent has them by then.
//!
//! # How it ends
//!
//! When its function returns, when that panics (exit code 1; the message on stderr), exits or is killed. A [daemon](Builder::daemon)
//! ends with its parent, also when that is killed by SIGKILL. For its other children a process waits before it exits.
//!
//! # When a process is killed at any instruction
//!
//! A child that is killed has a result, whole, or none: [`TaskError::WorkerDied`]. While it is being started, that is
//! [`SpawnError::Died`]. A parent that is killed leaves no daemon behind; other children that have begun live on.
//!
//! # Whom it trusts
//!
//! A child does what its parent's memory says, which it opens under the parent's id, and only where it belongs to the same user.
//! The environment leads it there: who may set a program's environment may have it run any of its functions, as with
//! `LD_PRELOAD`. A program with more rights than who starts it (setuid, capabilities) ends at once instead, and so cannot
//! have children of this kind.

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

pub use self::builder::Builder;
pub use self::child::Child;
pub use self::current::{Parent, cpu_count, current_name, parent_process};
#[cfg(feature = "async")]
pub use self::pool::Results;
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
/// **When a process is killed at any instruction:** a killed child has a result, whole, or none ([`TaskError::WorkerDied`]). A killed
/// parent leaves no daemon behind.
#[must_use = "a process whose handle is dropped runs on: `join` waits for it"]
pub struct Process<R> {
    child: Child,
    control: ControlFile,
    result: PhantomData<fn() -> R>,
}

impl Process<()> {
    /// How to start a process otherwise than [`spawn`](Self::spawn) does.
    pub fn builder() -> Builder {
        Builder::new()
    }
}

impl<R: Serialize + DeserializeOwned> Process<R> {
    /// Starts a process that calls `f` with `args`, and waits until it has them: what they were made from may then be dropped.
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
    /// `Encode`, `Arguments`, `Died`, `Refused`, `NotInExecutable`, `NoEntry`, `DaemonicParent`, `Os`.
    #[doc(alias = "start")]
    pub fn spawn<A: Serialize + DeserializeOwned>(f: fn(A) -> R, args: A) -> Result<Self, SpawnError> {
        Builder::new().spawn(f, args)
    }

    /// Waits until the process has ended, and gives what its function returned.
    ///
    /// A handle in it must lead to a named segment, or to one that this process has received itself: what is anonymous is reached
    /// through its maker, and that has ended.
    ///
    /// # Errors
    /// `TaskPanicked`, `WorkerDied`, `Exited`, `Undecodable`, `Unencodable`, `Unknown`, `NotOurs`, `Os`.
    pub fn result(self) -> Result<R, TaskError> {
        let exit = self.child.wait_for_exit(None)?;
        self.result_of(exit)
    }

    /// The result of one that has ended so.
    fn result_of(&self, exit: Option<ProcessExit>) -> Result<R, TaskError> {
        match self.control.state().map_err(TaskError::os("read what a child has answered"))? {
            ChildState::Answered(CallOutcome::Returned(result)) => {
                call::decode(&result).map_err(|message| TaskError::Undecodable { source: message.into() })
            }
            ChildState::Answered(CallOutcome::Panicked(message)) => Err(TaskError::TaskPanicked(message)),
            ChildState::Answered(CallOutcome::Unencodable(message)) => Err(TaskError::Unencodable(message)),
            // Neither of the latter: `spawn` would have failed.
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

    /// The process without its result. A clone of it lives on when this handle is dropped, or is [used up](Self::result).
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
    /// [`TaskError::Unknown`], [`TaskError::NotOurs`] and [`TaskError::Os`], as [`Child::join`] has them.
    pub fn join(&self) -> Result<i32, TaskError> {
        self.child.join()
    }

    /// Waits until the process has ended, for at most `timeout`, and returns its exit code; see [`Child::join_timeout`].
    ///
    /// # Errors
    /// [`TaskError::Timeout`] if the process has not ended by then, and the errors of [`join`](Self::join).
    pub fn join_timeout(&self, timeout: Duration) -> Result<i32, TaskError> {
        self.child.join_timeout(timeout)
    }

    /// The exit code; `None` while the process runs, and if its code is unknown. See [`Child::exit_code`].
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
    /// [`TaskError::NotOurs`] and [`TaskError::Os`], as [`Child::terminate`] has them.
    pub fn terminate(&self) -> Result<(), TaskError> {
        self.child.terminate()
    }

    /// Sends SIGKILL to the process; see [`Child::kill`].
    ///
    /// # Errors
    /// [`TaskError::NotOurs`] and [`TaskError::Os`], as [`Child::kill`] has them.
    pub fn kill(&self) -> Result<(), TaskError> {
        self.child.kill()
    }

    /// A descriptor that `poll` reports as readable once the process has ended: a pidfd.
    pub fn sentinel(&self) -> BorrowedFd<'_> {
        self.child.sentinel()
    }
}

/// Its [sentinel](Child::sentinel): so it can be [waited for](wait()) among others.
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

/// The processes that this one has started, directly, and that have not ended.
pub fn active_children() -> Vec<Child> {
    registry::active()
}

static_assertions::assert_impl_all!(Process<std::rc::Rc<()>>: Send, Sync);
