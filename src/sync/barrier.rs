//! [`Barrier`]: a number of parties that wait for each other.

use core::fmt;
use std::time::Duration;

use crate::error::{BarrierError, SegmentError};
use crate::layout::fingerprint::{Fingerprint, Kind};
use crate::raw::adaptive_spin::AdaptiveSpin;
use crate::raw::barrier::{
    ArriveError, Arrived, BarrierOutcome, BarrierState, MAX_PARTIES, RawBarrier, length,
};
use crate::raw::wait::{Timeout, Wait, WaitPoint, WakePolicy};
use crate::segment::object::{Initial, Object, Region, Shape, sealed};
use crate::segment::object_macros::{object_handle, single_object};
use crate::segment::shared_ref::SharedRef;
use crate::sys;
use crate::sys::fork::ForkGeneration;

/// A point at which a number of parties, in any processes, wait for each other. Once all have
/// arrived, all go on, and the barrier can be passed again.
///
/// It is made for a number of parties, 1 to 1024. A party is one thread that calls
/// [`wait`](Self::wait), in any process. After the barrier, each party sees what the others did
/// before it. If more threads arrive than there are parties, those beyond wait for the next pass.
///
/// The barrier *breaks* when it cannot be passed any more: a party was killed, a party's timeout
/// elapsed, the action panicked, or a process called [`abort`](Self::abort). All parties that wait
/// then, and all that arrive later, get [`BarrierError::Broken`] until a process calls
/// [`reset`](Self::reset).
///
/// **When a process is killed at any instruction:** the barrier breaks for all parties within about
/// 100 ms, instead of waiting for the dead one, if the dead party had arrived, or if it was at the
/// last pass, since it would have arrived again. (If it was the last to arrive and had let the
/// others pass already, they have passed, and the next pass is broken.) A process that is killed
/// before its first arrival is unknown to the barrier: use [`wait_timeout`](Self::wait_timeout) if
/// a party may never arrive. A process that drops its handles and ends is no party any more, and
/// breaks nothing.
///
/// It is a generation number, one slot for each arrival that records its process, and a futex,
/// after CPython's `threading.Barrier`, which does not handle deaths. An arrival is one
/// compare-and-swap, and so is a pass.
///
/// ```
/// use breezeway::sync::Barrier;
///
/// # let name = format!("breezeway-doc-barrier-{}", std::process::id());
/// # let name = name.as_str();
/// let barrier = Barrier::create(name, 2)?;
///
/// // The other party, usually in another process:
/// let other = Barrier::open(name)?;
/// let other = std::thread::spawn(move || other.wait().map(|result| result.index()));
///
/// let index = barrier.wait()?.index();
/// assert_eq!(index + other.join().unwrap()?, 0 + 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Barrier {
    /// The state, and the slots.
    state: SharedRef<BarrierState>,
    spin: AdaptiveSpin,
}

/// A party's place in one pass of a [`Barrier`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarrierWaitResult {
    index: usize,
    is_leader: bool,
}

impl BarrierWaitResult {
    /// The party's number, in `0..parties`, in the order of arrival.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Whether the party was the last to arrive. One party of each pass is.
    pub fn is_leader(&self) -> bool {
        self.is_leader
    }
}

/// What a party's wait ended with.
enum Arrival {
    Passed(Arrived),
    /// The party is the last to arrive, and has not let the others pass yet.
    Last(Arrived),
}

const BROKEN: BarrierError = BarrierError::Broken;

impl Barrier {
    /// Waits until all parties have arrived, without a timeout.
    ///
    /// # Errors
    /// [`BarrierError::Broken`] if the barrier is broken, or breaks while this waits;
    /// [`BarrierError::NotAttached`] in a forked child that cannot register as a participant;
    /// [`BarrierError::Corrupt`] if the segment is damaged.
    pub fn wait(&self) -> Result<BarrierWaitResult, BarrierError> {
        self.wait_within(Wait::Forever, || ())
    }

    /// Waits until all parties have arrived; if this party is the last, calls `action` before any
    /// party passes.
    ///
    /// Each party brings an action of its own, and one of them is called. The barrier breaks if the
    /// action panics.
    ///
    /// # Errors
    /// The errors of [`wait`](Self::wait), and [`BarrierError::NotAttached`] in a child that was
    /// forked inside `action`.
    ///
    /// # Panics
    /// If `action` panics.
    #[doc(alias = "action")]
    pub fn wait_with(&self, action: impl FnOnce()) -> Result<BarrierWaitResult, BarrierError> {
        self.wait_within(Wait::Forever, action)
    }

    /// Waits until all parties have arrived, no longer than `timeout` (on the monotonic clock). If
    /// a party is missing then, the barrier breaks for all.
    ///
    /// # Errors
    /// [`BarrierError::Timeout`] if another party is missing when the timeout elapses, and the
    /// errors of [`wait`](Self::wait).
    pub fn wait_timeout(&self, timeout: Duration) -> Result<BarrierWaitResult, BarrierError> {
        self.wait_within(Wait::Until(&Timeout::new(timeout)), || ())
    }

    /// Waits as [`wait_timeout`](Self::wait_timeout) does; if this party is the last, calls
    /// `action` before any party passes, as [`wait_with`](Self::wait_with) does.
    ///
    /// The time that the action takes does not count towards its caller's timeout; the timeouts of
    /// the others go on meanwhile.
    ///
    /// # Errors
    /// The errors of [`wait_timeout`](Self::wait_timeout), and [`BarrierError::NotAttached`] in a
    /// child that was forked inside `action`.
    ///
    /// # Panics
    /// If `action` panics.
    pub fn wait_timeout_with(
        &self,
        timeout: Duration,
        action: impl FnOnce(),
    ) -> Result<BarrierWaitResult, BarrierError> {
        self.wait_within(Wait::Until(&Timeout::new(timeout)), action)
    }

    /// Passes, and lets the others pass, if all of them wait already, without waiting. Otherwise
    /// this party has not arrived, and the barrier is not broken.
    ///
    /// # Errors
    /// [`BarrierError::WouldBlock`] if another party is missing, and the errors of
    /// [`wait`](Self::wait).
    pub fn try_wait(&self) -> Result<BarrierWaitResult, BarrierError> {
        let own_id = self.state.participant_id()?;
        match self.barrier().arrive_last(own_id) {
            Ok(arrived) => self.finish_as_last(arrived, || ()),
            Err(ArriveError::Full | ArriveError::WouldWait) => {
                // A caller that tries again and again may do so for a dead party.
                self.reap_dead();
                Err(if self.is_broken() { BROKEN } else { BarrierError::WouldBlock })
            }
            Err(refusal) => Err(error_of(refusal)),
        }
    }

    /// Breaks the barrier: each party that waits or arrives gets [`BarrierError::Broken`], until
    /// the barrier is [reset](Self::reset).
    pub fn abort(&self) {
        self.barrier().abort();
    }

    /// Returns the barrier to its initial state. A party that waits at it now gets
    /// [`BarrierError::Broken`].
    pub fn reset(&self) {
        self.barrier().reset();
    }

    /// Whether the barrier is broken.
    #[doc(alias = "broken")]
    pub fn is_broken(&self) -> bool {
        self.barrier().is_broken()
    }

    /// The number of parties that the barrier is made for.
    pub fn parties(&self) -> usize {
        self.state.region().shape().count as usize
    }

    /// The number of parties that have arrived and wait for the others now.
    #[doc(alias = "n_waiting")]
    pub fn waiting(&self) -> usize {
        self.barrier().waiting()
    }

    fn barrier(&self) -> RawBarrier<'_> {
        RawBarrier::new(&self.state, self.state.body())
    }

    fn reap_dead(&self) {
        self.segment().mapping().reap_dead_peers();
    }

    fn wait_within(&self, wait: Wait, action: impl FnOnce()) -> Result<BarrierWaitResult, BarrierError> {
        let (own_id, barrier) = (self.state.participant_id()?, self.barrier());
        let mut arrived = None;
        let try_once = || {
            let Some(arrived) = arrived else {
                return match barrier.arrive(own_id) {
                    Ok(last) if barrier.is_last(last) => Some(Ok(Arrival::Last(last))),
                    Ok(one) => {
                        arrived = Some(one);
                        arrival_of(barrier.outcome(one)?, one)
                    }
                    Err(ArriveError::Full | ArriveError::WouldWait) => None,
                    Err(refusal) => Some(Err(error_of(refusal))),
                };
            };
            arrival_of(barrier.outcome(arrived)?, arrived)
        };
        // A notifier of this event wakes all waiters, so a waiter has no wake-up to forward.
        let point = WaitPoint {
            event: &self.state.event,
            stats: &self.state.early,
            policy: WakePolicy::Single,
            spin: &self.spin,
        };
        let arrival = point.wait(wait, try_once, || self.reap_dead());
        match (arrival, arrived) {
            (Ok(Ok(Arrival::Passed(arrived))), _) => Ok(self.result(arrived)),
            (Ok(Ok(Arrival::Last(arrived))), _) => self.finish_as_last(arrived, action),
            (Ok(Err(error)), _) => Err(error),
            (Err(unready), Some(arrived)) => match barrier.give_up(arrived) {
                Ok(()) => Err(unready.into()),
                Err(BarrierOutcome::Passed) => Ok(self.result(arrived)),
                Err(BarrierOutcome::Broken) => Err(BROKEN),
            },
            // More threads came than there are parties: this one has no place, and so breaks
            // nothing.
            (Err(unready), None) => Err(unready.into()),
        }
    }

    /// Calls the action as the last party to arrive, then lets the others pass.
    fn finish_as_last(
        &self,
        arrived: Arrived,
        action: impl FnOnce(),
    ) -> Result<BarrierWaitResult, BarrierError> {
        let barrier = self.barrier();
        // The barrier may have broken since the arrival; then no action is due.
        if barrier.outcome(arrived).is_some() {
            return Err(BROKEN);
        }
        let unfinished = UnfinishedAction { barrier, arrived, generation: ForkGeneration::current() };
        action();
        // The action may have forked, and the child has not arrived.
        if !unfinished.generation.is_current() {
            return Err(BarrierError::NotAttached);
        }
        core::mem::forget(unfinished);
        match barrier.pass(arrived) {
            BarrierOutcome::Passed => Ok(self.result(arrived)),
            BarrierOutcome::Broken => Err(BROKEN),
        }
    }

    fn result(&self, arrived: Arrived) -> BarrierWaitResult {
        BarrierWaitResult { index: arrived.index, is_leader: self.barrier().is_last(arrived) }
    }
}

fn arrival_of(outcome: BarrierOutcome, arrived: Arrived) -> Option<Result<Arrival, BarrierError>> {
    Some(match outcome {
        BarrierOutcome::Passed => Ok(Arrival::Passed(arrived)),
        BarrierOutcome::Broken => Err(BROKEN),
    })
}

fn error_of(refusal: ArriveError) -> BarrierError {
    match refusal {
        ArriveError::Broken => BROKEN,
        ArriveError::Full | ArriveError::WouldWait => BarrierError::WouldBlock,
        ArriveError::Corrupt => BarrierError::Corrupt { what: "the slots of a barrier" },
    }
}

/// The last party's action, while it runs. Dropping this, which happens if the action panics,
/// breaks the barrier.
struct UnfinishedAction<'a> {
    barrier: RawBarrier<'a>,
    arrived: Arrived,
    generation: ForkGeneration,
}

impl Drop for UnfinishedAction<'_> {
    fn drop(&mut self) {
        // A child that was forked in the action is no party.
        if self.generation.is_current() {
            // Fails if the barrier is broken already, or was reset: both are what a break is for.
            let _ = self.barrier.give_up(self.arrived);
        }
    }
}

impl Object for Barrier {}

impl sealed::ObjectImpl for Barrier {
    type Plan = usize;

    fn fingerprint() -> Fingerprint {
        Fingerprint::of::<()>(Kind::Barrier)
    }

    fn check(parties: &usize) -> Result<(), SegmentError> {
        match length(*parties as u64) {
            Some(_) => Ok(()),
            None => Err(SegmentError::InvalidOption { option: "parties", allowed: PARTIES }),
        }
    }

    fn shape(parties: &usize) -> Shape {
        Shape { count: *parties as u64, aux: 0 }
    }

    fn length(shape: Shape) -> Option<u64> {
        (shape.aux == 0).then(|| length(shape.count)).flatten()
    }

    fn build(_: &usize, _: &Region) {
        // All zeros are a new barrier.
    }

    fn attach(region: Region) -> Result<Self, SegmentError> {
        sys::barrier::register();
        Ok(Self { state: SharedRef::new(region), spin: AdaptiveSpin::default() })
    }

    fn region(&self) -> &Region {
        self.state.region()
    }
}

const PARTIES: &str = "1 to 1024";
const _: () = assert!(MAX_PARTIES == 1024, "as `PARTIES` says");

impl Initial<Barrier> for usize {}

impl sealed::IntoPlan<Barrier> for usize {
    fn plan(self) -> usize {
        self
    }
}

single_object!([] Barrier);
object_handle!([] Barrier);

impl Clone for Barrier {
    fn clone(&self) -> Self {
        Self { state: self.state.clone(), spin: AdaptiveSpin::default() }
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("Barrier");
        fields.field("parties", &self.parties()).field("segment", self.segment()).finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(Barrier: Send, Sync, Clone);
