//! Tests with real children, which wait for each other, fork, are stopped and are killed.
//!
//! `tests/README.md` says where the tests of a module are.

mod cell;
mod compile_fail;
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
