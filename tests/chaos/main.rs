//! Tests that leave to chance what happens: storms, kills at random, sequences of operations at random.
//!
//! See `tests/README.md` for where the tests of a module are.

mod cell;
mod queue;
mod segment;
mod sync;
