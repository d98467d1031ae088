//! Forked children, without exec. To be made by processes in a role: they have few threads and no other tests' pipes.

#![allow(unsafe_code)]

use std::panic::{AssertUnwindSafe, catch_unwind};

/// A forked child.
#[must_use]
pub struct Forked {
    pid: i32,
}

/// Runs `body` in a forked child, which ends with it. A panic in it is its end too.
pub fn fork(body: impl FnOnce()) -> Forked {
    // SAFETY: the child runs `body` and leaves by `_exit`: nothing of its parent's is torn down there. glibc makes its own
    // locks usable in the child.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "the system can fork");
    if pid == 0 {
        let code = catch_unwind(AssertUnwindSafe(body)).map_or(101, |()| 0);
        // SAFETY: ends the process.
        unsafe { libc::_exit(code) };
    }
    Forked { pid }
}

impl Forked {
    pub fn pid(&self) -> u32 {
        self.pid as u32
    }

    /// Waits for its end, which must be the good one.
    pub fn join(self) {
        let mut status = 0;
        // SAFETY: `status` is a local.
        let waited = unsafe { libc::waitpid(self.pid, &mut status, 0) };
        assert_eq!(waited, self.pid, "a child is waited for once");
        assert_eq!(
            (libc::WIFEXITED(status), libc::WEXITSTATUS(status)),
            (true, 0),
            "the forked child failed"
        );
    }
}
