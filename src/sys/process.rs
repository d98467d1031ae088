//! This process's identity, and whether another process still runs.

use core::cell::Cell;
use std::fs;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use super::fork;
use crate::primitive::{AtomicU32, Ordering};

/// What tells one process from every other, even from a later one of the same pid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) pid: u32,
    /// When it was started, in clock ticks since boot.
    pub(crate) start: u64,
    /// The inode of the pid namespace that `pid` is counted in.
    pub(crate) pidns: u64,
}

impl Identity {
    /// This process.
    pub(crate) fn current() -> Self {
        // By `self`, because /proc may be that of another pid namespace.
        let start = start_time_at("/proc/self/stat").unwrap_or(0);
        Self { pid: std::process::id(), start, pidns: pid_namespace() }
    }

    /// The process that has this pid here, if there is one.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        Some(Self { pid, start: start_time(pid)?, pidns: pid_namespace() })
    }

    /// Whether the process is known to be gone. Of a process of another pid namespace, or one that
    /// /proc hides, that is not known.
    pub(crate) fn is_gone(&self) -> bool {
        let is_reused = || start_time(self.pid).is_some_and(|start| start != self.start);
        self.pidns != 0
            && self.pidns == pid_namespace()
            && shows_own_pids()
            && (is_unused(self.pid) || is_reused())
    }
}

/// Whether no process and no thread has this id.
fn is_unused(id: u32) -> bool {
    let pid = i32::try_from(id).ok().and_then(Pid::from_raw);
    pid.is_none_or(|pid| test_kill_process(pid) == Err(Errno::SRCH))
}

/// When the process was started, in clock ticks since boot; `None` if there is no such process.
pub(super) fn start_time(pid: u32) -> Option<u64> {
    start_time_at(&format!("/proc/{pid}/stat"))
}

fn start_time_at(path: &str) -> Option<u64> {
    let stat = fs::read_to_string(path).ok()?;
    // The second field is the name in brackets, which may hold spaces and brackets itself. The
    // start time is the 22nd field.
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// Whether the pids in /proc are those of this process's pid namespace.
pub(crate) fn shows_own_pids() -> bool {
    let own = std::process::id().to_string();
    fs::read_link("/proc/self").is_ok_and(|pid| pid.as_os_str() == own.as_str())
}

/// The inode of this process's pid namespace; 0 if /proc does not tell.
fn pid_namespace() -> u64 {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self/ns/pid").map_or(0, |ns| ns.ino())
}

thread_local! {
    /// The fork generation in which this thread asked for its id, and the id.
    static THREAD_ID: Cell<(u32, u32)> = const { Cell::new((0, 0)) };
}

/// The kernel's id of this thread: below 2^22, and unique among the living threads of a process.
#[inline]
pub(crate) fn thread_id() -> u32 {
    let (generation, id) = THREAD_ID.get();
    if generation == fork::generation() { id } else { ask_thread_id() }
}

/// Asks for the id of this thread. The only thread of a forked child has another id than the
/// thread that it is a copy of.
#[cold]
fn ask_thread_id() -> u32 {
    let id = rustix::thread::gettid().as_raw_nonzero().get() as u32;
    THREAD_ID.set((fork::generation(), id));
    id
}

/// Whether this process has a thread of this id. One that cannot be asked about counts as there.
#[cold]
#[allow(unsafe_code)]
pub(crate) fn has_thread(thread: u32) -> bool {
    // SAFETY: no memory is passed, and signal 0 is not sent.
    let answer = unsafe { libc::syscall(libc::SYS_tgkill, std::process::id(), thread, 0) };
    answer == 0 || std::io::Error::last_os_error().raw_os_error() != Some(libc::ESRCH)
}

/// This process's name, as `ps` shows it.
pub(crate) fn name() -> String {
    fs::read_to_string("/proc/self/comm").map(|name| name.trim_end().to_owned()).unwrap_or_default()
}

/// This process's effective user id.
pub(crate) fn effective_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// 16 unpredictable bytes, which tell one segment from every other.
pub(crate) fn random_id() -> [u8; 16] {
    let mut id = [0; 16];
    // Up to 256 bytes are given whole or not at all, and not at all only if the kernel has no such
    // call.
    if rustix::rand::getrandom(&mut id, rustix::rand::GetRandomFlags::empty()).is_err() {
        id[..8].copy_from_slice(&super::clock::unix_nanos().to_ne_bytes());
        id[8..].copy_from_slice(&u64::from(std::process::id()).to_ne_bytes());
    }
    id
}

/// The CPU that the calling thread runs on, as it was a moment ago.
#[inline]
#[allow(unsafe_code)]
pub(crate) fn current_cpu() -> u32 {
    // SAFETY: it takes nothing, and reads what the kernel keeps for the thread. It cannot fail on a
    // system that counts its CPUs; -1 would be a CPU that no thread runs on.
    unsafe { libc::sched_getcpu() as u32 }
}

/// Whether the threads of this process may run on more than one CPU.
///
/// The calling thread may be bound to one CPU while others are not, so the main thread's CPUs count
/// too.
#[inline]
pub(crate) fn has_many_cpus() -> bool {
    static CPUS: AtomicU32 = AtomicU32::new(0);
    match CPUS.load(Ordering::Relaxed) {
        0 => {
            let here = std::thread::available_parallelism().map_or(1, |count| count.get() as u32);
            let main = rustix::thread::sched_getaffinity(Some(rustix::process::getpid()));
            let count = here.max(main.map_or(1, |cpus| cpus.count()));
            CPUS.store(count, Ordering::Relaxed);
            count > 1
        }
        count => count > 1,
    }
}

/// How many CPUs the machine has, whichever of them this process may run on; at least 1.
#[allow(unsafe_code)]
pub(crate) fn machine_cpus() -> u32 {
    static CPUS: AtomicU32 = AtomicU32::new(0);
    match CPUS.load(Ordering::Relaxed) {
        0 => {
            // SAFETY: no memory is passed.
            let configured = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_CONF) };
            let count = u32::try_from(configured).unwrap_or(1).max(1);
            CPUS.store(count, Ordering::Relaxed);
            count
        }
        count => count,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_is_gone_is_false_for_this_process() {
        let me = Identity::current();
        assert!(me.start > 0 && me.pidns > 0);
        assert!(!me.is_gone());
        assert!(Identity { start: me.start + 1, ..me }.is_gone());
        assert!(!Identity { pid: u32::MAX, pidns: me.pidns + 1, ..me }.is_gone());
    }

    #[test]
    fn thread_id_differs_between_threads() {
        let id = thread_id();
        assert_eq!(id, thread_id());
        assert_eq!(id, rustix::thread::gettid().as_raw_nonzero().get() as u32);
        let other = std::thread::spawn(thread_id).join().unwrap();
        assert_ne!(id, other);
        // The thread is joined a little before the kernel is done with it.
        while has_thread(other) {
            std::thread::yield_now();
        }
        assert!(has_thread(id) && std::thread::spawn(move || has_thread(id)).join().unwrap());
    }

    #[test]
    fn random_id_differs_each_time() {
        assert_ne!(random_id(), random_id());
    }
}
