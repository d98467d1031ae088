//! The ends of each contender's queues.
//!
//! - [`kernel`]: the kernel's pipes
//! - [`ours`]: breezeway's own
//! - [`pipes`]: its pipes, and the rings they lie in
//! - [`threads`]: the crates whose queues join threads

pub mod kernel;
pub mod ours;
pub mod pipes;
pub mod threads;
