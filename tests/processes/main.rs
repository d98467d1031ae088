//! Tests with real children: processes that wait for each other, fork, are stopped and are killed.
//!
//! See `tests/README.md` for where the tests of a module are.

mod cell;
#[cfg(feature = "process")]
mod examples;
#[cfg(all(feature = "async", feature = "process"))]
mod futures;
#[cfg(feature = "process")]
mod multiprocessing;
#[cfg(feature = "process")]
mod pipe;
#[cfg(feature = "process")]
mod process;
mod queue;
mod segment;
mod sync;
