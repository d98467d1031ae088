//! Tests that need no other process, in one: a child, if there is one, is only asked to look.
//!
//! See `tests/README.md` for where the tests of a module are.

mod architecture;
mod bad_input;
mod cell;
mod compile_fail;
#[cfg(all(feature = "async", feature = "process"))]
mod futures;
mod layout;
#[cfg(feature = "process")]
mod pipe;
mod queue;
mod segment;
mod sync;
