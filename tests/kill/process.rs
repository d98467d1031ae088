//! A forked process.

use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// The exit code of a process that has panicked.
const PANICKED: libc::c_int = 101;

/// A process that this one has forked and will wait for.
#[derive(Debug)]
#[must_use]
pub(crate) struct Process {
    pid: libc::pid_t,
}

/// Forks a process that does some work, whose result is its exit code. It drops nothing that its
/// parent had open, and dies with its parent.
pub(crate) fn fork(work: impl FnOnce() -> libc::c_int) -> Process {
    let _ = io::stdout().flush();
    // SAFETY: this process has one thread, so the child may do whatever its parent may.
    match unsafe { libc::fork() } {
        -1 => panic!("fork: {}", io::Error::last_os_error()),
        0 => {
            die_with_parent();
            let code = catch_unwind(AssertUnwindSafe(work)).unwrap_or(PANICKED);
            let _ = io::stdout().flush();
            // SAFETY: ends the process. What its parent had open must not be closed by it.
            unsafe { libc::_exit(code) }
        }
        pid => Process { pid },
    }
}

/// Forks a process that will block in a futex wait, and returns once it does.
pub(crate) fn fork_until_blocked(work: impl FnOnce() -> libc::c_int) -> Process {
    let process = fork(work);
    while !process.is_in_futex_wait() {
        std::thread::sleep(Duration::from_micros(50));
    }
    process
}

/// Has the kernel kill this process when its parent dies.
pub(crate) fn die_with_parent() {
    // SAFETY: no memory is passed.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
}

impl Process {
    pub(crate) fn pid(&self) -> libc::pid_t {
        self.pid
    }

    /// Waits for the process's end, and returns its exit code; `None` if a signal ended it.
    pub(crate) fn exit_code(self) -> Option<libc::c_int> {
        let status = self.wait_status();
        libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status))
    }

    /// Waits for the process's end, and returns its wait status.
    pub(crate) fn wait_status(self) -> libc::c_int {
        let mut status = 0;
        // SAFETY: `status` is a local.
        let pid = unsafe { libc::waitpid(self.pid, &raw mut status, 0) };
        assert!(pid > 0, "wait: {}", io::Error::last_os_error());
        status
    }

    /// Waits until a signal has stopped the process.
    pub(crate) fn wait_until_stopped(&self) {
        let mut status = 0;
        // SAFETY: `status` is a local.
        let pid = unsafe { libc::waitpid(self.pid, &raw mut status, libc::WUNTRACED) };
        assert!(pid == self.pid && libc::WIFSTOPPED(status), "ended: {}", describe_status(status));
    }

    /// Lets the stopped process go on.
    pub(crate) fn go_on(&self) {
        // SAFETY: no memory is passed; it is not waited for yet, so the number is still its.
        unsafe { libc::kill(self.pid, libc::SIGCONT) };
    }

    /// Whether the process is in a futex wait.
    pub(crate) fn is_in_futex_wait(&self) -> bool {
        is_in_futex_wait(self.pid)
    }
}

/// Whether a process is in a futex wait.
pub(crate) fn is_in_futex_wait(pid: libc::pid_t) -> bool {
    let call = std::fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
    call.split(' ').next() == Some(libc::SYS_futex.to_string().as_str())
}

/// Says how a process has ended.
pub(crate) fn describe_status(status: libc::c_int) -> String {
    if libc::WIFSIGNALED(status) {
        format!("signal {}", libc::WTERMSIG(status))
    } else {
        format!("exit code {}", libc::WEXITSTATUS(status))
    }
}
