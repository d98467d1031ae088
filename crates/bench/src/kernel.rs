//! The kernel and the C library, called directly: what breezeway is measured against, and the processes that measure it.
//!
//! - [`affinity`]: which CPU a process runs on
//! - [`child`]: a forked process
//! - [`clock`]: times that mean the same in every process
//! - [`futex`]: sleeping on a word
//! - [`locks`]: the C library's mutex, readers' lock and semaphore
//! - [`mail`]: POSIX message queues
//! - [`page`]: memory shared with a forked child
//! - [`wire`]: pipes and socket pairs

pub mod affinity;
pub mod child;
pub mod clock;
pub mod futex;
pub mod pthread;
pub mod posix_mq;
pub mod page;
pub mod fd_channel;
