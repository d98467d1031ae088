//! [`TaskError`]: why a process or a task has no result.

use std::io;

use thiserror::Error;

type Source = Box<dyn core::error::Error + Send + Sync>;

/// The error of a process, or of a pool's task, that has no result, or none yet.
///
/// It has no `PartialEq`, because its sources have none: match the variant.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TaskError {
    /// The function had not returned when the timeout elapsed. Only `_timeout` forms return this.
    #[error("it had not ended when the time was up")]
    Timeout,
    /// The function panicked with this message.
    #[error("the function panicked: {0}")]
    TaskPanicked(String),
    /// A signal killed the process.
    #[error("the process was killed by signal {signal}")]
    WorkerDied {
        /// The signal's number: 9 for SIGKILL.
        signal: i32,
    },
    /// The process exited by itself, before the function returned.
    #[error("the process ended with exit code {code} before the function returned")]
    Exited {
        /// The exit code.
        code: i32,
    },
    /// The arguments could not be encoded. The function was not called.
    #[error("the arguments could not be encoded")]
    Encode {
        /// What the encoder says.
        source: Source,
    },
    /// The worker could not decode the arguments.
    #[error("the worker could not decode the arguments: {0}")]
    Arguments(String),
    /// The iterator of the arguments panicked with this message.
    #[error("the iterator of the arguments panicked: {0}")]
    InputPanicked(String),
    /// The function lies in a shared library, which workers do not search: link it into the
    /// executable.
    #[error(
        "the function lies in a shared library, and workers start from the executable: link it statically"
    )]
    NotInExecutable,
    /// An option of the call is out of its range.
    #[error("{option}: {allowed}")]
    InvalidOption {
        /// Which option.
        option: &'static str,
        /// What it may be.
        allowed: &'static str,
    },
    /// The pool is closed, and takes no more tasks.
    #[error("the pool is closed")]
    Closed,
    /// The pool was terminated before the task had a result.
    #[error("the pool was terminated")]
    Terminated,
    /// The pool has ended because its workers cannot start, for this reason.
    #[error("the pool's workers cannot begin: {0}")]
    Broken(String),
    /// The result was taken already.
    #[error("the result has been given already")]
    AlreadyTaken,
    /// What the function returned could not be encoded.
    #[error("what the function returned could not be encoded: {0}")]
    Unencodable(String),
    /// What the function returned could not be decoded in this process.
    #[error("what the function returned could not be decoded")]
    Undecodable {
        /// What the decoder says.
        source: Source,
    },
    /// The process has ended, but how is unknown: other code of this program has waited for it, or
    /// ignores SIGCHLD.
    #[error(
        "the process has ended, and something else has waited for it: nothing may wait for any child, nor ignore SIGCHLD"
    )]
    Unknown,
    /// This is a forked child, and the process is its parent's.
    #[error("the process is a child of the one that this one was forked from")]
    NotOurs,
    /// The operating system refused.
    #[error("could not {operation}")]
    Os {
        /// What was tried.
        operation: &'static str,
        /// The system's answer.
        source: io::Error,
    },
}

impl TaskError {
    /// An [`Os`](Self::Os) error, ready for `map_err`.
    pub(crate) fn os<E: Into<io::Error>>(operation: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::Os { operation, source: source.into() }
    }
}
