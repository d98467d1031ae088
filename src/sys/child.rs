//! What a process does to itself when it begins as a child, and when it ends.

#![allow(unsafe_code)]

use std::ffi::CString;

use rustix::process::{Signal, getpid, getppid, kill_process};

/// Whether this process has rights that who started it has not: then nothing in its environment is to be trusted.
pub(crate) fn is_privileged() -> bool {
    // SAFETY: takes a number.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// A write to a closed pipe is an error, not the end; as the standard library has it when `main` is called.
pub(crate) fn ignore_broken_pipes() {
    // SAFETY: no handler is installed.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
}

/// The id of the process that has started this one and lives; another's when it does not, or 0.
pub(crate) fn parent_id() -> u32 {
    getppid().map_or(0, |pid| pid.as_raw_nonzero().get() as u32)
}

/// What `ps` and `top` call this process: as much of the name as the kernel keeps.
pub(crate) fn set_name(name: &str) {
    let short = (0..=name.len().min(15)).rev().find(|at| name.is_char_boundary(*at));
    if let Ok(name) = CString::new(&name[..short.unwrap_or(0)]) {
        let _ = rustix::thread::set_name(&name);
    }
}

/// SIGKILL for this process.
pub(crate) fn die() {
    let _ = kill_process(getpid(), Signal::KILL);
}

/// Has `handler` called when this process ends by itself: by `exit`, or at the end of `main`.
pub(crate) fn at_exit(handler: extern "C" fn()) -> bool {
    // SAFETY: a handler that takes and gives nothing.
    unsafe { libc::atexit(handler) == 0 }
}
