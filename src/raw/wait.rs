//! How long to wait, and the way from looking to sleeping: look, spin a little, then sleep in slices.

use core::iter;
use std::time::Duration;

use super::async_waiter::AsyncWaiter;
use super::event_count::EventCount;
#[cfg(feature = "process")]
pub(crate) use super::event_count::RECHECK_INTERVAL;
pub(crate) use super::event_count::WakePolicy;
use super::wait_stats::WaitStats;
use crate::primitive::{AtomicI32, AtomicU32, AtomicU64, Ordering, spin_loop};
use crate::sys::clock::Deadline;
use crate::sys::process::has_many_cpus;

/// How long to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait<'a> {
    /// Not at all.
    NonBlocking,
    /// So long.
    Timeout(Duration),
    /// As long as it takes.
    Forever,
    /// Not in this call, which comes to the end of its time; but when there is news the task is called, and tries again.
    #[cfg_attr(not(feature = "async"), expect(dead_code))]
    Task(&'a dyn AsyncWaiter),
}

/// The first of them. So briefly may a sleeper be overlooked, which saves it a barrier that costs as much as falling asleep; a
/// waker would have to look in the very nanoseconds in which the sleeper's mark is on its way to it. A briefer nap is not a cheaper
/// one: a timer that ends before the next tick has to be set in the hardware, which in a virtual machine takes microseconds.
const FIRST_PARK: Duration = Duration::from_millis(10);

/// Looks in a row before the first pause: half a microsecond, in which what is under way between two CPUs arrives. A pause takes
/// up to 50 ns, and would come on top of each round trip.
const EAGER_CHECKS: u32 = 400;

/// Looks between two looks at the clock.
const PAUSED_CHECKS: u32 = 16;

/// How long to spin before going to sleep, at most: a little more than it takes to wake a sleeper, so that two who wait for each
/// other and both sleep find out of that again.
const MAX_SPIN_NANOS: u32 = 50_000;
/// And at least, after many sleeps.
const MIN_SPIN_NANOS: u32 = 1_000;
/// One wait in so many spins as long as it may, whatever was learnt: it would not be learnt otherwise that times have changed.
const FULL_SPIN_EVERY: u32 = 32;

/// Going on so little between two stops, or looking so few times while stopped, is going hard by the other side: each message then
/// moves its cache lines, and each look moves them back.
const LOW_PROGRESS: u64 = 8;
/// What the longest pause is worth.
const MID_PROGRESS: u64 = 16;
/// So much is more than a pause is needed for.
const HIGH_PROGRESS: u64 = 128;
/// Pauses in a row where a side goes hard by the other, at most: a third of a microsecond.
const MAX_PAUSES: i32 = 7;
/// Stops without a pause after pausing did not help. Both sides may be one thread.
const BACKOFF_COOLDOWN: i32 = 256;

/// What a handle has learnt of how to wait.
///
/// How long, in nanoseconds, it spins before it sleeps: as long as was worth it lately, and hardly at all after spinning in vain.
///
/// And how long it pauses before it looks again, once it has come to a stop: longer each time while it goes hard by the other
/// side, so that many messages share the moves of a line. Two that take turns wait longer for each other, and do not pause; nor
/// does who finds that no more comes for it.
#[derive(Debug)]
pub(crate) struct AdaptiveSpin {
    nanos: AtomicU32,
    parks: AtomicU32,
    /// Or, below 0, how many stops are left without one.
    pauses: AtomicI32,
    /// How far this side had come when it stopped last.
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
    /// To be called where a side can go no further for now, having come so far. Pauses where that is worth it, and says whether
    /// it did.
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

    fn nanos(&self) -> u32 {
        let parks = self.parks.load(Ordering::Relaxed);
        if parks % FULL_SPIN_EVERY == FULL_SPIN_EVERY - 1 {
            MAX_SPIN_NANOS
        } else {
            self.nanos.load(Ordering::Relaxed)
        }
    }

    fn on_success(&self) {
        self.nanos.store(MAX_SPIN_NANOS, Ordering::Relaxed);
    }

    fn on_park(&self) {
        self.parks.fetch_add(1, Ordering::Relaxed);
        let shorter = self.nanos.load(Ordering::Relaxed) / 2;
        self.nanos.store(shorter.max(MIN_SPIN_NANOS), Ordering::Relaxed);
    }

    fn spin_adaptively<R>(&self, try_once: &mut impl FnMut() -> Option<R>) -> Option<R> {
        for checks in 0..EAGER_CHECKS {
            spin_loop();
            if let Some(found) = try_once() {
                self.checks.store(checks.into(), Ordering::Relaxed);
                return Some(found);
            }
        }
        self.checks.store(EAGER_CHECKS.into(), Ordering::Relaxed);
        let end = Deadline::after(Duration::from_nanos(self.nanos().into()));
        while !end.has_passed() {
            for _ in 0..PAUSED_CHECKS {
                spin_loop();
                if let Some(found) = try_once() {
                    self.on_success();
                    return Some(found);
                }
            }
        }
        self.on_park();
        None
    }
}

/// How a waiter looks before its first park, in case what it waits for is about to come.
pub(crate) trait SpinBeforePark {
    /// Looks until something is found, or it is time to park.
    fn spin<R>(&self, try_once: &mut impl FnMut() -> Option<R>) -> Option<R>;
}

impl SpinBeforePark for AdaptiveSpin {
    fn spin<R>(&self, try_once: &mut impl FnMut() -> Option<R>) -> Option<R> {
        self.spin_adaptively(try_once)
    }
}

/// Waits until `try_once` finds something, and says what; `None` where it found nothing in time.
///
/// Whoever makes `try_once` find something notifies `event`. `check_peers` is called after a sleep in vain, the slices of a long one included,
/// and when the time is over: then it is worth a system call to see whether somebody has died whom this waits for. What becomes
/// of a wait that sleeps is counted in `stats`.
#[inline(always)]
pub(crate) fn wait_for<R>(
    (event, stats): (&EventCount, &WaitStats),
    policy: WakePolicy,
    wait: Wait<'_>,
    spin: &impl SpinBeforePark,
    mut try_once: impl FnMut() -> Option<R>,
    check_peers: impl FnMut(),
) -> Option<R> {
    if let Some(found) = try_once() {
        return Some(found);
    }
    let deadline = match wait {
        Wait::NonBlocking => return None,
        Wait::Timeout(duration) => Some(Deadline::after(duration)),
        Wait::Forever => None,
        Wait::Task(waiter) => return register_task((event, stats), policy, waiter, try_once, check_peers),
    };
    spin_then_park((event, stats), policy, deadline, spin, try_once, check_peers)
}

#[cold]
fn spin_then_park<R>(
    (event, stats): (&EventCount, &WaitStats),
    policy: WakePolicy,
    deadline: Option<Deadline>,
    spin: &impl SpinBeforePark,
    mut try_once: impl FnMut() -> Option<R>,
    mut check_peers: impl FnMut(),
) -> Option<R> {
    if has_many_cpus()
        && let Some(found) = spin.spin(&mut try_once)
    {
        return Some(found);
    }
    for is_first in iter::once(true).chain(iter::repeat(false)) {
        let is_over = deadline.is_some_and(Deadline::has_passed);
        // Before the first park only where a death is what the waiter may well wait for.
        if is_over || !is_first || policy == WakePolicy::Lock {
            check_peers();
        }
        if is_over {
            return try_once();
        }
        let recheck_interval = policy.recheck_interval();
        // A park as short as the first may be overlooked, each time.
        let is_short = is_first || recheck_interval <= FIRST_PARK;
        let prepared = if is_short { event.prepare_wait_relaxed() } else { event.prepare_wait() };
        if let Some(found) = try_once() {
            return Some(found);
        }
        stats.waits.add(is_first.into());
        stats.parks.add(1);
        let slice = Deadline::after(if prepared.is_seen {
            recheck_interval
        } else {
            FIRST_PARK.min(recheck_interval)
        });
        event.commit_wait(prepared, deadline.map_or(slice, |deadline| deadline.min(slice)));
        if let Some(found) = try_once() {
            stats.wakes.add(1);
            if matches!(policy, WakePolicy::AnyOne | WakePolicy::All) {
                // One wake-up may have been for two, or found its way to who could not use it: it is passed on.
                event.notify(1);
            }
            return Some(found);
        }
    }
    None
}

#[cold]
fn register_task<R>(
    (event, stats): (&EventCount, &WaitStats),
    policy: WakePolicy,
    waiter: &dyn AsyncWaiter,
    mut try_once: impl FnMut() -> Option<R>,
    mut check_peers: impl FnMut(),
) -> Option<R> {
    if waiter.is_recheck() {
        check_peers();
        if let Some(found) = try_once() {
            return Some(found);
        }
    }
    waiter.register(event, policy);
    let found = try_once();
    if found.is_none() {
        stats.parks.add(1);
    }
    found
}
