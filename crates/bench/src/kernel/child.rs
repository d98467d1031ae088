//! A forked process, which dies with its parent.

#![allow(unsafe_code)]

use std::convert::Infallible;
use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;
use std::{fs, io, ptr, thread};

/// A child process. Dropped, it is killed.
pub struct Child(libc::pid_t);

impl Child {
    /// Forks, and has the child do this. A panic ends the child.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn fork(body: impl FnOnce() -> Infallible) -> io::Result<Self> {
        // A thread that has been joined may be listed for a moment still.
        while fs::read_dir("/proc/self/task")?.count() > 1 {
            thread::sleep(Duration::from_millis(1));
        }
        // SAFETY: there is no other thread that could hold a lock the child needs, as just seen.
        let pid = unsafe { libc::fork() };
        if pid < 0 {
            return Err(io::Error::last_os_error());
        }
        if pid == 0 {
            // SAFETY: a plain request to the kernel: the child dies with its parent.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
            // Nothing unwinds to what the parent does next.
            let _ = panic::catch_unwind(AssertUnwindSafe(body));
            // SAFETY: ends the child, and nothing of the parent's is dropped.
            unsafe { libc::_exit(101) };
        }
        Ok(Self(pid))
    }
}

/// Whether one of this process's children has ended by itself.
pub fn has_one_ended() -> bool {
    // SAFETY: looks after our own children; no status is written.
    unsafe { libc::waitpid(-1, ptr::null_mut(), libc::WNOHANG) > 0 }
}

impl Drop for Child {
    fn drop(&mut self) {
        // SAFETY: our own child, not waited for yet, or seen to end by itself just before a panic.
        unsafe { libc::kill(self.0, libc::SIGKILL) };
        // SAFETY: as above; no status is written.
        unsafe { libc::waitpid(self.0, ptr::null_mut(), 0) };
    }
}
