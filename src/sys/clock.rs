//! Monotonic deadlines, and the time of day.

use std::time::{Duration, SystemTime};

use rustix::time::{ClockId, Timespec, clock_gettime};

/// A point on CLOCK_MONOTONIC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Deadline {
    seconds: i64,
    nanos: i64,
}

impl Deadline {
    /// This long from now; the end of time where that is farther.
    pub(crate) fn after(duration: Duration) -> Self {
        let now = clock_gettime(ClockId::Monotonic);
        let nanos = now.tv_nsec + i64::from(duration.subsec_nanos());
        let seconds = i64::try_from(duration.as_secs())
            .ok()
            .and_then(|seconds| now.tv_sec.checked_add(seconds))
            .and_then(|seconds| seconds.checked_add(nanos / 1_000_000_000))
            .unwrap_or(i64::MAX);
        Self { seconds, nanos: nanos % 1_000_000_000 }
    }

    /// Whether it lies behind.
    pub(crate) fn has_passed(self) -> bool {
        Self::after(Duration::ZERO) >= self
    }

    /// How long until then; no time where it lies behind.
    #[cfg(feature = "process")]
    pub(crate) fn remaining(self) -> Duration {
        let now = clock_gettime(ClockId::Monotonic);
        let nanos = self.nanos - now.tv_nsec;
        let seconds = (self.seconds - now.tv_sec) - i64::from(nanos < 0);
        let nanos = if nanos < 0 { nanos + 1_000_000_000 } else { nanos };
        u64::try_from(seconds).map_or(Duration::ZERO, |seconds| Duration::new(seconds, nanos as u32))
    }

    /// As the kernel's absolute time.
    pub(crate) fn timespec(self) -> Timespec {
        Timespec { tv_sec: self.seconds, tv_nsec: self.nanos }
    }
}

/// Nanoseconds on CLOCK_MONOTONIC.
pub(crate) fn monotonic_nanos() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// The same as the last tick left it, milliseconds ago at most: in a few nanoseconds.
#[cfg(feature = "process")]
#[inline]
pub(crate) fn coarse_nanos() -> u64 {
    let now = clock_gettime(ClockId::MonotonicCoarse);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Nanoseconds since the Unix epoch.
pub(crate) fn unix_nanos() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}
