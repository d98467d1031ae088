//! [`Condvar`]: waiting, with a mutex, for something to become true.

mod guard;

use core::fmt;
use std::time::{Duration, Instant};

use crate::error::{CondvarError, SegmentError};
use crate::layout::fingerprint::{Fingerprint, Kind};
use crate::raw::condvar::{CondvarState, SLOTS, WaiterSlot};
use crate::raw::wait::{AdaptiveSpin, Wait, WakePolicy, wait_for};
use crate::segment::object::{Object, Region, Shape, sealed};
use crate::segment::object_macros::{object_handle, plain_object};

pub use guard::WaitGuard;

/// A condition variable between processes: waiting, with a mutex, for something to become true.
///
/// A waiter gives its [`Mutex`](super::Mutex) or [`ReentrantMutex`](super::ReentrantMutex) back, sleeps until somebody notifies it, and
/// takes the mutex again. The mutex may lie in another segment. Who waits holds the mutex and has found the condition false; who
/// makes it true does so with the mutex locked, and then notifies. The lock may be given back before, but a change that was made
/// without it can fall between a waiter's look and its sleep, and the waiter then misses it. A notification that finds nobody waiting
/// is over: it is not kept for later.
///
/// Waiters are notified in the order in which they came, up to 256 at a time; there is no try form, since waiting is all it is
/// for. A wait may end without cause, so look at the condition in a loop, as [`wait_while`](Self::wait_while) does.
///
/// Where the waiter may run on the same CPU, notify after giving the mutex back: two that take turns are then about as fast as with
/// bare futexes. One that wakes up to a locked mutex has to wait again, and a turn takes 1.6 times as long.
///
/// **When a process is killed at any instruction:** within about 100 ms of the death of any that has this segment attached, everybody
/// who waits wakes up to look at the condition again. So a notification is not lost with the one that it reached, nor a change with the one that was killed before it could notify; and
/// a killed waiter hangs nobody. Who dies with the mutex in its hands is told of by the next guard's `recovered()`, that of a waiter
/// included.
///
/// A slot for each waiter with a ticket, its owner and a futex, of which a notifier takes the one with the earliest ticket.
///
/// ```
/// use std::sync::atomic::Ordering::Relaxed;
///
/// use breezeway::sync::{Condvar, Mutex};
/// use breezeway::{Atomic, Segment};
///
/// let segment = Segment::new(1 << 16)?;
/// let (mutex, condvar) = (segment.add::<Mutex>("mutex", ())?, segment.add::<Condvar>("condvar", ())?);
/// let ready = segment.add::<Atomic<bool>>("ready", false)?;
///
/// std::thread::scope(|scope| {
///     // Mostly, another process.
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
    region: Region,
    spin: AdaptiveSpin,
}

/// Whether a wait ended because its time was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// `true` where the time was over before a notification came.
    pub fn has_timed_out(&self) -> bool {
        self.0
    }
}

impl Condvar {
    /// Gives the mutex back, waits to be notified, and locks the mutex again, waiting for both as long as it takes.
    ///
    /// All levels of a [`ReentrantMutex`](super::ReentrantMutex) are given back and taken again. The new guard's `recovered()` says
    /// whether the mutex's last holder died meanwhile.
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

    /// The same, but waits to be notified no longer than `timeout` (on the monotonic clock). For the mutex, it waits as long as it
    /// takes.
    ///
    /// # Errors
    /// The errors of [`wait`](Self::wait). That the timeout elapsed is none.
    #[inline]
    pub fn wait_timeout<G: WaitGuard>(
        &self,
        guard: G,
        timeout: Duration,
    ) -> Result<(G, WaitTimeoutResult), CondvarError> {
        self.wait_within(guard, Wait::Timeout(timeout))
    }

    /// Waits while the condition is true; it is looked at with the mutex locked, before the first wait too.
    ///
    /// The guard's `recovered()` says whether a holder of the mutex died while this waited, unless another locker was told of it
    /// meanwhile.
    ///
    /// # Errors
    /// The errors of [`wait`](Self::wait).
    #[doc(alias = "wait_for")]
    pub fn wait_while<G: WaitGuard>(
        &self,
        guard: G,
        condition: impl FnMut() -> bool,
    ) -> Result<G, CondvarError> {
        Ok(self.wait_while_until(guard, None, condition)?.0)
    }

    /// The same, but waits no longer than `timeout` in all. The result tells that the time was over and the condition still true.
    ///
    /// # Errors
    /// The errors of [`wait`](Self::wait).
    pub fn wait_timeout_while<G: WaitGuard>(
        &self,
        guard: G,
        timeout: Duration,
        condition: impl FnMut() -> bool,
    ) -> Result<(G, WaitTimeoutResult), CondvarError> {
        // A time that cannot be told never comes.
        self.wait_while_until(guard, Instant::now().checked_add(timeout), condition)
    }

    /// Notifies the one who has waited longest, if anybody waits, and says how many that were.
    ///
    /// The mutex need not be locked. Where nobody waits, this is a look at one line. A waiter that was killed less than 100 ms ago may
    /// still count.
    #[doc(alias = "notify")]
    #[inline]
    pub fn notify_one(&self) -> usize {
        self.notify_n(1)
    }

    /// Notifies the `count` who have waited longest, or as many as there are, and says how many they were.
    #[inline]
    pub fn notify_n(&self, count: usize) -> usize {
        self.state().notify(count)
    }

    /// Notifies everybody who waits, and says how many they were.
    #[inline]
    pub fn notify_all(&self) -> usize {
        self.notify_n(usize::MAX)
    }

    fn wait_while_until<G: WaitGuard>(
        &self,
        mut guard: G,
        end: Option<Instant>,
        mut condition: impl FnMut() -> bool,
    ) -> Result<(G, WaitTimeoutResult), CondvarError> {
        let is_known = guard.recovered();
        let mut is_over = false;
        while condition() {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            is_over = left.is_some_and(|left| left.is_zero());
            if is_over {
                break;
            }
            guard = self.wait_within(guard, left.map_or(Wait::Forever, Wait::Timeout))?.0;
            if guard.recovered() {
                // The caller is told in the end, or who locks the mutex before that is: also where this comes to no end.
                guard.set_death_pending();
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
        let own_id = self.region.segment().mapping().attached()?;
        let slot = self.state().enter(own_id).or_else(|| self.reap_and_enter(own_id));
        let slot = slot.ok_or(CondvarError::TooMany { limit: SLOTS })?;
        let unlocked = guard.unlock();
        let notified = self.wait_notified(slot, wait);
        let guard = G::lock(unlocked);
        // Not before: until here, a death passes the notification on.
        if notified == Ok(true) {
            self.state().release(slot);
        }
        Ok((guard?, WaitTimeoutResult(!notified?)))
    }

    /// Another attempt to find room: some of those who have it may be dead.
    #[cold]
    fn reap_and_enter(&self, own_id: u32) -> Option<WaiterSlot> {
        self.region.segment().mapping().reap_dead_peers();
        self.state().enter(own_id)
    }

    /// Whether a notification came.
    fn wait_notified(&self, slot: WaiterSlot, wait: Wait) -> Result<bool, CondvarError> {
        let state = self.state();
        let try_once = || state.is_notified(slot).map(|notified| notified.then_some(())).transpose();
        let check_peers = || self.region.segment().mapping().reap_dead_peers();
        let event = (state.event(slot), &state.unnotified);
        match wait_for(event, WakePolicy::Single, wait, &self.spin, try_once, check_peers) {
            Some(Ok(())) => Ok(true),
            Some(Err(_)) => Err(CondvarError::Corrupt { what: "a waiter of a condition variable" }),
            // At the last moment, one may have come after all.
            None => Ok(!state.give_up(slot)),
        }
    }

    fn state(&self) -> &CondvarState {
        self.region.state()
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
        // Zeros are a new one.
    }

    fn attach(region: Region) -> Result<Self, SegmentError> {
        Ok(Self { region, spin: AdaptiveSpin::default() })
    }

    fn region(&self) -> &Region {
        &self.region
    }
}

plain_object!(Condvar);
object_handle!([] Condvar);

impl Clone for Condvar {
    fn clone(&self) -> Self {
        Self { region: self.region.clone(), spin: AdaptiveSpin::default() }
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").field("segment", self.segment()).finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(Condvar: Send, Sync, Clone);
