//! Any argument and any file contents give a typed error, never a panic, a hang or a signal.

mod files;
mod lengths;
mod names;
mod objects;
mod queues;
mod tables;
mod victim;

use std::error::Error;
use std::fmt::Debug;

use breezeway::{ArrayError, SegmentError};

/// The error, which says something and whose source is there where one is due.
#[track_caller]
fn refused<T: Debug>(result: Result<T, SegmentError>) -> SegmentError {
    let error = result.expect_err("this must be refused");
    let text = error.to_string();
    assert!(!text.is_empty() && !text.contains("SegmentError"), "{text:?}");
    let source = error.source().map(ToString::to_string);
    match &error {
        SegmentError::Os { source: system, .. } => assert_eq!(source, Some(system.to_string())),
        SegmentError::Lock(lock) => assert_eq!(source, Some(lock.to_string())),
        _ => assert_eq!(source, None),
    }
    error
}

/// The error of a lock or an array, which says something and has no source.
#[track_caller]
fn refused_lock<T, E: Into<ArrayError>>(result: Result<T, E>) -> ArrayError {
    let Err(error) = result.map_err(Into::into) else { panic!("this must be refused") };
    assert!(!error.to_string().is_empty() && error.source().is_none());
    error
}

/// Asserts that something is refused with an error of this pattern.
macro_rules! assert_refused {
    ($result:expr, $($pattern:tt)+) => {
        match $crate::bad_input::refused($result) {
            $($pattern)+ => {}
            other => panic!("{}: {other:?}", stringify!($result)),
        }
    };
}
pub(crate) use assert_refused;
