//! From one attempt at the messages to an operation: waiting, and getting past the dead.

use core::cell::Cell;

use super::MessageStore;
use super::attempt::MessageStop;
use crate::error::Stop;
use crate::primitive::spin_loop;
use crate::raw::adaptive_spin::AdaptiveSpin;
use crate::raw::event_count::WAKE_ALL;
use crate::raw::message_ring::MessageAttempt;
use crate::raw::mpmc::BusySlot;
use crate::raw::wait::{Wait, WaitPoint};

/// Looks at a slot that a participant is at work in, before it is worth a system call to see
/// whether the participant is alive.
const TRIES_PER_REPAIR: u32 = 64;

impl MessageStore {
    /// Attempts `once` until it is done or the wait is over. `position` tells how far this side has
    /// come.
    #[inline]
    pub(super) fn retry<R>(
        &self,
        point: &WaitPoint<'_, AdaptiveSpin>,
        position: impl Fn() -> u64,
        wait: Wait<'_>,
        once: impl Fn() -> Result<R, MessageStop>,
    ) -> Result<R, Stop> {
        match once() {
            Ok(done) => Ok(done),
            Err(MessageStop::Stopped(stop)) => Err(stop),
            Err(MessageStop::NotYet(attempt)) => self.retry_slow(attempt, point, position(), wait, once),
        }
    }

    #[cold]
    fn retry_slow<R>(
        &self,
        first: MessageAttempt,
        point: &WaitPoint<'_, AdaptiveSpin>,
        position: u64,
        wait: Wait<'_>,
        once: impl Fn() -> Result<R, MessageStop>,
    ) -> Result<R, Stop> {
        let last = Cell::new(first);
        let mut try_once = || match once() {
            Ok(done) => Some(Ok(done)),
            Err(MessageStop::Stopped(stop)) => Some(Err(stop)),
            Err(MessageStop::NotYet(attempt)) => {
                last.set(attempt);
                None
            }
        };
        if point.spin.back_off(position)
            && let Some(result) = try_once()
        {
            return result;
        }
        let mapping = self.region().segment().mapping();
        if matches!(wait, Wait::NonBlocking) {
            if mapping.reap_if_due()
                && let Some(result) = try_once()
            {
                return result;
            }
            return self.pass_busy_slots(&last, &mut try_once);
        }
        let check_peers = || {
            if let MessageAttempt::Behind(busy) = last.get() {
                self.repair_busy_slot(busy);
            }
            mapping.reap_dead_peers();
        };
        point.wait(wait, try_once, check_peers)?
    }

    /// Goes on while a participant is at work in the next slot: for a moment, and past the dead.
    fn pass_busy_slots<R>(
        &self,
        last: &Cell<MessageAttempt>,
        try_once: &mut impl FnMut() -> Option<Result<R, Stop>>,
    ) -> Result<R, Stop> {
        let mut tries = 0;
        while let MessageAttempt::Behind(busy) = last.get() {
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

    /// Repairs the slot, if its owner is dead. `false` if it lives.
    fn repair_busy_slot(&self, busy: BusySlot) -> bool {
        let is_dead = !self.region().segment().mapping().is_alive(busy.owner());
        if is_dead && self.ring().repair_slot(busy) {
            // After it may lie messages for many.
            self.state.ring.items.notify(WAKE_ALL);
            self.state.ring.space.notify(WAKE_ALL);
        }
        is_dead
    }
}
