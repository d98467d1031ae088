//! [`Condvar`]: waiting, with a mutex, until a condition is true.
//!
//! - [`guard`]: the guards to wait with

mod guard;

use core::fmt;
use std::time::Duration;

use crate::error::{CondvarError, SegmentError};
use crate::layout::fingerprint::{Fingerprint, Kind};
use crate::raw::adaptive_spin::AdaptiveSpin;
use crate::raw::condvar::{CondvarState, SLOTS, WaiterSlot};
use crate::raw::wait::{Timeout, Wait, WaitPoint, WakePolicy};
use crate::segment::object::{Object, Region, Shape, sealed};
use crate::segment::object_macros::{object_handle, plain_object};
use crate::segment::shared_ref::SharedRef;

pub use guard::WaitGuard;

/// A condition variable between processes: a waiter waits, with a mutex, until a condition is true.
///
/// A waiter unlocks its [`Mutex`](super::Mutex) or [`ReentrantMutex`](super::ReentrantMutex),
/// sleeps until it is notified, and locks the mutex again. The mutex may lie in another segment. A
/// waiter checks the condition with the mutex locked before it waits. A notifier changes the
/// condition with the mutex locked, and then notifies, before or after it unlocks. A change made
/// without the mutex can fall between a waiter's check and its sleep, and the waiter then misses
/// it. A notification without a waiter has no effect: it is not kept for a later one.
///
/// Waiters are notified in the order in which they began to wait; up to 256 can wait at a time.
/// There is no `try_` form, since it would have nothing to do. A wait may end without a
/// notification, so check the condition in a loop, as [`wait_while`](Self::wait_while) does.
///
/// If the waiter may run on the same CPU, notify after unlocking the mutex: two processes that take
/// turns are then about as fast as with bare futexes. A waiter that wakes up to a locked mutex has
/// to wait again, and a turn takes 1.6 times as long.
///
/// **When a process is killed at any instruction:** within about 100 ms of the death of a process
/// that has this segment attached, all waiters wake up to check the condition again. So a
/// notification is not lost with the waiter that it reached, nor a change with a process that was
/// killed before it could notify; and a killed waiter hangs no other process. If a process dies
/// holding the mutex, the next guard's `recovered()` says so; that may be a waiter's guard.
///
/// Each waiter has a slot with a ticket, its owner and a futex; a notifier picks the earliest
/// ticket.
///
/// ```
/// use std::sync::atomic::Ordering::Relaxed;
///
/// use breezeway::sync::{Condvar, Mutex};
/// use breezeway::{Atomic, Segment};
///
/// let segment = Segment::new(1 << 16)?;
/// let mutex = segment.add::<Mutex>("mutex", ())?;
/// let condvar = segment.add::<Condvar>("condvar", ())?;
/// let ready = segment.add::<Atomic<bool>>("ready", false)?;
///
/// std::thread::scope(|scope| {
///     // Usually in another process.
///     scope.spawn(|| {
///         let guard = mutex.lock().unwrap();
///         ready.store(true, Relaxed);
///         drop(guard);
///         condvar.notify_one();
///     });
///     let guard = condvar.wait_while(mutex.lock()?, || !ready.load(Relaxed))?;
///     assert!(!guard.recovered());
///     Ok::<(), breezeway::CondvarError>(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "Condition")]
pub struct Condvar {
    state: SharedRef<CondvarState>,
    spin: AdaptiveSpin,
}

/// Whether a wait on a [`Condvar`] ended because its timeout elapsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Whether the timeout elapsed before a notification came.
    pub fn has_timed_out(&self) -> bool {
        self.0
    }
}

impl Condvar {
    /// Unlocks the mutex, waits to be notified, and locks the mutex again, both without a timeout.
    ///
    /// All levels of a [`ReentrantMutex`](super::ReentrantMutex) are unlocked and locked again. The
    /// new guard's `recovered()` says whether the mutex's last holder died meanwhile.
    ///
    /// # Errors
    /// The guard is dropped then. [`CondvarError::TooMany`] if 256 waiters wait already, including
    /// those killed in the last 100 ms; [`CondvarError::NotHeld`] in a forked child with its
    /// parent's guard; [`CondvarError::NotAttached`] in a forked child that cannot register as a
    /// participant; [`CondvarError::Corrupt`] if the condition variable is damaged;
    /// [`CondvarError::Lock`] if the mutex cannot be locked again.
    #[inline]
    pub fn wait<G: WaitGuard>(&self, guard: G) -> Result<G, CondvarError> {
        Ok(self.wait_within(guard, Wait::Forever)?.0)
    }

    /// Unlocks the mutex, waits to be notified no longer than `timeout` (on the monotonic clock),
    /// and locks the mutex again, for which it waits without a timeout.
    ///
    /// # Errors
    /// The errors of [`wait`](Self::wait). That the timeout elapsed is no error.
    #[inline]
    pub fn wait_timeout<G: WaitGuard>(
        &self,
        guard: G,
        timeout: Duration,
    ) -> Result<(G, WaitTimeoutResult), CondvarError> {
        self.wait_within(guard, Wait::Until(&Timeout::new(timeout)))
    }

    /// Waits while `condition` returns `true`. It is called with the mutex locked, before the first
    /// wait and after each.
    ///
    /// The guard's `recovered()` says whether a holder of the mutex died during the waits, unless
    /// the death report was delivered to another locker meanwhile.
    ///
    /// # Errors
    /// The errors of [`wait`](Self::wait).
    #[doc(alias = "wait_for")]
    pub fn wait_while<G: WaitGuard>(
        &self,
        guard: G,
        condition: impl FnMut() -> bool,
    ) -> Result<G, CondvarError> {
        Ok(self.wait_while_within(guard, Wait::Forever, condition)?.0)
    }

    /// Waits while `condition` returns `true`, no longer than `timeout` in all (on the monotonic
    /// clock). The result says whether the timeout elapsed with the condition still true.
    ///
    /// # Errors
    /// The errors of [`wait`](Self::wait).
    pub fn wait_timeout_while<G: WaitGuard>(
        &self,
        guard: G,
        timeout: Duration,
        condition: impl FnMut() -> bool,
    ) -> Result<(G, WaitTimeoutResult), CondvarError> {
        self.wait_while_within(guard, Wait::Until(&Timeout::new(timeout)), condition)
    }

    /// Notifies the waiter that has waited longest, if there is one. Returns the number of waiters
    /// notified, 0 or 1.
    ///
    /// The mutex need not be locked. Without waiters, this reads one cache line. A waiter that was
    /// killed less than 100 ms ago may still count.
    #[doc(alias = "notify")]
    #[doc(alias = "pthread_cond_signal")]
    #[inline]
    pub fn notify_one(&self) -> usize {
        self.notify_n(1)
    }

    /// Notifies the `count` waiters that have waited longest, or all if there are fewer. Returns
    /// the number of waiters notified.
    #[inline]
    pub fn notify_n(&self, count: usize) -> usize {
        self.state.notify(count)
    }

    /// Notifies all waiters. Returns the number of waiters notified.
    #[doc(alias = "pthread_cond_broadcast")]
    #[inline]
    pub fn notify_all(&self) -> usize {
        self.notify_n(usize::MAX)
    }

    fn wait_while_within<G: WaitGuard>(
        &self,
        mut guard: G,
        wait: Wait,
        mut condition: impl FnMut() -> bool,
    ) -> Result<(G, WaitTimeoutResult), CondvarError> {
        let is_known = guard.recovered();
        let mut is_over = false;
        while condition() {
            is_over = wait.has_timed_out();
            if is_over {
                break;
            }
            guard = self.wait_within(guard, wait)?.0;
            if guard.recovered() {
                // The report stays pending for the case that this process dies in a later wait: the
                // next locker then delivers it.
                guard.set_report();
            }
        }
        if is_known || guard.recovered() {
            guard.report_recovery();
        }
        Ok((guard, WaitTimeoutResult(is_over)))
    }

    fn wait_within<G: WaitGuard>(
        &self,
        guard: G,
        wait: Wait,
    ) -> Result<(G, WaitTimeoutResult), CondvarError> {
        if !guard.is_ours() {
            return Err(CondvarError::NotHeld);
        }
        let own_id = self.state.participant_id()?;
        let slot = self.state.enter(own_id).or_else(|| self.reap_and_enter(own_id));
        let slot = slot.ok_or(CondvarError::TooMany { limit: SLOTS })?;
        let unlocked = guard.unlock();
        let notified = self.wait_notified(slot, wait);
        let guard = G::lock(unlocked);
        // Not before the lock: if this process dies until here, its repair passes the notification
        // on.
        if notified == Ok(true) {
            self.state.release(slot);
        }
        Ok((guard?, WaitTimeoutResult(!notified?)))
    }

    /// Frees the slots of dead waiters, and tries again to get one.
    #[cold]
    fn reap_and_enter(&self, own_id: u32) -> Option<WaiterSlot> {
        // Now, whenever another process has looked last.
        let _ = self.segment().mapping().reap();
        self.state.enter(own_id)
    }

    /// Waits for a notification; `false` if the timeout elapsed without one.
    fn wait_notified(&self, slot: WaiterSlot, wait: Wait) -> Result<bool, CondvarError> {
        let state = &self.state;
        let try_once = || state.is_notified(slot).map(|notified| notified.then_some(())).transpose();
        let check_peers = || self.segment().mapping().reap_dead_peers();
        let point = WaitPoint {
            event: state.event(slot),
            stats: &state.unnotified,
            policy: WakePolicy::Single,
            spin: &self.spin,
        };
        match point.wait(wait, try_once, check_peers) {
            Ok(Ok(())) => Ok(true),
            Ok(Err(_)) => Err(CondvarError::Corrupt { what: "a waiter of a condition variable" }),
            // If the slot cannot be given up, a notification came after the last check.
            Err(_) => Ok(!state.give_up(slot)),
        }
    }
}

impl Object for Condvar {}

impl sealed::ObjectImpl for Condvar {
    type Plan = ();

    fn fingerprint() -> Fingerprint {
        Fingerprint::of::<()>(Kind::Condvar)
    }

    fn shape((): &()) -> Shape {
        Shape::ONE
    }

    fn length(shape: Shape) -> Option<u64> {
        (shape == Shape::ONE).then_some(size_of::<CondvarState>() as u64)
    }

    fn build((): &(), _: &Region) {
        // All zeros are a condition variable without waiters.
    }

    fn attach(region: Region) -> Result<Self, SegmentError> {
        Ok(Self { state: SharedRef::new(region), spin: AdaptiveSpin::default() })
    }

    fn region(&self) -> &Region {
        self.state.region()
    }
}

plain_object!(Condvar);
object_handle!([] Condvar);

impl Clone for Condvar {
    fn clone(&self) -> Self {
        Self { state: self.state.clone(), spin: AdaptiveSpin::default() }
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").field("segment", self.segment()).finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(Condvar: Send, Sync, Clone);
