//! A forked process that dies with its parent.

#![allow(unsafe_code)]

use std::convert::Infallible;
use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;
use std::{fs, io, thread};

use rustix::process::{
    Pid, Signal, WaitOptions, kill_process, set_parent_process_death_signal, wait, waitpid,
};

/// A child process, killed on drop.
pub struct Child(Pid);

impl Child {
    /// Forks; the child runs `body`, and a panic in it ends the child.
    ///
    /// # Errors
    /// Those of `fork`.
    pub fn fork(body: impl FnOnce() -> Infallible) -> io::Result<Self> {
        // A joined thread may still be listed for a moment.
        while fs::read_dir("/proc/self/task")?.count() > 1 {
            thread::sleep(Duration::from_millis(1));
        }
        // SAFETY: this is the process's only thread, so no other can hold a lock that the child
        // needs.
        let pid = unsafe { libc::fork() };
        if let Some(pid) = Pid::from_raw(pid.max(0)) {
            return Ok(Self(pid));
        }
        if pid < 0 {
            return Err(io::Error::last_os_error());
        }
        let _ = set_parent_process_death_signal(Some(Signal::KILL));
        // The child must not unwind into the parent's stack frames.
        let _ = panic::catch_unwind(AssertUnwindSafe(body));
        // SAFETY: ends the child without dropping what it inherited from the parent.
        unsafe { libc::_exit(101) }
    }
}

/// Whether a child of this process has ended by itself since the last call.
pub fn has_one_ended() -> bool {
    matches!(wait(WaitOptions::NOHANG), Ok(Some(_)))
}

impl Drop for Child {
    fn drop(&mut self) {
        // Both fail only if the child has ended and was reaped by `has_one_ended`.
        let _ = kill_process(self.0, Signal::KILL);
        let _ = waitpid(Some(self.0), WaitOptions::empty());
    }
}
