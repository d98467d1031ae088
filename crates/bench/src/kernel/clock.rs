//! Times that mean the same in every process.

use rustix::time::{ClockId, clock_gettime};

/// The monotonic clock, in nanoseconds.
pub fn now() -> u64 {
    read(ClockId::Monotonic)
}

/// The CPU time of this process, in nanoseconds.
pub fn cpu_time() -> u64 {
    read(ClockId::ProcessCPUTime)
}

fn read(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
