//! The ends of each contender's queues.
//!
//! - [`kernel`]: pipes
//! - [`threads`]: the crates whose queues join threads

pub mod kernel;
pub mod threads;
