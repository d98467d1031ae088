//! Thin access to the kernel and the C library: what breezeway is compared with, and what the
//! measuring processes are built from.
//!
//! - [`affinity`]: which CPU a process runs on
//! - [`child`]: a forked process that dies with its parent
//! - [`clock`]: times that mean the same in every process
//! - [`fd_channel`]: pipes and socket pairs
//! - [`futex`]: sleeping on a word shared between processes
//! - [`page`]: memory shared with forked children
//! - [`posix_mq`]: POSIX message queues
//! - [`pthread`]: the C library's mutex, readers–writer lock and semaphore

pub mod affinity;
pub mod child;
pub mod clock;
pub mod fd_channel;
pub mod futex;
pub mod page;
pub mod posix_mq;
pub mod pthread;
