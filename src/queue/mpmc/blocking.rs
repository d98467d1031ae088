//! From one attempt at the ring to an operation: it waits, repairs after dead peers, and ends on a
//! closed queue.

use core::cell::Cell;
use std::time::Duration;

use super::Queue;
use crate::error::Stop;
use crate::primitive::{Ordering, spin_loop};
use crate::queue::held_leases::held_by_caller;
use crate::raw::adaptive_spin::AdaptiveSpin;
use crate::raw::event_count::WAKE_ALL;
use crate::raw::mpmc::{BusySlot, LeasedSlot, MpmcAttempt};
use crate::raw::wait::{Wait, WaitPoint, WakePolicy};
use crate::shareable::{self, Shareable};
use crate::sys::barrier;

/// Looks at a slot that another participant is at work in, between two system calls that ask
/// whether it is alive.
const TRIES_PER_REPAIR: u32 = 64;

const CORRUPT: Stop = Stop::Corrupt("the slots of a queue");

/// Why an attempt failed.
enum TryError {
    /// The ring is full, or empty.
    WouldBlock,
    /// Another participant is at work in the next slot.
    Blocked(BusySlot),
    /// No later attempt will succeed.
    Stopped(Stop),
}

impl From<Stop> for TryError {
    fn from(stop: Stop) -> Self {
        Self::Stopped(stop)
    }
}

impl TryError {
    #[inline(always)]
    fn of(attempt: MpmcAttempt) -> Self {
        match attempt {
            MpmcAttempt::WouldBlock => Self::WouldBlock,
            MpmcAttempt::Behind(busy) => Self::Blocked(busy),
            MpmcAttempt::Done | MpmcAttempt::Corrupt => Self::Stopped(CORRUPT),
        }
    }
}

impl<T> Queue<T> {
    /// Wakes the consumers of a closed queue: they wait only for values that may be given back, and
    /// look again when there is one less.
    #[inline(always)]
    pub(super) fn wake_drain_waiters(&self) {
        if self.ring().is_closed() {
            self.state.items.notify(WAKE_ALL);
        }
    }

    /// What a consumer does after it has taken a value. On a queue that is open and whose values
    /// are only popped, that is one load.
    #[inline(always)]
    fn after_taking(&self) {
        if self.ring().flags().needs_care() {
            self.wake_and_reap();
        }
    }

    /// Wakes the waiters of a closed queue, and looks for dead participants if values are leased
    /// here and it is time: no consumer of a queue that is never empty parks, and what the dead
    /// have leased must come back there too.
    #[inline(never)]
    fn wake_and_reap(&self) {
        if self.ring().flags().was_leased() {
            self.reap_if_due();
        }
        self.wake_drain_waiters();
    }

    /// Looks for dead participants, if it is time. Returns whether it has looked.
    #[inline(always)]
    fn reap_if_due(&self) -> bool {
        self.state.region().segment().mapping().reap_if_due()
    }
}

impl<T: Shareable> Queue<T> {
    /// Pushes a value, and wakes nobody.
    #[inline(always)]
    pub(super) fn push_unnotified(&self, value: &T, wait: Wait) -> Result<(), Stop> {
        let own_id = self.participant_id()?;
        match self.push_fast(own_id, value) {
            Ok(()) => Ok(()),
            Err(error) => self.push_slow(error, own_id, value, wait),
        }
    }

    #[cold]
    fn push_slow(&self, error: TryError, own_id: u32, value: &T, wait: Wait) -> Result<(), Stop> {
        let point = WaitPoint {
            event: &self.state.space,
            stats: &self.state.full,
            policy: WakePolicy::AnyOne,
            spin: &self.push_spin,
        };
        self.retry(Err(error), &point, self.ring().pushed(), wait, || self.push_fast(own_id, value))
    }

    #[inline(always)]
    fn push_fast(&self, own_id: u32, value: &T) -> Result<(), TryError> {
        if self.ring().is_closed() {
            return Err(Stop::Closed.into());
        }
        let pushed = self.ring().try_push(own_id, bytemuck::bytes_of(value)).map_err(TryError::of)?;
        // A consumer that finds the queue closed looks once more after the heavy barrier. So either
        // it finds this value, or this producer finds the queue closed.
        barrier::light();
        if self.ring().is_closed() && self.ring().retract(pushed) {
            // Consumers may be parked because this push was under way.
            self.wake_drain_waiters();
            return Err(Stop::Closed.into());
        }
        Ok(())
    }

    /// Takes the next value out, and wakes nobody. `None` for bytes that are not a value.
    #[inline(always)]
    pub(super) fn pop_unnotified(&self, wait: Wait) -> Result<Option<T>, Stop> {
        if Self::IS_LARGE {
            let (value, leased, own_id) = self.lease_slot(wait)?;
            self.ring().ack(own_id, leased);
            self.wake_drain_waiters();
            return Ok(value);
        }
        let value = match self.pop_fast() {
            Ok(value) => value,
            Err(error) => self.pop_slow(error, wait, || self.pop_fast())?,
        };
        self.after_taking();
        Ok(value)
    }

    #[inline(always)]
    fn pop_fast(&self) -> Result<Option<T>, TryError> {
        let mut attempt = MpmcAttempt::WouldBlock;
        let value = shareable::read(|bytes| attempt = self.ring().try_pop(bytes));
        if attempt == MpmcAttempt::Done { Ok(value) } else { Err(TryError::of(attempt)) }
    }

    /// Leases the next value to this process. `None` for bytes that are not a value.
    pub(super) fn lease_slot(&self, wait: Wait) -> Result<(Option<T>, LeasedSlot, u32), Stop> {
        let own_id = self.participant_id()?;
        // First, so that what the dead have leased comes before newer values.
        self.reap_if_due();
        let once = || {
            let mut leased = Err(MpmcAttempt::WouldBlock);
            let value = shareable::read(|bytes| leased = self.ring().try_lease(own_id, bytes));
            leased.map(|leased| (value, leased, own_id)).map_err(TryError::of)
        };
        once().or_else(|error| self.pop_slow(error, wait, once))
    }

    #[cold]
    fn pop_slow<R>(
        &self,
        error: TryError,
        wait: Wait,
        once: impl Fn() -> Result<R, TryError>,
    ) -> Result<R, Stop> {
        let point = WaitPoint {
            event: &self.state.items,
            stats: &self.state.empty,
            policy: WakePolicy::AnyOne,
            spin: &self.pop_spin,
        };
        let seen = Cell::new(0);
        let recheck = |error| self.recheck_closed(error, wait, &seen, &once);
        let first = recheck(error);
        self.retry(first, &point, self.ring().popped(), wait, || once().or_else(recheck))
    }

    /// What an attempt to take a value has come to: if it found none and the queue is closed, it is
    /// the end, unless a value can still come. `seen` is where that was seen last.
    fn recheck_closed<R>(
        &self,
        error: TryError,
        wait: Wait,
        seen: &Cell<u64>,
        again: impl Fn() -> Result<R, TryError>,
    ) -> Result<R, TryError> {
        if !matches!(error, TryError::WouldBlock) || !self.ring().is_closed() {
            return Err(error);
        }
        let own_id = self.participant_id()?;
        // Once for this handle: a push that commits after the barrier finds the queue closed and
        // retracts its value.
        // ORDER: Acquire pairs with the Release below: the barrier is over.
        if !self.is_close_fenced.load(Ordering::Acquire) {
            // Pairs with the light one in `push_fast`. If the system refuses it, a pause does
            // instead: no store takes that long.
            if !barrier::heavy() {
                std::thread::sleep(Duration::from_millis(1));
            }
            // ORDER: Release pairs with the Acquire above.
            self.is_close_fenced.store(true, Ordering::Release);
            match again() {
                Err(TryError::WouldBlock) => {}
                other => return other,
            }
        }
        let holds = || held_by_caller(self.state.region(), own_id, wait);
        if self.ring().could_still_receive(own_id, holds, seen) {
            Err(TryError::WouldBlock)
        } else {
            Err(Stop::Closed.into())
        }
    }

    /// Goes on after a first attempt, until one is done or the wait is over. `position` is how far
    /// this side has come.
    fn retry<R>(
        &self,
        first: Result<R, TryError>,
        point: &WaitPoint<'_, AdaptiveSpin>,
        position: u64,
        wait: Wait<'_>,
        once: impl Fn() -> Result<R, TryError>,
    ) -> Result<R, Stop> {
        let blocked_by = Cell::new(None);
        let classify = |attempt| match attempt {
            Ok(done) => Some(Ok(done)),
            Err(TryError::Stopped(stop)) => Some(Err(stop)),
            Err(TryError::WouldBlock) => {
                blocked_by.set(None);
                None
            }
            Err(TryError::Blocked(busy)) => {
                blocked_by.set(Some(busy));
                None
            }
        };
        let mut try_once = || classify(once());
        if let Some(result) = classify(first) {
            return result;
        }
        if point.spin.back_off(position)
            && let Some(result) = try_once()
        {
            return result;
        }
        if matches!(wait, Wait::NonBlocking) {
            return self.skip_or_repair(&blocked_by, &mut try_once);
        }
        let check_peers = || {
            if let Some(busy) = blocked_by.get() {
                self.repair_busy_slot(busy);
            }
            self.state.region().segment().mapping().reap_dead_peers();
        };
        point.wait(wait, try_once, check_peers)?
    }

    /// Goes on after a look for dead participants, if that is due, and past a slot that another
    /// participant is at work in: it waits for a moment, and repairs the slot of a dead one.
    fn skip_or_repair<R>(
        &self,
        blocked_by: &Cell<Option<BusySlot>>,
        try_once: &mut impl FnMut() -> Option<Result<R, Stop>>,
    ) -> Result<R, Stop> {
        if self.reap_if_due()
            && let Some(result) = try_once()
        {
            return result;
        }
        let mut tries = 0;
        while let Some(busy) = blocked_by.get() {
            spin_loop();
            tries += 1;
            if tries % TRIES_PER_REPAIR == 0 && !self.repair_busy_slot(busy) {
                break;
            }
            if let Some(result) = try_once() {
                return result;
            }
        }
        Err(Stop::WouldBlock)
    }

    /// Undoes the work in this slot if its owner is dead. Returns whether it is.
    fn repair_busy_slot(&self, busy: BusySlot) -> bool {
        let is_dead = !self.state.region().segment().mapping().is_alive(busy.owner());
        if is_dead && self.ring().repair_slot(busy) {
            // Messages for many waiters may lie after it.
            self.state.items.notify(WAKE_ALL);
            self.state.space.notify(WAKE_ALL);
        }
        is_dead
    }
}
