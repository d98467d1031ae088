//! Random tests: storms of processes that are killed, and sequences of operations against a model.
//!
//! `tests/README.md` says where the tests of a module are.

mod cell;
mod queue;
mod segment;
mod sync;
