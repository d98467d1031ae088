//! The errors under loom, where only the algorithms are: the ones that they return themselves.

/// Why an operation on a queue failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Corrupt(&'static str),
}
