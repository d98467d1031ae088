//! Looking for a while before a park, for as long as that was worth it lately.

use std::time::Duration;

use super::wait::SpinBeforePark;
use crate::primitive::{AtomicI32, AtomicU32, AtomicU64, Ordering, spin_loop};
use crate::sys::clock::Deadline;
use crate::sys::process::has_many_cpus;

/// Looks before the clock is read first. A message that another CPU is writing arrives in that
/// time.
const EAGER_CHECKS: u32 = 400;

/// Looks between two readings of the clock.
const CHECKS_PER_CLOCK: u32 = 16;

/// The longest spin: a little longer than a wake-up takes, so that two waiters that wait for each
/// other and both park find back to spinning.
const MAX_SPIN_NANOS: u32 = 50_000;
/// The shortest spin, after many parks.
const MIN_SPIN_NANOS: u32 = 1_000;
/// One spin in this many is as long as possible, whatever was learnt: otherwise a handle would
/// never learn that longer spins have become worth it.
const FULL_SPIN_EVERY: u32 = 32;

/// A side that passes fewer units than this between two stops, or looks less often than this while
/// it is stopped, runs close to the other side: each message then moves its cache lines, and each
/// look moves them back.
const LOW_PROGRESS: u64 = 8;
/// Progress after which the longest pause has been worth it.
const MID_PROGRESS: u64 = 16;
/// Progress after which a shorter pause will do.
const HIGH_PROGRESS: u64 = 128;
/// The longest pause, in spin-loop hints: a third of a microsecond.
const MAX_PAUSES: i32 = 7;
/// Stops without a pause after the longest one did not help. Both sides may be one thread.
const BACKOFF_COOLDOWN: i32 = 256;

/// What a handle has learnt of how to wait.
///
/// - How long it spins before it parks: as long as possible after a spin that found something,
///   and half as long each time after one that did not.
/// - How long it pauses where it stops before it looks again: longer each time while it runs close to
///   the other side, so that several messages share a move of a cache line. A side that takes turns
///   with the other looks many times while it is stopped, and so does not pause.
#[derive(Debug)]
pub(crate) struct AdaptiveSpin {
    /// The length of the next spin.
    nanos: AtomicU32,
    /// Waits whose spin found nothing.
    parks: AtomicU32,
    /// The length of the next pause; below 0, the number of stops until there is one again.
    pauses: AtomicI32,
    /// This side's position at its last stop.
    position: AtomicU64,
    /// Looks since then.
    checks: AtomicU64,
}

impl Default for AdaptiveSpin {
    fn default() -> Self {
        Self {
            nanos: AtomicU32::new(MAX_SPIN_NANOS),
            parks: AtomicU32::new(0),
            pauses: AtomicI32::new(0),
            position: AtomicU64::new(0),
            checks: AtomicU64::new(0),
        }
    }
}

impl AdaptiveSpin {
    /// Pauses, if that is worth it, where a side at `position` can go no further for now. Returns
    /// whether it did.
    #[inline]
    pub(crate) fn back_off(&self, position: u64) -> bool {
        let checks = self.checks.load(Ordering::Relaxed);
        let passed = position.wrapping_sub(self.position.load(Ordering::Relaxed));
        if passed == 0 {
            self.checks.store(checks.wrapping_add(1), Ordering::Relaxed);
            return false;
        }
        self.position.store(position, Ordering::Relaxed);
        self.checks.store(0, Ordering::Relaxed);
        let pauses = match self.pauses.load(Ordering::Relaxed) {
            resting if resting < 0 => resting + 1,
            _ if checks >= LOW_PROGRESS => 0,
            MAX_PAUSES if passed < MID_PROGRESS => -BACKOFF_COOLDOWN,
            pauses if passed < LOW_PROGRESS => 2 * pauses + 1,
            pauses if passed > HIGH_PROGRESS => pauses / 2,
            pauses => pauses,
        };
        self.pauses.store(pauses, Ordering::Relaxed);
        (0..pauses).for_each(|_| spin_loop());
        pauses > 0
    }
}

impl SpinBeforePark for AdaptiveSpin {
    fn spin<R>(&self, is_hopeless: bool, try_once: &mut impl FnMut() -> Option<R>) -> Option<R> {
        let is_full = self.parks.load(Ordering::Relaxed) % FULL_SPIN_EVERY == FULL_SPIN_EVERY - 1;
        // The next notification tells where the notifier runs then. If both may run elsewhere, the
        // notifier is given a chance to move from time to time.
        if is_hopeless && !(is_full && has_many_cpus()) {
            self.parks.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        for checks in 0..EAGER_CHECKS {
            spin_loop();
            if let Some(found) = try_once() {
                self.checks.store(checks.into(), Ordering::Relaxed);
                return Some(found);
            }
        }
        self.checks.store(EAGER_CHECKS.into(), Ordering::Relaxed);
        let nanos = self.nanos.load(Ordering::Relaxed);
        let longest = if is_full { MAX_SPIN_NANOS } else { nanos };
        let end = Deadline::after(Duration::from_nanos(longest.into()));
        while !end.has_passed() {
            for _ in 0..CHECKS_PER_CLOCK {
                spin_loop();
                if let Some(found) = try_once() {
                    self.nanos.store(MAX_SPIN_NANOS, Ordering::Relaxed);
                    return Some(found);
                }
            }
        }
        self.parks.fetch_add(1, Ordering::Relaxed);
        self.nanos.store((nanos / 2).max(MIN_SPIN_NANOS), Ordering::Relaxed);
        None
    }
}
