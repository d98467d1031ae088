//! Processes that run functions of this test binary.

#![cfg(feature = "process")]

mod support;

#[path = "process/arguments.rs"]
mod arguments;
#[path = "process/builder.rs"]
mod builder;
#[path = "process/constructors.rs"]
mod constructors;
#[path = "process/daemons.rs"]
mod daemons;
#[path = "process/ends.rs"]
mod ends;
#[path = "process/family.rs"]
mod family;
#[path = "process/results.rs"]
mod results;
#[path = "process/waiting.rs"]
mod waiting;
