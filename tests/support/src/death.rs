//! Killing processes, and seeing that they are dead.

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use super::Role;

/// SIGKILL, and wait until the kernel has cleared up. The role's pipes stay open: who inherited them notices nothing.
pub fn kill_and_keep(role: &Role) {
    let pid = Pid::from_raw(role.pid() as i32).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    // Reported only when the last thread is gone; the end itself is left for `Role` to collect.
    waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).unwrap();
}

/// Whether a process, nobody's child of ours, has ended.
pub fn has_ended(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']))
}
