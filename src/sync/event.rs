//! [`Event`]: a flag that processes wait for.

use core::fmt;
use std::time::Duration;

use crate::error::{EventError, SegmentError};
use crate::layout::fingerprint::{Fingerprint, Kind};
use crate::raw::adaptive_spin::AdaptiveSpin;
use crate::raw::event::{EventState, Unset};
use crate::raw::wait::{Timeout, Wait, WaitPoint, WakePolicy};
use crate::segment::object::{Object, Region, Shape, sealed};
use crate::segment::object_macros::{object_handle, plain_object};
use crate::segment::shared_ref::SharedRef;
use crate::sys::barrier;

/// A flag that processes wait for. A new one is not set.
///
/// From [`set`](Self::set) until [`clear`](Self::clear), no wait blocks. All waiters that wait when
/// the event is set return, even if it is cleared at once.
///
/// A waiter that returns sees what the setter did before `set`; so does a process that clears the
/// event. A worker that clears the event first and looks for work then misses none.
///
/// **When a process is killed at any instruction:** the event is set or it is not. A killed waiter
/// hangs no other process; a killed setter delays a waiter by at most 100 ms.
///
/// It is a word with a flag and a count of how often it was set, and a futex to park on. Windows's
/// manual-reset event and Python's `Event` make the same promises.
///
/// ```
/// use breezeway::sync::Event;
///
/// # let name = format!("breezeway-doc-event-{}", std::process::id());
/// # let name = name.as_str();
/// let stop = Event::create(name)?;
/// stop.set();
///
/// // Any number of other processes of this user:
/// let stop = Event::open(name)?;
/// stop.wait()?;
/// assert!(stop.is_set());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Event {
    state: SharedRef<EventState>,
    spin: AdaptiveSpin,
}

impl Event {
    /// Sets the event and wakes all waiters. Returns `false` if it was set already.
    #[doc(alias = "signal")]
    #[inline]
    pub fn set(&self) -> bool {
        self.state.set()
    }

    /// Clears the event: a wait that begins now blocks until the event is set again. Returns
    /// `false` if it was not set.
    #[doc(alias = "reset")]
    #[inline]
    pub fn clear(&self) -> bool {
        self.state.clear()
    }

    /// Whether the event is set.
    #[inline]
    pub fn is_set(&self) -> bool {
        self.state.is_set()
    }

    /// Waits until the event is set, without a timeout. Returns at once if it is set.
    ///
    /// # Errors
    /// [`EventError::NotAttached`] in a forked child that cannot register as a participant.
    #[inline]
    pub fn wait(&self) -> Result<(), EventError> {
        self.wait_within(Wait::Forever)
    }

    /// Checks that the event is set, as [`wait`](Self::wait) does, without waiting.
    ///
    /// # Errors
    /// [`EventError::WouldBlock`] if the event is not set.
    #[inline]
    pub fn try_wait(&self) -> Result<(), EventError> {
        self.wait_within(Wait::NonBlocking)
    }

    /// Waits until the event is set, no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// [`EventError::Timeout`] if the event is not set until the timeout elapses, and the errors of
    /// [`wait`](Self::wait).
    #[inline]
    pub fn wait_timeout(&self, timeout: Duration) -> Result<(), EventError> {
        self.wait_within(Wait::Until(&Timeout::new(timeout)))
    }

    #[inline(always)]
    fn wait_within(&self, wait: Wait) -> Result<(), EventError> {
        match self.state.begin_wait() {
            None => Ok(()),
            Some(unset) => self.wait_on(unset, wait),
        }
    }

    /// Begins to wait; `None` if the event is set.
    #[cfg(feature = "async")]
    pub(super) fn begin(&self) -> Option<Unset> {
        self.state.begin_wait()
    }

    #[cold]
    pub(super) fn wait_on(&self, unset: Unset, wait: Wait) -> Result<(), EventError> {
        if matches!(wait, Wait::NonBlocking) {
            return Err(EventError::WouldBlock);
        }
        // A waiter counts as a user of the segment.
        self.state.participant_id()?;
        let try_once = || self.state.was_set_since(unset).then_some(());
        let check_peers = || self.segment().mapping().reap_dead_peers();
        let point = WaitPoint {
            event: &self.state.sets,
            stats: &self.state.unset,
            policy: WakePolicy::All,
            spin: &self.spin,
        };
        Ok(point.wait(wait, try_once, check_peers)?)
    }
}

impl Object for Event {}

impl sealed::ObjectImpl for Event {
    type Plan = ();

    fn fingerprint() -> Fingerprint {
        Fingerprint::of::<()>(Kind::Event)
    }

    fn shape((): &()) -> Shape {
        Shape::ONE
    }

    fn length(shape: Shape) -> Option<u64> {
        (shape == Shape::ONE).then_some(size_of::<EventState>() as u64)
    }

    fn build((): &(), _: &Region) {
        // All zeros are an event that is not set.
    }

    fn attach(region: Region) -> Result<Self, SegmentError> {
        barrier::register();
        Ok(Self { state: SharedRef::new(region), spin: AdaptiveSpin::default() })
    }

    fn region(&self) -> &Region {
        self.state.region()
    }
}

plain_object!(Event);
object_handle!([] Event);

impl Clone for Event {
    fn clone(&self) -> Self {
        Self { state: self.state.clone(), spin: AdaptiveSpin::default() }
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("segment", self.segment())
            .field("is_set", &self.is_set())
            .finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(Event: Send, Sync, Clone);
