//! Processes that run functions of this test binary.

mod arguments;
mod builder;
mod closed_descriptors;
mod constructors;
mod daemons;
mod family;
#[cfg(feature = "async")]
mod futures;
mod parent_exit;
mod pool;
mod results;
mod waiting;
