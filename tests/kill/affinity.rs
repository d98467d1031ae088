//! On which CPU a case runs: on one, with every process that it forks.
//!
//! Each step of a child is two context switches, to it and back. Between two CPUs each of them
//! wakes a CPU that has gone idle, which in a virtual machine takes several times as long as the
//! step.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::available_parallelism;
use std::time::Duration;

use breezeway::sync::Event;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The index of this case's CPU.
static CPU: AtomicUsize = AtomicUsize::new(0);

/// How many CPUs this process may use.
pub(crate) fn cpu_count() -> usize {
    available_parallelism().map_or(1, usize::from)
}

/// Sets the CPU that [`pin`] keeps this process to.
pub(crate) fn assign(cpu: usize) {
    CPU.store(cpu, Ordering::Relaxed);
}

/// Keeps this process to its CPU. The library counts the CPUs before that, so its waits spin.
pub(crate) fn pin() {
    static IS_PINNED: AtomicBool = AtomicBool::new(false);
    if !IS_PINNED.swap(true, Ordering::Relaxed) {
        cache_cpu_count();
        restrict_affinity();
    }
}

/// Keeps this process to its CPU. Unless the library has counted the CPUs before, it finds one, so
/// its waits do not spin: stepping through a spin takes longer than the wait.
pub(crate) fn pin_without_spinning() {
    restrict_affinity();
    cache_cpu_count();
}

/// Lets the library count the CPUs, which it does at the first wait of a process. Children inherit
/// the number.
fn cache_cpu_count() {
    assert!(Event::new().unwrap().wait_timeout(Duration::from_millis(1)).is_err());
}

fn restrict_affinity() {
    let all = sched_getaffinity(None).unwrap();
    let allowed: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| all.is_set(*cpu)).collect();
    let mut one = CpuSet::new();
    one.set(allowed[CPU.load(Ordering::Relaxed) % allowed.len()]);
    sched_setaffinity(None, &one).unwrap();
}
