//! From one attempt at the ring to an operation: waiting, getting past the dead, and what a closed queue means.

use core::cell::Cell;
use std::time::Duration;

use super::Queue;
use crate::error::Stop;
use crate::primitive::{Ordering, spin_loop};
use crate::raw::event_word::{EVERYBODY, EventWord};
use crate::raw::mpmc::{Attempt, Leased, Obstacle};
use crate::raw::patience::{Patience, Sleepers, Spin, wait_for};
use crate::shareable::{self, Shareable};
use crate::sys::barrier;

/// Calls in vain, or leases, after which it is time to see whether anybody has died.
const CALLS: u32 = 256;

/// Looks at a slot that somebody is at work in, before it is worth a system call to see whether they live.
const LOOKS: u32 = 64;

const CORRUPT: Stop = Stop::Corrupt("the slots of a queue");

impl<T: Shareable> Queue<T> {
    /// Pushes a value, and wakes nobody.
    #[inline(always)]
    pub(super) fn put(&self, value: &T, patience: Patience) -> Result<(), Stop> {
        let me = self.me()?;
        let position = || self.ring().progress().0;
        self.attempt(&self.state().space, &self.spin_to_push, patience, position, || {
            if self.ring().is_closed() {
                return Err(Stop::Closed);
            }
            let pushed = match self.ring().try_push(me, bytemuck::bytes_of(value)) {
                Ok(pushed) => pushed,
                Err(attempt) => return Ok(attempt),
            };
            // A consumer that finds the queue closed looks once more, behind the heavy barrier. So either it finds this value, or we
            // find the queue closed.
            barrier::light();
            if self.ring().is_closed() && self.ring().take_back(pushed) {
                // Consumers may sleep because they found us at work.
                self.tell_the_last();
                return Err(Stop::Closed);
            }
            Ok(Attempt::Done)
        })
    }

    /// Takes the next value out, and wakes nobody. `None` for bytes that are not a value.
    #[inline(always)]
    pub(super) fn take(&self, patience: Patience) -> Result<Option<T>, Stop> {
        if Self::IS_LARGE {
            let (value, leased, me) = self.lease_within(patience)?;
            self.ring().ack(me, leased);
            self.tell_the_last();
            return Ok(value);
        }
        let mut value = None;
        let position = || self.ring().progress().1;
        self.attempt(&self.state().items, &self.spin_to_pop, patience, position, || {
            let mut attempt = Attempt::WouldBlock;
            value = shareable::read(|bytes| attempt = self.ring().try_pop(bytes));
            self.unless_closed(attempt, || {
                let mut again = Attempt::WouldBlock;
                value = shareable::read(|bytes| again = self.ring().try_pop(bytes));
                again
            })
        })?;
        self.tell_the_last();
        Ok(value)
    }

    /// On a closed queue, consumers wait for what may come to them; whenever there is less of that, they look again.
    #[inline(always)]
    pub(super) fn tell_the_last(&self) {
        if self.ring().is_closed() {
            self.state().items.notify(EVERYBODY);
        }
    }

    /// After so many calls, sees whether anybody has died. On a queue that is never empty nobody sleeps, and it is not seen to
    /// otherwise.
    fn care_now_and_then(&self) {
        let calls = self.calls.load(Ordering::Relaxed).wrapping_add(1);
        self.calls.store(calls, Ordering::Relaxed);
        if calls.is_multiple_of(CALLS) {
            self.region.segment().mapping().care_for_the_dead();
        }
    }

    /// Takes the next value into this process's hands. `None` for bytes that are not a value.
    pub(super) fn lease_within(&self, patience: Patience) -> Result<(Option<T>, Leased, u32), Stop> {
        let me = self.me()?;
        self.care_now_and_then();
        let mut found = None;
        let mut look = || {
            let mut leased = Err(Attempt::WouldBlock);
            let value = shareable::read(|bytes| leased = self.ring().try_lease(me, bytes));
            match leased {
                Ok(leased) => {
                    found = Some((value, leased, me));
                    Attempt::Done
                }
                Err(attempt) => attempt,
            }
        };
        let position = || self.ring().progress().1;
        self.attempt(&self.state().items, &self.spin_to_pop, patience, position, || {
            let attempt = look();
            self.unless_closed(attempt, &mut look)
        })?;
        found.ok_or(CORRUPT)
    }

    /// What an attempt to take something has come to: where it found nothing and the queue is closed, once more, and for the last
    /// time if nothing can come back.
    #[inline(always)]
    fn unless_closed(&self, attempt: Attempt, again: impl FnOnce() -> Attempt) -> Result<Attempt, Stop> {
        if attempt == Attempt::WouldBlock && self.ring().is_closed() {
            return self.last_attempt(again);
        }
        Ok(attempt)
    }

    #[cold]
    fn last_attempt(&self, again: impl FnOnce() -> Attempt) -> Result<Attempt, Stop> {
        // Pairs with the light one in `put`. Where this process may not ask for it, a while does instead: no store takes as long.
        if !barrier::heavy() {
            std::thread::sleep(Duration::from_millis(1));
        }
        match again() {
            Attempt::WouldBlock if !self.ring().may_have_more(self.me()?) => Err(Stop::Closed),
            other => Ok(other),
        }
    }

    /// Attempts something until it is done or the patience is over.
    #[inline(always)]
    fn attempt(
        &self,
        event: &EventWord,
        spin: &Spin,
        patience: Patience,
        position: impl Fn() -> u64,
        mut once: impl FnMut() -> Result<Attempt, Stop>,
    ) -> Result<(), Stop> {
        let behind = Cell::new(None);
        let mut look_once = || match once() {
            Ok(Attempt::Done) => Some(Ok(())),
            Ok(Attempt::WouldBlock) => {
                behind.set(None);
                None
            }
            Ok(Attempt::Behind(obstacle)) => {
                behind.set(Some(obstacle));
                None
            }
            Ok(Attempt::Corrupt) => Some(Err(CORRUPT)),
            Err(stop) => Some(Err(stop)),
        };
        // Once more behind a pause.
        let mut look = || match look_once() {
            None if spin.back_off(position()) => look_once(),
            other => other,
        };
        if matches!(patience, Patience::None) {
            return look().unwrap_or_else(|| self.get_past(&behind, &mut look));
        }
        let care = || {
            if let Some(obstacle) = behind.get() {
                self.clear(obstacle);
            }
            self.region.segment().mapping().care_for_the_dead();
        };
        wait_for(event, Sleepers::Many, patience, spin, look, care).unwrap_or(Err(Stop::Timeout))
    }

    /// Goes on where somebody is at work in the way: for a moment, and past the dead.
    #[cold]
    fn get_past(
        &self,
        behind: &Cell<Option<Obstacle>>,
        look: &mut dyn FnMut() -> Option<Result<(), Stop>>,
    ) -> Result<(), Stop> {
        self.care_now_and_then();
        let mut looks = 0;
        while let Some(obstacle) = behind.get() {
            spin_loop();
            looks += 1;
            if looks % LOOKS == 0 && !self.clear(obstacle) {
                break;
            }
            if let Some(result) = look() {
                return result;
            }
        }
        Err(Stop::WouldBlock)
    }

    /// Undoes what is in the way, if its owner is dead. `false` where it lives.
    fn clear(&self, obstacle: Obstacle) -> bool {
        let is_dead = !self.region.segment().mapping().is_alive(obstacle.owner());
        if is_dead && self.ring().repair_slot(obstacle) {
            // Behind it may lie messages for many.
            self.state().items.notify(EVERYBODY);
            self.state().space.notify(EVERYBODY);
        }
        is_dead
    }
}
