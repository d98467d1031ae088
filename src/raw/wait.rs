//! Waiting: look, spin a little, then park for a recheck interval at a time.
//!
//! A blocking operation is an attempt and a [`WaitPoint`] to wait at between two attempts. The same
//! attempt with [`Wait::Task`] is one poll of a future: it registers instead of parking.

use core::cell::Cell;
use core::fmt;
use core::iter;
use std::time::Duration;

use super::event_count::EventCount;
#[cfg(feature = "process")]
pub(crate) use super::event_count::RECHECK_INTERVAL;
pub(crate) use super::event_count::{WakePolicy, WakeReason};
use super::wait_stats::WaitStats;
use crate::error::Unready;
use crate::sys::clock::Deadline;

/// How an operation waits.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait<'a> {
    /// Not at all.
    NonBlocking,
    /// Until a timeout elapses.
    Until(&'a Timeout),
    /// As long as it takes.
    Forever,
    /// As a task: an attempt that is not ready registers the task and fails, and the future makes
    /// the next attempt once the task is woken.
    #[cfg_attr(not(feature = "async"), expect(dead_code))]
    Task(&'a dyn AsyncWaiter),
}

/// A timeout of an operation. It begins when its deadline is asked for first, so an operation that
/// is ready at once reads no clock; all steps of the operation have the same deadline.
#[derive(Debug)]
pub(crate) struct Timeout {
    duration: Duration,
    deadline: Cell<Option<Deadline>>,
}

impl Timeout {
    pub(crate) fn new(duration: Duration) -> Self {
        Self { duration, deadline: Cell::new(None) }
    }

    /// When the timeout elapses.
    pub(crate) fn deadline(&self) -> Deadline {
        let deadline = self.deadline.get().unwrap_or_else(|| Deadline::after(self.duration));
        self.deadline.set(Some(deadline));
        deadline
    }
}

impl Wait<'_> {
    /// Whether there is a timeout, and it has elapsed.
    pub(crate) fn has_timed_out(self) -> bool {
        matches!(self, Self::Until(timeout) if timeout.deadline().has_passed())
    }

    /// Why an operation that waits in this way is not ready, once it may not wait any longer.
    pub(crate) fn unready(self) -> Unready {
        match self {
            Self::NonBlocking => Unready::WouldBlock,
            Self::Until(_) | Self::Forever | Self::Task(_) => Unready::Timeout,
        }
    }
}

/// The task of a future, for one attempt.
pub(crate) trait AsyncWaiter: fmt::Debug {
    /// Why the task was woken; `None` in the first attempt.
    fn reason(&self) -> Option<WakeReason>;

    /// Sets the waiters bit of the event count, and has the task woken when it is notified. What it
    /// waits for is to be looked for once more after this. Does nothing if the task cannot be woken
    /// that way; it is then polled again at once.
    fn register(&self, event: &EventCount, policy: WakePolicy);

    /// Says whether the attempt is not ready, whatever error it fails with.
    fn set_pending(&self, is_pending: bool);

    /// Has the task polled again at once: one attempt is not to do all that can be done.
    #[cfg_attr(not(feature = "process"), expect(dead_code))]
    fn wake_now(&self);
}

/// How a waiter looks before its first park, in case what it waits for is about to come.
pub(crate) trait SpinBeforePark {
    /// Looks until something is found, or it is time to park. If `is_hopeless`, the notifier
    /// probably needs the CPU that this thread would spin on.
    fn spin<R>(&self, is_hopeless: bool, try_once: &mut impl FnMut() -> Option<R>) -> Option<R>;
}

/// The first park of a wait. So briefly may a notifier overlook a waiter, which saves the waiter a
/// barrier that costs as much as falling asleep: the notifier would have to look in the nanoseconds
/// in which the waiters bit is on its way to it. A shorter park is not a cheaper one: a timer that
/// ends before the next tick has to be set in the hardware, which takes microseconds in a virtual
/// machine.
const FIRST_PARK: Duration = Duration::from_millis(10);

/// Where an operation waits: the event count that is notified when its attempt may succeed, the
/// statistics of such waits, and how this handle spins.
#[derive(Debug)]
pub(crate) struct WaitPoint<'a, S> {
    pub(crate) event: &'a EventCount,
    pub(crate) stats: &'a WaitStats,
    pub(crate) policy: WakePolicy,
    pub(crate) spin: &'a S,
}

impl<S: SpinBeforePark> WaitPoint<'_, S> {
    /// Waits until `try_once` finds something, and returns it.
    ///
    /// Whatever makes `try_once` find something notifies the event count. `check_peers` is called
    /// after each park that found nothing, and when the time is over: it is worth a system call
    /// then to see whether a process has died that this one waits for.
    ///
    /// # Errors
    /// [`Unready`] if it found nothing as long as the operation may wait. A task's waiter is
    /// [pending](AsyncWaiter::set_pending) then.
    #[inline(always)]
    pub(crate) fn wait<R>(
        &self,
        wait: Wait<'_>,
        mut try_once: impl FnMut() -> Option<R>,
        check_peers: impl FnMut(),
    ) -> Result<R, Unready> {
        if let Some(found) = try_once() {
            return Ok(found);
        }
        let found = match wait {
            Wait::NonBlocking => None,
            Wait::Until(timeout) => self.spin_then_park(Some(timeout), try_once, check_peers),
            Wait::Forever => self.spin_then_park(None, try_once, check_peers),
            Wait::Task(waiter) => self.register(waiter, try_once, check_peers),
        };
        found.ok_or(wait.unready())
    }

    /// Spins, if the notifier may run meanwhile.
    pub(crate) fn spin<R>(&self, try_once: &mut impl FnMut() -> Option<R>) -> Option<R> {
        self.spin.spin(self.event.is_spinning_hopeless(), try_once)
    }

    #[cold]
    fn spin_then_park<R>(
        &self,
        timeout: Option<&Timeout>,
        mut try_once: impl FnMut() -> Option<R>,
        mut check_peers: impl FnMut(),
    ) -> Option<R> {
        let deadline = timeout.map(Timeout::deadline);
        if let Some(found) = self.spin(&mut try_once) {
            return Some(found);
        }
        for is_first in iter::once(true).chain(iter::repeat(false)) {
            let is_over = deadline.is_some_and(Deadline::has_passed);
            // Before the first park only where a death is what the waiter may well wait for.
            if is_over || !is_first || self.policy == WakePolicy::Lock {
                check_peers();
            }
            if is_over {
                return try_once();
            }
            let recheck_interval = self.policy.recheck_interval();
            // A park as short as the first may be overlooked, each time.
            let is_short = is_first || recheck_interval <= FIRST_PARK;
            let prepared =
                if is_short { self.event.prepare_wait_relaxed() } else { self.event.prepare_wait() };
            if let Some(found) = try_once() {
                return Some(found);
            }
            self.stats.waits.add(is_first.into());
            self.stats.parks.add(1);
            let longest = if prepared.is_seen { recheck_interval } else { FIRST_PARK.min(recheck_interval) };
            let until = Deadline::after(longest);
            self.event.commit_wait(prepared, deadline.map_or(until, |deadline| deadline.min(until)));
            if let Some(found) = try_once() {
                self.stats.wakes.add(1);
                if matches!(self.policy, WakePolicy::AnyOne | WakePolicy::All) {
                    // One wake-up may have been for two waiters, or for one that could not use it.
                    self.event.forward();
                }
                return Some(found);
            }
        }
        None
    }

    #[cold]
    fn register<R>(
        &self,
        waiter: &dyn AsyncWaiter,
        mut try_once: impl FnMut() -> Option<R>,
        mut check_peers: impl FnMut(),
    ) -> Option<R> {
        let reason = waiter.reason();
        let mut found = None;
        if reason == Some(WakeReason::Recheck) {
            check_peers();
            found = try_once();
        }
        if found.is_none() {
            waiter.register(self.event, self.policy);
            found = try_once();
        }
        waiter.set_pending(found.is_none());
        if found.is_none() {
            self.stats.waits.add(reason.is_none().into());
            self.stats.parks.add(1);
        } else if reason.is_some() {
            self.stats.wakes.add(1);
        }
        found
    }
}
