//! [`TaskError`]: why what a process was to do has no result.

use core::fmt;
use std::io;

type Source = Box<dyn core::error::Error + Send + Sync>;

/// Why there is no result, or not yet.
#[derive(Debug)]
#[non_exhaustive]
pub enum TaskError {
    /// It had not ended when the time was up; only the `_timeout` forms say so.
    Timeout,
    /// The function panicked with this message.
    TaskPanicked(String),
    /// A signal killed the process.
    WorkerDied {
        /// Which: 9 for SIGKILL.
        signal: i32,
    },
    /// The process ended by itself, before the function returned.
    Exited {
        /// Its exit code.
        code: i32,
    },
    /// The arguments could not be encoded.
    Encode {
        /// What the encoder says.
        source: Source,
    },
    /// The worker could not decode the arguments.
    Arguments(String),
    /// The iterator of the arguments panicked with this message.
    InputPanicked(String),
    /// The function does not lie in this process's executable but in a shared library, which workers would not have.
    NotInExecutable,
    /// It cannot be done like that.
    InvalidOption {
        /// Which of the options.
        option: &'static str,
        /// What may be.
        allowed: &'static str,
    },
    /// The pool is closed, and takes no more tasks.
    Closed,
    /// The pool was terminated before there was a result.
    Terminated,
    /// The pool has ended because its workers cannot begin; why.
    Broken(String),
    /// The result was there, and has been given.
    AlreadyTaken,
    /// The function returned something that could not be encoded.
    Unencodable(String),
    /// What the function returned could not be decoded here.
    Undecodable {
        /// What the decoder says.
        source: Source,
    },
    /// The process has ended, and how is not known: something else in this program has waited for it, or SIGCHLD is ignored.
    Unknown,
    /// This is a forked child, and the process its parent's.
    NotOurs,
    /// The operating system refused.
    Os {
        /// What was tried.
        operation: &'static str,
        /// Its answer.
        source: io::Error,
    },
}

impl TaskError {
    /// An [`Os`](Self::Os) error, ready for `map_err`.
    pub(crate) fn os<E: Into<io::Error>>(operation: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::Os { operation, source: source.into() }
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("it had not ended when the time was up"),
            Self::TaskPanicked(message) => write!(f, "the function panicked: {message}"),
            Self::WorkerDied { signal } => write!(f, "the process was killed by signal {signal}"),
            Self::Exited { code } => {
                write!(f, "the process ended with exit code {code} before the function returned")
            }
            Self::Encode { .. } => f.write_str("the arguments could not be encoded"),
            Self::Arguments(message) => write!(f, "the worker could not decode the arguments: {message}"),
            Self::InputPanicked(message) => write!(f, "the iterator of the arguments panicked: {message}"),
            Self::NotInExecutable => f.write_str(
                "the function lies in a shared library, and workers start from the executable: link it statically",
            ),
            Self::InvalidOption { option, allowed } => write!(f, "{option}: {allowed}"),
            Self::Closed => f.write_str("the pool is closed"),
            Self::Terminated => f.write_str("the pool was terminated"),
            Self::Broken(why) => write!(f, "the pool's workers cannot begin: {why}"),
            Self::AlreadyTaken => f.write_str("the result has been given already"),
            Self::Unencodable(message) => write!(f, "what the function returned could not be encoded: {message}"),
            Self::Undecodable { .. } => f.write_str("what the function returned could not be decoded"),
            Self::Unknown => f.write_str(
                "the process has ended, and something else has waited for it: nothing may wait for any child, nor ignore SIGCHLD",
            ),
            Self::NotOurs => f.write_str("the process is a child of the one that this one was forked from"),
            Self::Os { operation, .. } => write!(f, "could not {operation}"),
        }
    }
}

impl core::error::Error for TaskError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Undecodable { source } | Self::Encode { source } => Some(&**source),
            Self::Os { source, .. } => Some(source),
            _ => None,
        }
    }
}
