//! The operating system, and the only users of `libc` and `rustix`. Every function is one small contract.
//!
//! - [`barrier`]: a pair of memory barriers, one of which costs nothing
//! - `child`: what a process does to itself when it begins as a child, and when it ends
//! - `eventfd`: a descriptor that one thread rings for another
//! - [`clock`]: monotonic deadlines, the time of day
//! - [`mod@file`]: the files under segments: open, allocate, publish, unlink, seal
//! - [`fork`]: noticing a fork without exec, and giving the child open files of its own
//! - [`futex`]: sleeping on a shared word
//! - `image`: the executable that this process runs
//! - [`liveness`]: locks that the kernel drops when their holder dies
//! - `per_process`: a cell of which each process has one
//! - `pidfd`: processes that cannot be mistaken for others
//! - `poll`: files that have something to read
//! - [`process`]: who this process is, and whether another still is
//! - [`robust`]: the process-shared robust pthread mutex
//! - [`procfs`]: what other processes are, and where they sleep

pub(crate) mod barrier;
#[cfg(feature = "process")]
pub(crate) mod child;
pub(crate) mod clock;
#[cfg(feature = "process")]
pub(crate) mod eventfd;
pub(crate) mod file;
pub(crate) mod fork;
pub(crate) mod futex;
#[cfg(feature = "process")]
pub(crate) mod image;
pub(crate) mod liveness;
#[cfg(any(feature = "async", feature = "process"))]
pub(crate) mod per_process;
#[cfg(feature = "process")]
pub(crate) mod pidfd;
#[cfg(feature = "process")]
pub(crate) mod poll;
pub(crate) mod process;
pub(crate) mod procfs;
pub(crate) mod robust;
