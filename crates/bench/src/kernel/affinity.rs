//! Which CPU a process runs on.

use std::time::Duration;

use breezeway::sync::Event;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// A CPU to run on; `None` leaves the choice to the scheduler.
pub type Cpu = Option<usize>;

/// The CPU of the measuring process.
pub const OUR_CPU: Cpu = Some(0);
/// The CPU of its peer process.
pub const PEER_CPU: Cpu = Some(1);

/// Pins this thread to [`OUR_CPU`], after breezeway has counted the CPUs.
pub fn pin_to_our_cpu() {
    init_cpu_count();
    pin(OUR_CPU);
}

/// Makes breezeway count the CPUs that this process may use, which it does once, at its first wait.
///
/// The count decides whether blocking calls spin before they sleep. Called before [`pin`] it is the
/// machine's; called after, it is one.
pub fn init_cpu_count() {
    let event = Event::new().expect("an event");
    assert!(event.wait_timeout(Duration::from_millis(1)).is_err(), "the event is never set");
}

/// Restricts this thread to `cpu`, if it may use it.
pub fn pin(cpu: Cpu) {
    if let Some(cpu) = cpu {
        set_allowed(&[cpu]);
    }
}

/// Restricts this thread to `cpus`. If the kernel refuses, the thread stays where it may run now.
pub fn set_allowed(cpus: &[usize]) {
    let mut set = CpuSet::new();
    cpus.iter().filter(|cpu| **cpu < CpuSet::MAX_CPU).for_each(|cpu| set.set(*cpu));
    let _ = sched_setaffinity(None, &set);
}

/// The CPUs that this thread may use.
pub fn allowed() -> Vec<usize> {
    let set = sched_getaffinity(None).unwrap_or_default();
    (0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect()
}
