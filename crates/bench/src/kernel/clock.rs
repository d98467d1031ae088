//! Times that mean the same in every process.

#![allow(unsafe_code)]

/// Nanoseconds since some moment.
///
/// # Panics
/// Where the kernel has no such clock.
pub fn now() -> u64 {
    read(libc::CLOCK_MONOTONIC)
}

/// Nanoseconds that this process has run.
///
/// # Panics
/// Where the kernel has no such clock.
pub fn spent() -> u64 {
    read(libc::CLOCK_PROCESS_CPUTIME_ID)
}

fn read(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the time is a local.
    let failed = unsafe { libc::clock_gettime(clock, &raw mut time) };
    assert_eq!(failed, 0, "a clock");
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
