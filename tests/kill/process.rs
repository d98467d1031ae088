//! A forked process.

use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The exit code of a process that has panicked.
const PANICKED: libc::c_int = 101;

/// A process that this one has forked and will wait for.
#[derive(Debug)]
#[must_use]
pub(crate) struct Process {
    pid: libc::pid_t,
}

/// Forks a process that does some work, whose result is its exit code, and that drops nothing of what its parent had. It dies
/// with its parent.
pub(crate) fn fork(work: impl FnOnce() -> libc::c_int) -> Process {
    let _ = io::stdout().flush();
    // SAFETY: this process has one thread, so the child may do whatever its parent may.
    match unsafe { libc::fork() } {
        -1 => panic!("fork: {}", io::Error::last_os_error()),
        0 => {
            // SAFETY: no memory is passed.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
            let code = catch_unwind(AssertUnwindSafe(work)).unwrap_or(PANICKED);
            let _ = io::stdout().flush();
            // SAFETY: ends the process. What its parent had open must not be closed by it.
            unsafe { libc::_exit(code) }
        }
        pid => Process { pid },
    }
}

impl Process {
    pub(crate) fn pid(&self) -> libc::pid_t {
        self.pid
    }

    /// Waits for the process's end, and gives its exit code; `None` where a signal ended it.
    pub(crate) fn exit_code(self) -> Option<libc::c_int> {
        let (_, status) = wait_for(self.pid);
        libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status))
    }

    /// Whether it sleeps on a futex right now.
    pub(crate) fn is_on_a_futex(&self) -> bool {
        let call = std::fs::read_to_string(format!("/proc/{}/syscall", self.pid)).unwrap_or_default();
        call.split(' ').next() == Some(libc::SYS_futex.to_string().as_str())
    }
}

/// Waits for the end of one of this process's children, and gives its id and wait status.
pub(crate) fn wait_for_any() -> (libc::pid_t, libc::c_int) {
    wait_for(-1)
}

fn wait_for(which: libc::pid_t) -> (libc::pid_t, libc::c_int) {
    let mut status = 0;
    // SAFETY: `status` is a local.
    let pid = unsafe { libc::waitpid(which, &raw mut status, 0) };
    assert!(pid > 0, "wait: {}", io::Error::last_os_error());
    (pid, status)
}

/// How a process has ended.
pub(crate) fn end_in_words(status: libc::c_int) -> String {
    if libc::WIFSIGNALED(status) {
        format!("signal {}", libc::WTERMSIG(status))
    } else {
        format!("exit code {}", libc::WEXITSTATUS(status))
    }
}
