//! Which CPU a process runs on.

#![allow(unsafe_code)]

use std::mem;
use std::time::Duration;

use breezeway::sync::Event;

/// A CPU to run on; none, where it is the scheduler's choice.
pub type Cpu = Option<usize>;

/// The CPU that a bench runs on, where nobody chooses.
pub const OUR_CPU: Cpu = Some(0);
/// And the one of its peer.
pub const PEER_CPU: Cpu = Some(1);

/// Goes to the CPU that is ours.
pub fn settle() {
    count_cpus();
    pin(OUR_CPU);
}

/// Has breezeway find out how many CPUs this process may use, and whether it is worth while to spin: it does so at its first
/// wait, and takes it for granted from then on. Before a process is pinned it is many, and one after.
pub fn count_cpus() {
    let never = Event::new().expect("an event");
    assert!(never.wait_timeout(Duration::from_millis(1)).is_err(), "nobody has set it");
}

/// Keeps this thread on one CPU, if it may use that one.
pub fn pin(cpu: Cpu) {
    if let Some(cpu) = cpu {
        allow(&[cpu]);
    }
}

/// Keeps this thread on these.
pub fn allow(cpus: &[usize]) {
    let mut set = no_cpus();
    for &cpu in cpus.iter().filter(|cpu| **cpu < libc::CPU_SETSIZE as usize) {
        // SAFETY: `cpu` is below the set's size.
        unsafe { libc::CPU_SET(cpu, &mut set) };
    }
    // SAFETY: the set is a local and as long as it says. Where it fails, the thread stays where it may be.
    unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) };
}

/// The CPUs that this thread may use.
pub fn allowed() -> Vec<usize> {
    let mut set = no_cpus();
    // SAFETY: the set is a local and as long as it says. Where it fails, none are allowed.
    unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) };
    // SAFETY: each is below the set's size.
    (0..libc::CPU_SETSIZE as usize).filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &set) }).collect()
}

fn no_cpus() -> libc::cpu_set_t {
    // SAFETY: a `cpu_set_t` is a bit set, for which zeros are the empty one.
    unsafe { mem::zeroed() }
}
