//! On which CPU a case runs: on one, with all that it forks.
//!
//! Each step of a child is two switches, to it and back. Between two CPUs each of them wakes one that has gone to sleep, which in
//! a virtual machine takes several times as long as the step.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::available_parallelism;
use std::time::Duration;

use breezeway::sync::Event;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Which of the CPUs is this case's.
static SEAT: AtomicUsize = AtomicUsize::new(0);

/// How many cases find a CPU of their own.
pub(crate) fn seats() -> usize {
    available_parallelism().map_or(1, usize::from)
}

/// Says which of them is this process's.
pub(crate) fn take(seat: usize) {
    SEAT.store(seat, Ordering::Relaxed);
}

/// Stays on one CPU from now on. Whatever it had found out about the number of CPUs holds: who may spin, spins.
pub(crate) fn settle() {
    static SETTLED: AtomicBool = AtomicBool::new(false);
    if !SETTLED.swap(true, Ordering::Relaxed) {
        count();
        keep_to_one();
    }
}

/// The same, but lets nobody spin who has not counted the CPUs yet: stepping through that takes longer than they wait.
pub(crate) fn settle_without_spinning() {
    keep_to_one();
    count();
}

/// The first wait of a process counts its CPUs. Its children inherit the number.
fn count() {
    assert!(Event::new().unwrap().wait_timeout(Duration::from_millis(1)).is_err());
}

fn keep_to_one() {
    let all = sched_getaffinity(None).unwrap();
    let allowed: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| all.is_set(*cpu)).collect();
    let mut one = CpuSet::new();
    one.set(allowed[SEAT.load(Ordering::Relaxed) % allowed.len()]);
    sched_setaffinity(None, &one).unwrap();
}
