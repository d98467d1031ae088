//! A depot with its lock and its sleepers: what both kinds of queues of messages are made of.

use core::cell::Cell;
use std::time::Duration;

use super::limits::layout_of;
use crate::error::{LockError, SegmentError, Stop};
use crate::raw::depot::{Bed, Depot, Layout, Lease};
use crate::raw::event_word::EVERYBODY;
use crate::raw::mutex::State;
use crate::raw::patience::{Patience, SLICE, Sleepers, Spin, wait_for};
use crate::segment::lock::ObjectLock;
use crate::segment::object::{Region, Shape};
use crate::sys::barrier;
use crate::sys::clock::Deadline;

/// One handle's way to the depot.
#[derive(Debug)]
pub(in crate::queue) struct Store {
    lock: ObjectLock,
    layout: Layout,
    spins: Spins,
}

#[derive(Debug, Default)]
struct Spins {
    items: Spin,
    space: Spin,
    idle: Spin,
}

/// Where a depot begins behind its lock.
const DEPOT_AT: u64 = size_of::<State>() as u64;

impl Store {
    /// Bytes that a queue of this shape takes.
    pub(in crate::queue) fn length(shape: Shape) -> Option<u64> {
        layout_of(shape)?.length()?.checked_add(DEPOT_AT)
    }

    pub(in crate::queue) fn build(region: &Region) {
        region.init_lock();
        if let Some(layout) = layout_of(region.shape()) {
            // No two queues count from the same number, so that a lease of one means nothing to the other.
            let id = region.segment().id();
            let words = region.words_from(DEPOT_AT);
            let first_stamp = (id ^ id >> 64) as u64 ^ words.as_ptr().addr() as u64;
            Depot::new(layout, words).init(first_stamp);
        }
    }

    pub(in crate::queue) fn attach(region: Region) -> Result<Self, SegmentError> {
        barrier::register();
        let layout = layout_of(region.shape()).ok_or_else(|| region.corrupt("the size of a queue"))?;
        Ok(Self { lock: ObjectLock::attach(region)?, layout, spins: Spins::default() })
    }

    pub(in crate::queue) fn region(&self) -> &Region {
        self.lock.region()
    }

    pub(in crate::queue) fn layout(&self) -> Layout {
        self.layout
    }

    /// As whom this process has leases.
    pub(in crate::queue) fn me(&self) -> Result<u16, Stop> {
        let id = self.region().segment().mapping().attached()?;
        // Ids have 16 bits.
        u16::try_from(id).map_err(|_| Stop::NotAttached)
    }

    fn depot(&self) -> Depot<'_> {
        Depot::new(self.layout, self.lock.body())
    }

    /// Puts a message in, waiting for room.
    pub(in crate::queue) fn push(&self, message: &[u8], patience: Patience) -> Result<(), Stop> {
        let head = self.depot().head();
        let may_succeed = |depot: &Depot<'_>| depot.has_room(message.len()) || depot.is_closed();
        self.wait(&head.space, &self.spins.space, Sleepers::Each, patience, may_succeed, |depot| {
            if depot.is_closed() {
                return Err(Stop::Closed);
            }
            Ok(depot.put(message)?.then_some(()))
        })?;
        head.items.notify(1);
        Ok(())
    }

    /// Takes the oldest message out, waiting for one.
    pub(in crate::queue) fn pop(&self, patience: Patience) -> Result<Vec<u8>, Stop> {
        let head = self.depot().head();
        let may_succeed = |depot: &Depot<'_>| depot.ready() > 0 || depot.is_closed();
        let message =
            self.wait(&head.items, &self.spins.items, Sleepers::Any, patience, may_succeed, |depot| {
                match depot.take()? {
                    None if depot.is_closed() => Err(Stop::Closed),
                    found => Ok(found),
                }
            })?;
        // Everybody: whose message it is that fits now, nobody knows.
        head.space.notify(EVERYBODY);
        Ok(message)
    }

    /// Lends the oldest message to this process, waiting for one.
    pub(in crate::queue) fn lease(&self, patience: Patience) -> Result<(Lease, Vec<u8>), Stop> {
        let me = self.me()?;
        let head = self.depot().head();
        let may_succeed =
            |depot: &Depot<'_>| depot.ready() > 0 || (depot.is_closed() && depot.unfinished() == 0);
        let attempt = |depot: &Depot<'_>| match depot.lease(me)? {
            // What others work on may come back.
            None if depot.is_closed() && !depot.may_have_more(me) => Err(Stop::Closed),
            found => Ok(found),
        };
        match self.wait(&head.items, &self.spins.items, Sleepers::Any, patience, may_succeed, attempt) {
            // Somebody who asks again and again instead of waiting cares for the dead as well.
            Err(stop @ (Stop::WouldBlock | Stop::Timeout))
                if self.depot().unfinished() > 0 && !matches!(patience, Patience::Later(_)) =>
            {
                self.region().segment().mapping().care_for_the_dead();
                match self.locked_within(Patience::For(SLICE), attempt) {
                    Ok(found) => found.ok_or(stop),
                    Err(Stop::Timeout) => Err(stop),
                    Err(other) => Err(other),
                }
            }
            found => found,
        }
    }

    /// Takes out what this process has leased; `false` where it has not.
    pub(in crate::queue) fn finish(&self, lease: Lease) -> Result<bool, Stop> {
        if lease.owner() != self.me()? {
            return Ok(false);
        }
        let (finished, is_idle, is_closed) =
            self.locked(|depot| Ok((depot.finish(lease)?, depot.unfinished() == 0, depot.is_closed())))?;
        let head = self.depot().head();
        if finished {
            head.space.notify(EVERYBODY);
            if is_idle {
                head.idle.notify(EVERYBODY);
            }
            if is_closed {
                // They wait only because this might have come back.
                head.items.notify(EVERYBODY);
            }
        }
        Ok(finished)
    }

    /// Gives back what this process has leased, if it has.
    pub(in crate::queue) fn give_back(&self, lease: Lease) -> Result<(), Stop> {
        if lease.owner() == self.me()? && self.locked(|depot| Ok(depot.give_back(lease)))? {
            self.depot().head().items.notify(1);
        }
        Ok(())
    }

    /// Waits until nothing is left, leased messages included.
    pub(in crate::queue) fn wait_until_idle(&self, patience: Patience) -> Result<(), Stop> {
        let is_idle = |depot: &Depot<'_>| depot.unfinished() == 0;
        let idle = &self.depot().head().idle;
        self.wait(idle, &self.spins.idle, Sleepers::Each, patience, is_idle, |depot| {
            Ok(is_idle(depot).then_some(()))
        })
    }

    /// Closes the queue; `false` where it was closed. Without the lock: whoever has it next sees this, and who has it now comes before.
    pub(in crate::queue) fn close(&self) -> bool {
        let closed = self.depot().close();
        let head = self.depot().head();
        head.items.notify(EVERYBODY);
        head.space.notify(EVERYBODY);
        closed
    }

    pub(in crate::queue) fn is_closed(&self) -> bool {
        self.depot().is_closed()
    }

    /// How many messages are to be had, and how many there are with those that are leased.
    pub(in crate::queue) fn counts(&self) -> (usize, usize) {
        let count = |depot: &Depot<'_>| (depot.ready(), depot.unfinished());
        // In a corrupt segment, or behind a stopped process, as it says.
        self.locked_within(Patience::For(SLICE), |depot| Ok(count(depot)))
            .unwrap_or_else(|_| count(&self.depot()))
    }

    /// Waits until `attempt`, made under the lock, comes to something. It is made where `may_succeed` says so without the lock, and
    /// once in each slice of waiting in any case: after a death, what is seen without the lock may be wrong.
    fn wait<R>(
        &self,
        bed: &Bed,
        spin: &Spin,
        sleepers: Sleepers,
        patience: Patience,
        may_succeed: impl Fn(&Depot<'_>) -> bool,
        attempt: impl Fn(&Depot<'_>) -> Result<Option<R>, Stop>,
    ) -> Result<R, Stop> {
        let depot = self.depot();
        let (deadline, late) = match patience {
            Patience::None => (Some(Deadline::after(Duration::ZERO)), Stop::WouldBlock),
            Patience::For(duration) => (Some(Deadline::after(duration)), Stop::Timeout),
            Patience::Forever | Patience::Later(_) => (None, Stop::Timeout),
        };
        // A task waits for the lock, where that is held, as it does for the rest; what it waits for last counts.
        let (is_later, in_the_lock) = match patience {
            Patience::Later(_) => (true, patience),
            _ => (false, Patience::For(SLICE)),
        };
        let is_over = || deadline.is_some_and(Deadline::has_passed);
        let in_any_case = Cell::new(true);
        let look = || {
            if !in_any_case.replace(false) && !depot.is_stale() && !may_succeed(&depot) {
                return None;
            }
            // The lock is held only for moments, unless its holder is stopped.
            loop {
                match self.locked_within(in_the_lock, &attempt) {
                    Err(Stop::Timeout) if is_over() => return Some(Err(late)),
                    Err(Stop::Timeout) if is_later => return None,
                    Err(Stop::Timeout) => self.region().segment().mapping().care_for_the_dead(),
                    result => return result.transpose(),
                }
            }
        };
        let care = || {
            in_any_case.set(true);
            self.region().segment().mapping().care_for_the_dead();
        };
        wait_for((bed, &bed.tally), sleepers, patience, spin, look, care).unwrap_or(Err(late))
    }

    /// Does something under the lock, the index being right.
    fn locked<R>(&self, act: impl FnOnce(&Depot<'_>) -> Result<R, Stop>) -> Result<R, Stop> {
        self.locked_within(Patience::Forever, act)
    }

    fn locked_within<R>(
        &self,
        patience: Patience,
        act: impl FnOnce(&Depot<'_>) -> Result<R, Stop>,
    ) -> Result<R, Stop> {
        let hold = self.lock.lock_quietly(patience).map_err(stop_of)?;
        let depot = self.depot();
        let result = depot.settle(hold.recovered()).and_then(|()| act(&depot));
        if let Err(Stop::Corrupt(_)) = result {
            // If it is only the index, this heals it.
            depot.mark_stale();
        }
        result
    }
}

#[cold]
fn stop_of(error: LockError) -> Stop {
    match error {
        LockError::NotAttached => Stop::NotAttached,
        LockError::Timeout => Stop::Timeout,
        LockError::Corrupt { what } => Stop::Corrupt(what),
        // Nothing that runs under the lock takes it again.
        _ => Stop::Corrupt("the lock of a queue"),
    }
}
