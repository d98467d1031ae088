//! [`Barrier`]: parties that wait until all of them are there.

use core::fmt;
use std::time::Duration;

use crate::error::{BarrierError, SegmentError};
use crate::layout::fingerprint::{Fingerprint, Kind};
use crate::raw::barrier::{self, ArriveError, Arrived, BarrierOutcome, BarrierState, MAX_PARTIES};
use crate::raw::wait::{AdaptiveSpin, Wait, WakePolicy, wait_for};
use crate::segment::object::{Initial, Object, Region, Shape, sealed};
use crate::segment::object_macros::{object_handle, single_object};
use crate::sys;
use crate::sys::fork;

/// A point at which a number of parties, in any processes, wait until all of them are there; then all go on, and it can be used
/// again.
///
/// It is made for a number of parties, 1 to 1024. A party is one thread that calls [`wait`](Self::wait), in any process; all that it
/// did before is seen by all others behind the barrier. Where more come than there are parties, those who are too many wait for the
/// next time.
///
/// The barrier *breaks* when it cannot be passed any more: a party was killed, or its time was up, or the action panicked, or
/// somebody called [`abort`](Self::abort). Then all who wait, and all who come, get [`BarrierError::Broken`] until somebody calls
/// [`reset`](Self::reset).
///
/// **When a process is killed at any instruction:** the barrier breaks for all, instead of waiting for the dead, within about
/// 100 ms: if the dead one had arrived, and also if it was there when the barrier was passed last, since it would have come again. (If
/// it had let the others pass already, they have passed, and the next time is broken.) Who is killed before it ever came
/// is unknown to the barrier: who cannot be sure of all parties takes [`wait_timeout`](Self::wait_timeout). Who drops its handles
/// and ends is none of the parties any more, and breaks nothing.
///
/// A number of the generation, one slot for each arrival that names the process, and a futex, after CPython's
/// `threading.Barrier`, which knows of no deaths. An arrival is one compare-and-swap, and so is a pass.
///
/// ```
/// use breezeway::sync::Barrier;
///
/// # let name = format!("breezeway-doc-barrier-{}", std::process::id());
/// # let name = name.as_str();
/// let barrier = Barrier::create(name, 2)?;
///
/// // The other party, mostly a process of its own:
/// let other = Barrier::open(name)?;
/// let other = std::thread::spawn(move || other.wait().map(|result| result.index()));
///
/// let index = barrier.wait()?.index();
/// assert_eq!(index + other.join().unwrap()?, 0 + 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Barrier {
    spin: AdaptiveSpin,
    region: Region,
}

/// How a party has passed a [`Barrier`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarrierWaitResult {
    index: usize,
    is_leader: bool,
}

impl BarrierWaitResult {
    /// Its number among the parties that passed together, in range `0..parties`: in the order in which they arrived.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Whether it was the last to arrive: so for one of the parties.
    pub fn is_leader(&self) -> bool {
        self.is_leader
    }
}

/// How far somebody has come.
enum Arrival {
    Passed(Arrived),
    /// It was the last, and has not let anybody pass yet.
    Last(Arrived),
}

const BROKEN: BarrierError = BarrierError::Broken;

impl Barrier {
    /// Waits until all parties are there, as long as it takes.
    ///
    /// # Errors
    /// [`BarrierError::Broken`] if the barrier is broken, or breaks while this waits;
    /// [`BarrierError::NotAttached`] in a forked child that cannot register as a participant;
    /// [`BarrierError::Corrupt`] if the segment is damaged.
    pub fn wait(&self) -> Result<BarrierWaitResult, BarrierError> {
        self.wait_within(Wait::Forever, || ())
    }

    /// The same. The last one to arrive does something, before anybody passes: each party brings its own action, of which one is
    /// called.
    ///
    /// # Errors
    /// The errors of [`wait`](Self::wait).
    ///
    /// # Panics
    /// Where the action does. That breaks the barrier.
    #[doc(alias = "action")]
    pub fn wait_with(&self, action: impl FnOnce()) -> Result<BarrierWaitResult, BarrierError> {
        self.wait_within(Wait::Forever, action)
    }

    /// Waits until all parties are there, no longer than `timeout` (on the monotonic clock). If they are not there by then, that
    /// breaks the barrier for all.
    ///
    /// # Errors
    /// [`BarrierError::Timeout`] if another party is missing when the timeout elapses, and the
    /// errors of [`wait`](Self::wait).
    pub fn wait_timeout(&self, timeout: Duration) -> Result<BarrierWaitResult, BarrierError> {
        self.wait_within(Wait::Timeout(timeout), || ())
    }

    /// The same with an action of the last one, as for [`wait_with`](Self::wait_with). The time that the action takes is not counted
    /// for who calls it; the others may give up meanwhile.
    ///
    /// # Errors
    /// The errors of [`wait_timeout`](Self::wait_timeout).
    ///
    /// # Panics
    /// Where the action does. That breaks the barrier.
    pub fn wait_timeout_with(
        &self,
        timeout: Duration,
        action: impl FnOnce(),
    ) -> Result<BarrierWaitResult, BarrierError> {
        self.wait_within(Wait::Timeout(timeout), action)
    }

    /// Passes if all others wait already, and lets them pass. Otherwise it has not arrived, and nothing is broken.
    ///
    /// # Errors
    /// [`BarrierError::WouldBlock`] if another party is missing, and the errors of
    /// [`wait`](Self::wait).
    pub fn try_wait(&self) -> Result<BarrierWaitResult, BarrierError> {
        let own_id = self.participant_id()?;
        match self.barrier().arrive_last(own_id) {
            Ok(arrived) => self.finish_as_last(arrived, || ()),
            Err(ArriveError::Full | ArriveError::WouldWait) => {
                // Who asks again and again waits, too, and perhaps for the dead.
                self.reap_dead();
                Err(if self.is_broken() { BROKEN } else { BarrierError::WouldBlock })
            }
            Err(refusal) => Err(error_of(refusal)),
        }
    }

    /// Breaks the barrier: who waits and who comes gets `Broken`, until it is reset.
    pub fn abort(&self) {
        self.barrier().abort();
    }

    /// Makes the barrier as good as new. Who waits at it now gets `Broken`.
    pub fn reset(&self) {
        self.barrier().reset();
    }

    /// Whether it is broken.
    #[doc(alias = "broken")]
    pub fn is_broken(&self) -> bool {
        self.barrier().is_broken()
    }

    /// How many it takes to pass.
    pub fn parties(&self) -> usize {
        self.region.shape().count as usize
    }

    /// How many have arrived and wait for the others right now.
    #[doc(alias = "n_waiting")]
    pub fn waiting(&self) -> usize {
        self.barrier().waiting()
    }

    fn state(&self) -> &BarrierState {
        self.region.state()
    }

    fn barrier(&self) -> barrier::RawBarrier<'_> {
        barrier::RawBarrier::new(self.state(), self.region.words_from(size_of::<BarrierState>() as u64))
    }

    fn participant_id(&self) -> Result<u32, BarrierError> {
        Ok(self.region.segment().mapping().attached()?)
    }

    fn reap_dead(&self) {
        self.region.segment().mapping().reap_dead_peers();
    }

    fn wait_within(&self, wait: Wait, action: impl FnOnce()) -> Result<BarrierWaitResult, BarrierError> {
        let (own_id, barrier) = (self.participant_id()?, self.barrier());
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
        // Whoever wakes anybody wakes all: nothing is to be passed on.
        let event = (&self.state().event, &self.state().early);
        let arrival = wait_for(event, WakePolicy::Single, wait, &self.spin, try_once, || self.reap_dead());
        match (arrival, arrived) {
            (Some(Ok(Arrival::Passed(arrived))), _) => Ok(self.result(arrived)),
            (Some(Ok(Arrival::Last(arrived))), _) => self.finish_as_last(arrived, action),
            (Some(Err(error)), _) => Err(error),
            (None, Some(arrived)) => match barrier.give_up(arrived) {
                Ok(()) => Err(BarrierError::Timeout),
                Err(BarrierOutcome::Passed) => Ok(self.result(arrived)),
                Err(BarrierOutcome::Broken) => Err(BROKEN),
            },
            // Too many came, and the others' affairs are not this one's.
            (None, None) => Err(BarrierError::Timeout),
        }
    }

    /// What the last one does.
    fn finish_as_last(
        &self,
        arrived: Arrived,
        action: impl FnOnce(),
    ) -> Result<BarrierWaitResult, BarrierError> {
        let barrier = self.barrier();
        if barrier.outcome(arrived).is_some() {
            return Err(BROKEN);
        }
        let unfinished = UnfinishedAction { barrier, arrived, generation: fork::generation() };
        action();
        if unfinished.is_forked_copy() {
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

/// The last one is at its action. Dropped, which is when that panics, it breaks the barrier.
struct UnfinishedAction<'a> {
    barrier: barrier::RawBarrier<'a>,
    arrived: Arrived,
    /// The fork generation of the process that has arrived.
    generation: u32,
}

impl UnfinishedAction<'_> {
    fn is_forked_copy(&self) -> bool {
        self.generation != fork::generation()
    }
}

impl Drop for UnfinishedAction<'_> {
    fn drop(&mut self) {
        // A child that was forked in the action is none of the parties.
        if !self.is_forked_copy() {
            // Where it is broken or was reset, there is nothing left to do.
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
        match barrier::length(*parties as u64) {
            Some(_) => Ok(()),
            None => Err(SegmentError::InvalidOption { option: "parties", allowed: PARTIES }),
        }
    }

    fn shape(parties: &usize) -> Shape {
        Shape { count: *parties as u64, aux: 0 }
    }

    fn length(shape: Shape) -> Option<u64> {
        (shape.aux == 0).then(|| barrier::length(shape.count)).flatten()
    }

    fn build(_: &usize, _: &Region) {
        // All zeros is a new barrier.
    }

    fn attach(region: Region) -> Result<Self, SegmentError> {
        sys::barrier::register();
        Ok(Self { spin: AdaptiveSpin::default(), region })
    }

    fn region(&self) -> &Region {
        &self.region
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
        Self { spin: AdaptiveSpin::default(), region: self.region.clone() }
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("Barrier");
        fields.field("parties", &self.parties()).field("segment", self.segment()).finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(Barrier: Send, Sync, Clone);
