//! The operating system, and the only users of `libc` and `rustix`. Every function is one small contract.
//!
//! - [`barrier`]: a pair of memory barriers, one of which costs nothing
//! - [`clock`]: monotonic deadlines, the time of day
//! - [`mod@file`]: the files under segments: open, allocate, publish, unlink, seal
//! - [`fork`]: noticing a fork without exec, and giving the child open files of its own
//! - [`futex`]: sleeping on a shared word
//! - [`liveness`]: locks that the kernel drops when their holder dies
//! - [`process`]: who this process is, and whether another still is
//! - [`robust`]: the process-shared robust pthread mutex
//! - [`watching`]: what other processes are, and where they sleep

pub(crate) mod barrier;
pub(crate) mod clock;
pub(crate) mod file;
pub(crate) mod fork;
pub(crate) mod futex;
pub(crate) mod liveness;
pub(crate) mod process;
pub(crate) mod robust;
pub(crate) mod watching;
