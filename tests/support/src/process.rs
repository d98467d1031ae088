//! Looking at other processes, and stopping them.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::Role;

/// Waits until `condition` holds. A watchdog bounds it.
pub fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// This thread's id, as [`until_parked`] wants it.
pub fn thread_id() -> String {
    rustix::thread::gettid().as_raw_nonzero().to_string()
}

/// Waits until a thread of any process sleeps in a futex.
pub fn until_parked(thread: &str) {
    until(|| is_parked(thread));
}

/// Whether a thread of any process sleeps in a futex.
pub fn is_parked(thread: &str) -> bool {
    futex_operation(thread).is_some()
}

/// The operation and its flags, if a thread of any process sleeps in a futex.
pub fn futex_operation(thread: &str) -> Option<u32> {
    let futex = if cfg!(target_arch = "x86_64") { "202" } else { "98" };
    let call = std::fs::read_to_string(format!("/proc/{thread}/syscall")).ok()?;
    let mut fields = call.split(' ');
    let is_futex = fields.next() == Some(futex);
    let operation = fields.nth(1)?.strip_prefix("0x")?;
    is_futex.then(|| u32::from_str_radix(operation, 16).unwrap())
}

/// Stops a process, and waits until it has.
pub fn stop(pid: u32) {
    signal(pid, Signal::STOP);
    until(|| states(pid).iter().all(|state| *state == 'T'));
}

/// Lets a stopped process go on.
pub fn resume(pid: u32) {
    signal(pid, Signal::CONT);
}

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid as i32).unwrap(), signal).unwrap();
}

/// The states of a process's threads, as `ps` shows them.
fn states(pid: u32) -> Vec<char> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let stats =
        threads.filter_map(|thread| std::fs::read_to_string(thread.unwrap().path().join("stat")).ok());
    stats.filter_map(|stat| stat.rsplit_once(") ")?.1.chars().next()).collect()
}

/// Ends a role that runs for ever. It must have: a panic before would have been a failure.
pub fn kill_running(role: Role) {
    let status = role.kill();
    assert_eq!(status.signal(), Some(9), "the child ended by itself: {status}");
}
