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
    /// The deadline this long from now, or the last one that can be counted.
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

    /// The deadline this many nanoseconds from the clock's start, as [`monotonic_nanos`] counts
    /// them.
    #[cfg(feature = "async")]
    pub(crate) fn at_nanos(nanos: u64) -> Self {
        Self { seconds: (nanos / 1_000_000_000) as i64, nanos: (nanos % 1_000_000_000) as i64 }
    }

    /// Whether the deadline has passed.
    pub(crate) fn has_passed(self) -> bool {
        Self::after(Duration::ZERO) >= self
    }

    /// How long it is until the deadline; zero if it has passed.
    #[cfg(feature = "process")]
    pub(crate) fn remaining(self) -> Duration {
        let now = clock_gettime(ClockId::Monotonic);
        let seconds = self.seconds.saturating_sub(now.tv_sec);
        let nanos = i128::from(seconds) * 1_000_000_000 + i128::from(self.nanos - now.tv_nsec);
        let nanos = u128::try_from(nanos).unwrap_or(0);
        Duration::new((nanos / 1_000_000_000) as u64, (nanos % 1_000_000_000) as u32)
    }

    /// The deadline as the kernel's absolute time.
    pub(crate) fn timespec(self) -> Timespec {
        Timespec { tv_sec: self.seconds, tv_nsec: self.nanos }
    }
}

/// Nanoseconds on CLOCK_MONOTONIC.
pub(crate) fn monotonic_nanos() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Nanoseconds on CLOCK_MONOTONIC as of the last tick, a few milliseconds ago at most. It takes a
/// few nanoseconds.
#[inline]
pub(crate) fn coarse_nanos() -> u64 {
    let now = clock_gettime(ClockId::MonotonicCoarse);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Nanoseconds since the Unix epoch.
pub(crate) fn unix_nanos() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}
