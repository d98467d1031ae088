//! [`SpawnError`]: why a process was not started.

use core::fmt;
use std::io;

type Source = Box<dyn core::error::Error + Send + Sync>;

/// Why a process was not started. None runs: where one was begun, it has ended and was waited for.
#[derive(Debug)]
#[non_exhaustive]
pub enum SpawnError {
    /// The arguments could not be encoded.
    Encode {
        /// What the encoder says.
        source: Source,
    },
    /// The child could not decode the arguments.
    Arguments {
        /// What its decoder says.
        message: String,
    },
    /// The child ended before it had its arguments.
    Died {
        /// Its exit code, −N for signal N; `None` where somebody else has waited for it.
        exit_code: Option<i32>,
    },
    /// The child could not begin.
    Refused {
        /// Why, in its words.
        message: String,
    },
    /// The function does not lie in this process's executable but in a shared library, which the child would not have.
    NotInExecutable,
    /// What a child starts with is missing from this executable: the linker has dropped the constructor, or it did not run.
    NoEntry,
    /// This process is a daemon, which may not have children: they would outlive it.
    DaemonicParent,
    /// The operating system refused.
    Os {
        /// What was tried.
        operation: &'static str,
        /// Its answer.
        source: io::Error,
    },
}

impl SpawnError {
    /// An [`Os`](Self::Os) error, ready for `map_err`.
    pub(crate) fn os<E: Into<io::Error>>(operation: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::Os { operation, source: source.into() }
    }
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encode { .. } => f.write_str("the arguments could not be encoded"),
            Self::Arguments { message } => write!(f, "the child could not decode its arguments: {message}"),
            Self::Died { exit_code: Some(code) } if *code < 0 => {
                write!(f, "the child was killed by signal {} before it had its arguments", -code)
            }
            Self::Died { exit_code: Some(code) } => {
                write!(f, "the child ended with exit code {code} before it had its arguments: see its stderr")
            }
            Self::Died { exit_code: None } => {
                f.write_str("the child ended before it had its arguments: see its stderr")
            }
            Self::Refused { message } => write!(f, "the child could not begin: {message}"),
            Self::NotInExecutable => f.write_str(
                "the function lies in a shared library, and a child starts from the executable: link it statically",
            ),
            Self::NoEntry => f.write_str(
                "this executable has lost the constructor that children start with: the linker must keep `.init_array`",
            ),
            Self::DaemonicParent => {
                f.write_str("a daemon may not have children: start this process without `daemon(true)`")
            }
            Self::Os { operation, .. } => write!(f, "could not {operation}"),
        }
    }
}

impl core::error::Error for SpawnError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Encode { source } => Some(&**source),
            Self::Os { source, .. } => Some(source),
            _ => None,
        }
    }
}
