//! Whatever a caller asks and whatever the file says: a typed error, never a panic, a hang or a signal.

mod files;
mod lengths;
mod names;
mod objects;
mod queues;
mod tables;
mod victim;

use std::error::Error;
use std::fmt::Debug;

use breezeway::{LockError, SegmentError};

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

/// The same for locks.
#[track_caller]
fn refused_lock<T>(result: Result<T, LockError>) -> LockError {
    let Err(error) = result else { panic!("this must be refused") };
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
