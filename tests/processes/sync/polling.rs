//! Polling a held lock: an attempt that fails makes no system call, but for a question about the
//! holder once a tick of the clock at most.

#![allow(unsafe_code)]

use breezeway::sync::{Mutex, RwLock};
use breezeway::{LockError, Segment};
use support::fork::fork;
use support::{Role, Watchdog, role, say, unique};

/// Attempts of a child. They take less time than a tick, as a rule.
const ATTEMPTS: u32 = 100;
/// Children that a tick may meet.
const CHILDREN: u32 = 100;

#[test]
fn in_a_child() {
    let Some(arguments) = role() else { return };
    let [what, name] = &arguments[..] else { unreachable!("{arguments:?}") };
    let segment = Segment::open(name).unwrap();
    let (mutex, lock) = (segment.get::<Mutex>("mutex").unwrap(), segment.get::<RwLock>("lock").unwrap());
    let attempt = || {
        let error = match what.as_str() {
            "try_lock" => mutex.try_lock().err(),
            "try_read" => lock.try_read().err(),
            _ => lock.try_write().err(),
        };
        assert_eq!(error, Some(LockError::WouldBlock));
    };
    let quiet = (0..CHILDREN).any(|_| polls_without_system_calls(&attempt));
    say(if quiet { "quiet" } else { "called" });
}

/// Whether a forked child that is killed at any system call but `exit` makes all its attempts.
fn polls_without_system_calls(attempt: &impl Fn()) -> bool {
    let child = fork(|| {
        // The child registers, and asks about the holder.
        attempt();
        // SAFETY: no memory is passed.
        let confined = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_STRICT) };
        assert_eq!(confined, 0);
        (0..ATTEMPTS).for_each(|_| attempt());
        // SAFETY: ends the process, which has one thread.
        unsafe { libc::syscall(libc::SYS_exit, 0) };
    });
    let mut status = 0;
    // SAFETY: `status` is a local.
    let waited = unsafe { libc::waitpid(child.pid() as i32, &mut status, 0) };
    assert_eq!(waited, child.pid() as i32);
    let is_killed = libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGKILL;
    assert!(is_killed || libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "{status:#x}");
    !is_killed
}

#[test]
fn try_lock_try_read_try_write_held_make_no_system_call() {
    let _watchdog = Watchdog::start(120);
    let name = unique("polling");
    let segment = Segment::create(&name, 1 << 16).unwrap();
    let (mutex, lock) =
        (segment.add::<Mutex>("mutex", ()).unwrap(), segment.add::<RwLock>("lock", ()).unwrap());
    let (_guard, _written) = (mutex.lock().unwrap(), lock.write().unwrap());
    for what in ["try_lock", "try_read", "try_write"] {
        assert_eq!(Role::spawn(in_a_child, &[what, &name]).hear(), "quiet", "{what}");
    }
    drop(_written);
    let _read = lock.read().unwrap();
    assert_eq!(Role::spawn(in_a_child, &["try_write", &name]).hear(), "quiet", "beside a reader");
}
