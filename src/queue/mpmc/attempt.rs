//! From one attempt at the ring to an operation: waiting, getting past the dead, and what a closed queue means.

use core::cell::Cell;
use std::time::Duration;

use super::Queue;
use crate::error::Stop;
use crate::primitive::{Ordering, spin_loop};
use crate::raw::event_word::{EVERYBODY, EventWord};
use crate::raw::mpmc::{Attempt, Leased, Obstacle};
use crate::raw::patience::{Patience, Sleepers, Spin, wait_for};
use crate::raw::tally::Tally;
use crate::shareable::{self, Shareable};
use crate::sys::barrier;

/// Calls in vain, or leases, after which it is time to see whether anybody has died.
const CALLS: u32 = 256;

/// Looks at a slot that somebody is at work in, before it is worth a system call to see whether they live.
const LOOKS: u32 = 64;

const CORRUPT: Stop = Stop::Corrupt("the slots of a queue");

/// Why an attempt came to nothing.
enum Miss {
    /// Full, or empty.
    WouldBlock,
    /// Somebody is at work where it would go on.
    Behind(Obstacle),
    /// For good.
    For(Stop),
}

impl From<Stop> for Miss {
    fn from(stop: Stop) -> Self {
        Self::For(stop)
    }
}

impl Miss {
    #[inline(always)]
    fn of(attempt: Attempt) -> Self {
        match attempt {
            Attempt::WouldBlock => Self::WouldBlock,
            Attempt::Behind(obstacle) => Self::Behind(obstacle),
            Attempt::Done | Attempt::Corrupt => Self::For(CORRUPT),
        }
    }
}

/// What an operation waits on, and how far its side has come.
struct Waiting<'a> {
    event: &'a EventWord,
    tally: &'a Tally,
    spin: &'a Spin,
    position: u64,
    patience: Patience<'a>,
}

impl<T: Shareable> Queue<T> {
    /// Pushes a value, and wakes nobody.
    #[inline(always)]
    pub(super) fn put(&self, value: &T, patience: Patience) -> Result<(), Stop> {
        let me = self.me()?;
        match self.put_once(me, value) {
            Ok(()) => Ok(()),
            Err(miss) => self.put_anew(miss, me, value, patience),
        }
    }

    #[cold]
    fn put_anew(&self, miss: Miss, me: u32, value: &T, patience: Patience) -> Result<(), Stop> {
        let waiting = Waiting {
            event: &self.state().space,
            tally: &self.state().full,
            spin: &self.spin_to_push,
            position: self.ring().pushed(),
            patience,
        };
        self.persist(Err(miss), waiting, || self.put_once(me, value))
    }

    #[inline(always)]
    fn put_once(&self, me: u32, value: &T) -> Result<(), Miss> {
        if self.ring().is_closed() {
            return Err(Stop::Closed.into());
        }
        let pushed = self.ring().try_push(me, bytemuck::bytes_of(value)).map_err(Miss::of)?;
        // A consumer that finds the queue closed looks once more, behind the heavy barrier. So either it finds this value, or we
        // find the queue closed.
        barrier::light();
        if self.ring().is_closed() && self.ring().take_back(pushed) {
            // Consumers may sleep because they found us at work.
            self.tell_the_last();
            return Err(Stop::Closed.into());
        }
        Ok(())
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
        let value = match self.take_once() {
            Ok(value) => value,
            Err(miss) => self.take_anew(miss, patience, || self.take_once())?,
        };
        self.tell_the_last();
        Ok(value)
    }

    #[inline(always)]
    fn take_once(&self) -> Result<Option<T>, Miss> {
        let mut attempt = Attempt::WouldBlock;
        let value = shareable::read(|bytes| attempt = self.ring().try_pop(bytes));
        if attempt == Attempt::Done { Ok(value) } else { Err(Miss::of(attempt)) }
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
        let once = || {
            let mut leased = Err(Attempt::WouldBlock);
            let value = shareable::read(|bytes| leased = self.ring().try_lease(me, bytes));
            leased.map(|leased| (value, leased, me)).map_err(Miss::of)
        };
        once().or_else(|miss| self.take_anew(miss, patience, once))
    }

    #[cold]
    fn take_anew<R>(
        &self,
        miss: Miss,
        patience: Patience,
        once: impl Fn() -> Result<R, Miss>,
    ) -> Result<R, Stop> {
        let waiting = Waiting {
            event: &self.state().items,
            tally: &self.state().empty,
            spin: &self.spin_to_pop,
            position: self.ring().popped(),
            patience,
        };
        let first = self.unless_closed(miss, &once);
        self.persist(first, waiting, || once().or_else(|miss| self.unless_closed(miss, &once)))
    }

    /// What an attempt to take something has come to: where it found nothing and the queue is closed, once more, and for the last
    /// time if nothing can come back.
    fn unless_closed<R>(&self, miss: Miss, again: impl Fn() -> Result<R, Miss>) -> Result<R, Miss> {
        if !matches!(miss, Miss::WouldBlock) || !self.ring().is_closed() {
            return Err(miss);
        }
        // Pairs with the light one in `put_once`. Where this process may not ask for it, a while does instead: no store takes as
        // long.
        if !barrier::heavy() {
            std::thread::sleep(Duration::from_millis(1));
        }
        match again() {
            Err(Miss::WouldBlock) if !self.ring().may_have_more(self.me()?) => Err(Stop::Closed.into()),
            other => other,
        }
    }

    /// Goes on after a first attempt, until one is done or the patience is over.
    fn persist<R>(
        &self,
        first: Result<R, Miss>,
        waiting: Waiting<'_>,
        once: impl Fn() -> Result<R, Miss>,
    ) -> Result<R, Stop> {
        let behind = Cell::new(None);
        let judge = |attempt| match attempt {
            Ok(done) => Some(Ok(done)),
            Err(Miss::For(stop)) => Some(Err(stop)),
            Err(Miss::WouldBlock) => {
                behind.set(None);
                None
            }
            Err(Miss::Behind(obstacle)) => {
                behind.set(Some(obstacle));
                None
            }
        };
        let mut look = || judge(once());
        let Waiting { event, tally, spin, position, patience } = waiting;
        if let Some(result) = judge(first) {
            return result;
        }
        if spin.back_off(position)
            && let Some(result) = look()
        {
            return result;
        }
        if matches!(patience, Patience::None) {
            return self.get_past(&behind, &mut look);
        }
        let care = || {
            if let Some(obstacle) = behind.get() {
                self.clear(obstacle);
            }
            self.region.segment().mapping().care_for_the_dead();
        };
        wait_for((event, tally), Sleepers::Any, patience, spin, look, care).unwrap_or(Err(Stop::Timeout))
    }

    /// Goes on where somebody is at work in the way: for a moment, and past the dead.
    fn get_past<R>(
        &self,
        behind: &Cell<Option<Obstacle>>,
        look: &mut impl FnMut() -> Option<Result<R, Stop>>,
    ) -> Result<R, Stop> {
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
