//! Pools of workers that run functions of this test binary.

#![cfg(feature = "process")]

mod support;

#[path = "pool/callbacks.rs"]
mod callbacks;
#[path = "pool/deaths.rs"]
mod deaths;
#[path = "pool/ends.rs"]
mod ends;
#[path = "pool/imap.rs"]
mod imap;
#[path = "pool/steps.rs"]
mod steps;
#[path = "pool/tasks.rs"]
mod tasks;
#[path = "pool/workers.rs"]
mod workers;
