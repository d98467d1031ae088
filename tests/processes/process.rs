//! Processes that run functions of this test binary.

mod arguments;
mod builder;
mod constructors;
mod daemons;
mod ends;
mod family;
#[cfg(feature = "async")]
mod futures;
mod pool;
mod results;
mod waiting;
