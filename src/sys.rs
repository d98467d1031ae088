//! The operating system: the only users of `libc` and `rustix`. Every function is one small
//! contract.
//!
//! - [`barrier`]: a pair of memory barriers, one of which is a compiler fence
//! - [`checked_file`]: an open file whose descriptor may be closed, or be another file's
//! - `child`: what a child process sets up for itself, and how it ends
//! - `descriptors`: keeping what is opened away from the descriptors 0 to 2
//! - [`clock`]: monotonic deadlines, the time of day
//! - [`mod@file`]: the files under segments: open, allocate, publish, unlink, seal
//! - [`fork`]: noticing a fork without exec, and open files that the child does not share
//! - [`futex`]: sleeping on shared words, and waking
//! - `image`: the executable that this process runs
//! - `keeper`: a thread that keeps files open out of the reach of whatever closes descriptors
//! - [`liveness`]: locks that the kernel drops when their holder dies
//! - `memory`: how much memory this process may still take
//! - `per_process`: a cell of which each process has its own
//! - `pidfd`: processes by descriptor, which is never reused for another process
//! - `poll`: waiting for files that can be read
//! - `poll_waker`: by which one thread wakes another that polls files
//! - [`process`]: this process's identity, and whether another process still runs
//! - [`procfs`]: other processes' commands, and the words that they sleep on

pub(crate) mod barrier;
pub(crate) mod checked_file;
#[cfg(feature = "process")]
pub(crate) mod child;
pub(crate) mod clock;
pub(crate) mod descriptors;
pub(crate) mod file;
pub(crate) mod fork;
pub(crate) mod futex;
#[cfg(feature = "process")]
pub(crate) mod image;
#[cfg(feature = "process")]
pub(crate) mod keeper;
pub(crate) mod liveness;
mod memory;
#[cfg(any(feature = "async", feature = "process"))]
pub(crate) mod per_process;
#[cfg(feature = "process")]
pub(crate) mod pidfd;
#[cfg(feature = "process")]
pub(crate) mod poll;
#[cfg(feature = "process")]
pub(crate) mod poll_waker;
pub(crate) mod process;
pub(crate) mod procfs;
