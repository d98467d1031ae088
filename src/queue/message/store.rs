//! [`MessageStore`]: a message slab, its lock and its waiters, which both kinds of message queues share.

use core::cell::Cell;

use super::limits::layout_of;
use crate::error::{LockError, SegmentError, Stop};
use crate::queue::held_leases::{HeldLease, drop_ended, held_by_caller, keep_until_ended};
use crate::raw::adaptive_spin::AdaptiveSpin;
use crate::raw::event_count::WAKE_ALL;
use crate::raw::kinds::slab::SLAB_AT;
use crate::raw::message_slab::{CountedEvent, MessageSlab, SlabLayout, SlabLease};
use crate::raw::wait::{RECHECK_INTERVAL, Timeout, Wait, WaitPoint, WakePolicy};
use crate::segment::lock::ObjectLock;
use crate::segment::lock::owner::ByThread;
use crate::segment::object::{Region, Shape};
use crate::sys::barrier;

/// A handle's access to the message slab of a queue.
#[derive(Debug)]
pub(in crate::queue) struct MessageStore {
    lock: ObjectLock,
    layout: SlabLayout,
    spins: SpinState,
}

#[derive(Debug, Default)]
struct SpinState {
    items: AdaptiveSpin,
    space: AdaptiveSpin,
    idle: AdaptiveSpin,
}

impl MessageStore {
    /// Bytes that a queue of this shape takes.
    pub(in crate::queue) fn length(shape: Shape) -> Option<u64> {
        layout_of(shape)?.length()?.checked_add(SLAB_AT as u64)
    }

    pub(in crate::queue) fn build(region: &Region) {
        if let Some(layout) = layout_of(region.shape()) {
            // No two queues count from the same number, so that a lease of one means nothing to the other.
            let id = region.segment().id();
            let words = region.words_from(SLAB_AT as u64);
            let first_stamp = (id ^ id >> 64) as u64 ^ words.as_ptr().addr() as u64;
            MessageSlab::new(layout, words).init(first_stamp);
        }
    }

    pub(in crate::queue) fn attach(region: Region) -> Result<Self, SegmentError> {
        barrier::register();
        let layout = layout_of(region.shape()).ok_or_else(|| region.corrupt("the size of a queue"))?;
        Ok(Self { lock: ObjectLock::attach(region), layout, spins: SpinState::default() })
    }

    pub(in crate::queue) fn region(&self) -> &Region {
        self.lock.region()
    }

    pub(in crate::queue) fn layout(&self) -> SlabLayout {
        self.layout
    }

    /// As whom this process has leases.
    pub(in crate::queue) fn participant_id(&self) -> Result<u16, Stop> {
        let id = self.region().segment().mapping().attached()?;
        // Ids have 16 bits.
        u16::try_from(id).map_err(|_| Stop::NotAttached)
    }

    fn slab(&self) -> MessageSlab<'_> {
        MessageSlab::new(self.layout, self.lock.body())
    }

    /// Puts a message in, waiting for room.
    pub(in crate::queue) fn push(&self, message: &[u8], wait: Wait) -> Result<(), Stop> {
        let head = self.slab().head();
        let may_succeed = |slab: &MessageSlab<'_>| {
            let has_news = || slab.has_room(message.len()) || slab.is_closed();
            if has_news() {
                return true;
            }
            // A wake-up that was for the slot goes on to the other producers, once.
            if slab.has_slot() && slab.want_room() {
                head.space.notify(WAKE_ALL);
            }
            has_news()
        };
        self.wait(&head.space, &self.spins.space, WakePolicy::All, wait, may_succeed, |slab| {
            if slab.is_closed() {
                return Err(Stop::Closed);
            }
            Ok(slab.put(message)?.then_some(()))
        })?;
        head.items.notify(1);
        Ok(())
    }

    /// Wakes the producers that may have room now.
    fn notify_room(&self) {
        let slab = self.slab();
        slab.head().space.notify(slab.producers_to_wake());
    }

    /// Takes the oldest message out, waiting for one.
    pub(in crate::queue) fn pop(&self, wait: Wait) -> Result<Vec<u8>, Stop> {
        let head = self.slab().head();
        let may_succeed = |slab: &MessageSlab<'_>| slab.ready() > 0 || slab.is_closed();
        let message = self.wait(
            &head.items,
            &self.spins.items,
            WakePolicy::AnyOne,
            wait,
            may_succeed,
            |slab| match slab.take()? {
                None if slab.is_closed() => Err(Stop::Closed),
                found => Ok(found),
            },
        )?;
        self.notify_room();
        Ok(message)
    }

    /// Lends the oldest message to this process, waiting for one.
    pub(in crate::queue) fn lease(&self, wait: Wait) -> Result<(SlabLease, Vec<u8>), Stop> {
        let own_id = self.participant_id()?;
        let region = self.region();
        // First, so that what the dead have leased comes before newer messages.
        region.segment().mapping().reap_if_due();
        let head = self.slab().head();
        let held = || held_by_caller(region, own_id.into(), wait);
        let may_succeed = |slab: &MessageSlab<'_>| {
            slab.ready() > 0 || (slab.is_closed() && slab.unfinished() as u64 <= held())
        };
        let attempt = |slab: &MessageSlab<'_>| match slab.lease(own_id)? {
            None if slab.is_closed() => {
                drop_ended(region, |lease| slab.is_leased(lease));
                // What is leased may come back.
                if slab.could_still_receive(own_id, held()) { Ok(None) } else { Err(Stop::Closed) }
            }
            found => Ok(found),
        };
        self.wait(&head.items, &self.spins.items, WakePolicy::AnyOne, wait, may_succeed, attempt)
    }

    /// Counts a lease for the thread that calls this, which has just taken it.
    pub(in crate::queue) fn hold(&self, lease: SlabLease) -> HeldLease {
        HeldLease::new(self.region(), lease.owner().into())
    }

    /// Goes on counting a lease for the calling thread until it ends, in whatever way.
    pub(in crate::queue) fn hold_until_ended(&self, lease: SlabLease, held: HeldLease) {
        let slab = self.slab();
        keep_until_ended(self.region(), lease, held, |lease| slab.is_leased(lease));
    }

    /// Takes out what this process has leased; `false` where it has not.
    pub(in crate::queue) fn finish(&self, lease: SlabLease) -> Result<bool, Stop> {
        if lease.owner() != self.participant_id()? {
            return Ok(false);
        }
        let (finished, is_idle, is_closed) =
            self.with_lock(|slab| Ok((slab.finish(lease)?, slab.unfinished() == 0, slab.is_closed())))?;
        let head = self.slab().head();
        if finished {
            self.notify_room();
            if is_idle {
                head.idle.notify(WAKE_ALL);
            }
            if is_closed {
                // They wait only because this might have come back.
                head.items.notify(WAKE_ALL);
            }
        }
        Ok(finished)
    }

    /// Gives back what this process has leased, if it has.
    pub(in crate::queue) fn give_back(&self, lease: SlabLease) -> Result<(), Stop> {
        if lease.owner() == self.participant_id()? && self.with_lock(|slab| Ok(slab.give_back(lease)))? {
            self.slab().head().items.notify(1);
        }
        Ok(())
    }

    /// Waits until nothing is left, leased messages included.
    pub(in crate::queue) fn wait_until_idle(&self, wait: Wait) -> Result<(), Stop> {
        let is_idle = |slab: &MessageSlab<'_>| slab.unfinished() == 0;
        let idle = &self.slab().head().idle;
        self.wait(idle, &self.spins.idle, WakePolicy::All, wait, is_idle, |slab| {
            Ok(is_idle(slab).then_some(()))
        })
    }

    /// Closes the queue; `false` where it was closed. Without the lock: whoever has it next sees this, and who has it now comes before.
    pub(in crate::queue) fn close(&self) -> bool {
        let closed = self.slab().close();
        let head = self.slab().head();
        head.items.notify(WAKE_ALL);
        head.space.notify(WAKE_ALL);
        closed
    }

    pub(in crate::queue) fn is_closed(&self) -> bool {
        self.slab().is_closed()
    }

    /// How many messages are to be had, and how many there are with those that are leased.
    pub(in crate::queue) fn counts(&self) -> (usize, usize) {
        let count = |slab: &MessageSlab<'_>| (slab.ready(), slab.unfinished());
        // In a corrupt segment, or behind a stopped process, as it says.
        self.with_lock_within(Wait::Until(&Timeout::new(RECHECK_INTERVAL)), |slab| Ok(count(slab)))
            .unwrap_or_else(|_| count(&self.slab()))
    }

    /// Waits until `attempt`, made under the lock, comes to something. It is made where `may_succeed` says so without the lock, and
    /// once in each slice of waiting in any case: after a death, what is seen without the lock may be wrong.
    fn wait<R>(
        &self,
        event: &CountedEvent,
        spin: &AdaptiveSpin,
        policy: WakePolicy,
        wait: Wait,
        may_succeed: impl Fn(&MessageSlab<'_>) -> bool,
        attempt: impl Fn(&MessageSlab<'_>) -> Result<Option<R>, Stop>,
    ) -> Result<R, Stop> {
        let slab = self.slab();
        // A task waits for the lock, where that is held, as it does for the rest; what it waits for last counts.
        let is_task = matches!(wait, Wait::Task(_));
        let is_over = || matches!(wait, Wait::NonBlocking) || wait.has_timed_out();
        let must_try = Cell::new(true);
        let try_once = || {
            if !must_try.replace(false) && !slab.is_stale() && !may_succeed(&slab) {
                return None;
            }
            // The lock is held only for moments, unless its holder is stopped.
            loop {
                let slice = Timeout::new(RECHECK_INTERVAL);
                let lock_wait = if is_task { wait } else { Wait::Until(&slice) };
                match self.with_lock_within(lock_wait, &attempt) {
                    Err(Stop::Timeout) if is_over() => return Some(Err(wait.unready().into())),
                    Err(Stop::Timeout) if is_task => return None,
                    Err(Stop::Timeout) => self.region().segment().mapping().reap_dead_peers(),
                    result => return result.transpose(),
                }
            }
        };
        let check_peers = || {
            must_try.set(true);
            self.region().segment().mapping().reap_dead_peers();
        };
        WaitPoint { event, stats: &event.stats, policy, spin }.wait(wait, try_once, check_peers)?
    }

    /// Does something under the lock, the index being right.
    fn with_lock<R>(&self, act: impl FnOnce(&MessageSlab<'_>) -> Result<R, Stop>) -> Result<R, Stop> {
        self.with_lock_within(Wait::Forever, act)
    }

    fn with_lock_within<R>(
        &self,
        wait: Wait,
        act: impl FnOnce(&MessageSlab<'_>) -> Result<R, Stop>,
    ) -> Result<R, Stop> {
        let raw_guard = self.lock.lock::<ByThread>(wait).map_err(stop_of_lock)?;
        let slab = self.slab();
        let result = slab.ensure_index(raw_guard.recovered()).and_then(|()| act(&slab));
        if let Err(Stop::Corrupt(_)) = result {
            // If it is only the index, this heals it.
            slab.mark_stale();
        }
        result
    }
}

#[cold]
fn stop_of_lock(error: LockError) -> Stop {
    match error {
        LockError::NotAttached => Stop::NotAttached,
        LockError::Timeout => Stop::Timeout,
        LockError::Corrupt { what } => Stop::Corrupt(what),
        // Nothing that runs under the lock takes it again.
        _ => Stop::Corrupt("the lock of a queue"),
    }
}
