//! Tests within one process, which all of them share.
//!
//! What needs another process is in `tests/processes`. The few roles here only look at what the test made, or are limited in
//! what they may do. `tests/README.md` says where the tests of a module are.

mod architecture;
mod bad_input;
mod cell;
#[cfg(all(feature = "async", feature = "process"))]
mod futures;
mod index;
mod layout;
mod layout_1;
#[cfg(feature = "process")]
mod pipe;
mod queue;
mod segment;
mod sync;
