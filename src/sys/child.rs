//! What a child process sets up for itself, and how it ends.

#![allow(unsafe_code)]

use std::os::fd::AsRawFd;

use std::ffi::CString;

use rustix::process::{Signal, getpid, getppid, kill_process};

/// Whether this process has rights that the one that started it has not: then its environment is
/// not to be trusted.
pub(crate) fn is_privileged() -> bool {
    // SAFETY: takes a number.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Makes a write to a closed pipe an error instead of a signal that kills, as the standard library
/// does before it calls `main`.
pub(crate) fn ignore_broken_pipes() {
    // SAFETY: no handler is installed.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
}

/// The id of the process that started this one, if it lives; otherwise the id of another process,
/// or 0.
pub(crate) fn parent_id() -> u32 {
    getppid().map_or(0, |pid| pid.as_raw_nonzero().get() as u32)
}

/// Sets the name by which `ps` and `top` show this process, cut to what the kernel keeps.
pub(crate) fn set_name(name: &str) {
    let short = (0..=name.len().min(15)).rev().find(|at| name.is_char_boundary(*at));
    if let Ok(name) = CString::new(&name[..short.unwrap_or(0)]) {
        let _ = rustix::thread::set_name(&name);
    }
}

/// Blocks every signal for the calling thread: the program's handlers run on other threads.
pub(crate) fn block_signals() {
    let mut all = core::mem::MaybeUninit::uninit();
    // SAFETY: `all` is writable.
    unsafe { libc::sigfillset(all.as_mut_ptr()) };
    // SAFETY: `all` was set above, and the old mask is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), core::ptr::null_mut()) };
}

/// Kills this process with SIGKILL.
pub(crate) fn die() {
    let _ = kill_process(getpid(), Signal::KILL);
}

/// Registers a handler that runs when this process ends by itself: by `exit`, or at the end of
/// `main`. Returns whether it could.
pub(crate) fn at_exit(handler: extern "C" fn()) -> bool {
    // SAFETY: a handler that takes and gives nothing.
    unsafe { libc::atexit(handler) == 0 }
}

/// Opens `/dev/null` as each of the descriptors 0 to 2 that is closed, as std does before `main`:
/// no file that is opened later is taken for standard output.
pub(crate) fn open_standard_descriptors() {
    for _ in 0..3 {
        let file = rustix::fs::open("/dev/null", rustix::fs::OFlags::RDWR, rustix::fs::Mode::empty());
        match file {
            Ok(file) if file.as_raw_fd() < 3 => core::mem::forget(file),
            _ => return,
        }
    }
}
