//! [`SpawnError`]: why a process was not started.

use std::io;

use thiserror::Error;

type Source = Box<dyn core::error::Error + Send + Sync>;

/// The error of a process that was not started. No child is left: one that had started has ended
/// and was waited for.
///
/// It has no `PartialEq`, because its sources have none: match the variant.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// The arguments could not be encoded. No child was started.
    #[error("the arguments could not be encoded")]
    Encode {
        /// What the encoder says.
        source: Source,
    },
    /// The child could not decode the arguments.
    #[error("the child could not decode its arguments: {message}")]
    Arguments {
        /// What the child's decoder says.
        message: String,
    },
    /// The child ended before it had its arguments: its stderr may tell the reason.
    #[error("the child {} before it had its arguments{}", ending(*.exit_code), hint(*.exit_code))]
    Died {
        /// The child's exit code, −N for signal N; `None` if other code of this program has waited
        /// for the child.
        exit_code: Option<i32>,
    },
    /// The child could not start.
    #[error("the child could not begin: {message}")]
    Refused {
        /// The child's reason.
        message: String,
    },
    /// The function lies in a shared library, which the child does not search: link it into the
    /// executable.
    #[error(
        "the function lies in a shared library, and a child starts from the executable: link it statically"
    )]
    NotInExecutable,
    /// The constructor that children start with is missing from this executable, or did not run:
    /// the linker must keep `.init_array`.
    #[error(
        "this executable has lost the constructor that children start with: the linker must keep `.init_array`"
    )]
    NoEntry,
    /// This process is a daemon, which may not have children, because they would outlive it: start
    /// it without [`daemon(true)`](crate::process::ProcessBuilder::daemon).
    #[error("a daemon may not have children: start this process without `daemon(true)`")]
    DaemonicParent,
    /// The operating system refused.
    #[error("could not {operation}")]
    Os {
        /// What was tried.
        operation: &'static str,
        /// The system's answer.
        source: io::Error,
    },
}

impl SpawnError {
    /// An [`Os`](Self::Os) error, ready for `map_err`.
    pub(crate) fn os<E: Into<io::Error>>(operation: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::Os { operation, source: source.into() }
    }
}

/// How a child with this exit code ended.
fn ending(exit_code: Option<i32>) -> String {
    match exit_code {
        Some(code) if code < 0 => format!("was killed by signal {}", -code),
        Some(code) => format!("ended with exit code {code}"),
        None => "ended".to_owned(),
    }
}

/// Where a child that no signal killed may have told the reason.
fn hint(exit_code: Option<i32>) -> &'static str {
    if exit_code.is_some_and(|code| code < 0) { "" } else { ": see its stderr" }
}
