//! [`MessageStore`]: a message ring and its waiters, which both kinds of message queues share.

mod attempt;
mod waiting;

use super::limits::geometry_of;
use crate::error::{SegmentError, Stop};
use crate::primitive::{AtomicBool, Ordering, fence};
use crate::queue::held_leases::{HeldLease, drop_ended, held_by_caller, keep_until_ended};
use crate::raw::adaptive_spin::AdaptiveSpin;
use crate::raw::event_count::WAKE_ALL;
use crate::raw::message_ring::{
    MessageAttempt, MessageGeometry, MessageHints, MessageLease, MessageRing, MessageState, PushedMessage,
};
use crate::raw::wait::{Wait, WaitPoint, WakePolicy};
use crate::segment::object::{Region, Shape};
use crate::segment::shared_ref::SharedRef;
use crate::sys::barrier;
use attempt::MessageStop;

/// A handle's access to the messages of a queue.
pub(in crate::queue) struct MessageStore {
    state: SharedRef<MessageState>,
    geometry: MessageGeometry,
    hints: MessageHints,
    spins: SpinState,
    /// Whether a heavy barrier was run after this handle found the queue closed; see
    /// `recheck_closed`.
    is_close_fenced: AtomicBool,
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
        geometry_of(shape)?.length()
    }

    pub(in crate::queue) fn build(region: &Region) {
        if let Some(geometry) = geometry_of(region.shape()) {
            // No two queues count from the same number, so that a lease of one means nothing to the
            // other.
            let id = region.segment().id();
            let body = region.words_from(size_of::<MessageState>() as u64);
            let seed = (id ^ id >> 64) as u64 ^ body.as_ptr().addr() as u64;
            MessageRing::new(region.state(), body, &geometry, &MessageHints::default()).init(seed);
        }
    }

    pub(in crate::queue) fn attach(region: Region) -> Result<Self, SegmentError> {
        barrier::register();
        let geometry = geometry_of(region.shape()).ok_or_else(|| region.corrupt("the size of a queue"))?;
        Ok(Self {
            state: SharedRef::new(region),
            geometry,
            hints: MessageHints::default(),
            spins: SpinState::default(),
            is_close_fenced: AtomicBool::new(false),
        })
    }

    pub(in crate::queue) fn region(&self) -> &Region {
        self.state.region()
    }

    pub(in crate::queue) fn geometry(&self) -> &MessageGeometry {
        &self.geometry
    }

    fn participant_id(&self) -> Result<u32, Stop> {
        Ok(self.state.participant_id()?)
    }

    #[inline]
    fn ring(&self) -> MessageRing<'_> {
        MessageRing::new(&self.state, self.state.body(), &self.geometry, &self.hints)
    }

    /// Pushes a message, waiting for room.
    pub(in crate::queue) fn push(&self, message: &[u8], wait: Wait) -> Result<(), Stop> {
        self.push_by(wait, |own_id| self.ring().try_push(own_id, message))
    }

    /// Pushes a long message of a few bytes and others, waiting for room.
    pub(in crate::queue) fn push_long(&self, head: &[u8], body: &[u8], wait: Wait) -> Result<(), Stop> {
        self.push_by(wait, |own_id| self.ring().try_push_long(own_id, head, body))
    }

    fn push_by(
        &self,
        wait: Wait,
        put: impl Fn(u32) -> Result<PushedMessage, MessageAttempt>,
    ) -> Result<(), Stop> {
        let own_id = self.participant_id()?;
        let point = WaitPoint {
            event: &self.state.ring.space,
            stats: &self.state.ring.full,
            policy: WakePolicy::All,
            spin: &self.spins.space,
        };
        self.retry(&point, || self.ring().pushed(), wait, || self.push_once(|| put(own_id)))?;
        self.state.ring.items.notify(1);
        Ok(())
    }

    fn push_once(&self, put: impl Fn() -> Result<PushedMessage, MessageAttempt>) -> Result<(), MessageStop> {
        let ring = self.ring();
        if ring.is_closed() {
            return Err(Stop::Closed.into());
        }
        let pushed = put().map_err(|attempt| {
            // A wake-up that was for the slot goes on to the other producers, once.
            if attempt == MessageAttempt::NoBlocks && ring.want_room() {
                self.state.ring.space.notify(WAKE_ALL);
            }
            MessageStop::from(attempt)
        })?;
        // A consumer that finds the queue closed looks once more after the heavy barrier. So either
        // it finds this message, or this producer finds the queue closed.
        barrier::light();
        if ring.is_closed() && ring.retract(pushed) {
            // Consumers may wait because they found this producer at work.
            self.state.ring.items.notify(WAKE_ALL);
            return Err(Stop::Closed.into());
        }
        Ok(())
    }

    /// Wakes the producers that may have room now.
    fn notify_room(&self) {
        let count = if self.ring().is_room_wanted() { WAKE_ALL } else { 1 };
        self.state.ring.space.notify(count);
    }

    /// Pops the next message, waiting for one.
    pub(in crate::queue) fn pop(&self, wait: Wait) -> Result<Vec<u8>, Stop> {
        let own_id = self.participant_id()?;
        let message = self.take(own_id, wait, || {
            let mut message = Vec::new();
            self.ring().try_pop(own_id, &mut message)?;
            Ok(message)
        })?;
        self.notify_room();
        self.after_leaving();
        Ok(message)
    }

    /// Leases the next message to this process, waiting for one.
    pub(in crate::queue) fn lease(&self, wait: Wait) -> Result<(MessageLease, Vec<u8>), Stop> {
        let own_id = self.participant_id()?;
        // First, so that what the dead have leased comes before newer messages.
        self.region().segment().mapping().reap_if_due();
        let leased = self.take(own_id, wait, || {
            let mut message = Vec::new();
            let lease = self.ring().try_lease(own_id, &mut message)?;
            Ok((lease, message))
        })?;
        // The slot is free.
        self.notify_room();
        Ok(leased)
    }

    /// Takes a message by `once`, waiting for one.
    fn take<R>(
        &self,
        own_id: u32,
        wait: Wait,
        once: impl Fn() -> Result<R, MessageAttempt>,
    ) -> Result<R, Stop> {
        let point = WaitPoint {
            event: &self.state.ring.items,
            stats: &self.state.ring.empty,
            policy: WakePolicy::AnyOne,
            spin: &self.spins.items,
        };
        let once = || once().map_err(MessageStop::from);
        let once = || once().or_else(|stop| self.recheck_closed(stop, own_id, wait, once));
        self.retry(&point, || self.ring().popped(), wait, once)
    }

    /// What an attempt to take a message has come to: if it found none and the queue is closed, it
    /// is the end, unless a message can still come.
    fn recheck_closed<R>(
        &self,
        stop: MessageStop,
        own_id: u32,
        wait: Wait,
        again: impl Fn() -> Result<R, MessageStop>,
    ) -> Result<R, MessageStop> {
        if matches!(stop, MessageStop::NotYet(MessageAttempt::NoRecord)) && self.ring().want_record() {
            return Err(stop);
        }
        let is_empty = matches!(stop, MessageStop::NotYet(MessageAttempt::WouldBlock));
        if !is_empty || !self.ring().is_closed() {
            return Err(stop);
        }
        // Once for this handle: a push that commits after the barrier finds the queue closed and
        // retracts its message.
        // ORDER: Acquire pairs with the Release below: the barrier is over.
        if !self.is_close_fenced.load(Ordering::Acquire) {
            // Pairs with the light one in `push_once`. If the system refuses it, a pause does
            // instead: no store takes that long.
            if !barrier::heavy() {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            // ORDER: Release pairs with the Acquire above.
            self.is_close_fenced.store(true, Ordering::Release);
            match again() {
                Err(MessageStop::NotYet(MessageAttempt::WouldBlock)) => {}
                other => return other,
            }
        }
        drop_ended(self.region(), |lease| self.ring().is_leased(lease));
        let holds = || held_by_caller(self.region(), own_id, wait);
        if self.ring().could_still_receive(own_id, holds) { Err(stop) } else { Err(Stop::Closed.into()) }
    }

    /// Counts a lease for the thread that calls this, which has just taken it.
    pub(in crate::queue) fn hold(&self, lease: MessageLease) -> HeldLease {
        HeldLease::new(self.region(), lease.owner())
    }

    /// Goes on counting a lease for the calling thread until it ends, in whatever way.
    pub(in crate::queue) fn hold_until_ended(&self, lease: MessageLease, held: HeldLease) {
        keep_until_ended(self.region(), lease, held, |lease| self.ring().is_leased(lease));
    }

    /// Removes a message that this process has leased; `false` if it has not.
    pub(in crate::queue) fn ack(&self, lease: MessageLease) -> Result<bool, Stop> {
        if lease.owner() != self.participant_id()? || !self.ring().ack(lease) {
            return Ok(false);
        }
        if self.ring().is_room_wanted() {
            self.state.ring.space.notify(WAKE_ALL);
        }
        self.after_leaving();
        Ok(true)
    }

    /// Wakes the waiters for which a message must leave the queue for good: joiners, consumers of
    /// the closed queue, and consumers that wait for a record.
    fn after_leaving(&self) {
        let ring = self.ring();
        if ring.is_closed() || ring.are_records_wanted() {
            self.state.ring.items.notify(WAKE_ALL);
        }
        if self.state.idle.has_waiters() {
            // Of two that remove the last messages at the same time, one finds the queue idle.
            // ORDER: SeqCst: between the removal and the look at the others' messages.
            fence(Ordering::SeqCst);
            if ring.is_idle() {
                self.state.idle.notify(WAKE_ALL);
            }
        }
    }

    /// Gives back what this process has leased, if it has.
    pub(in crate::queue) fn give_back(&self, lease: MessageLease) -> Result<(), Stop> {
        if lease.owner() == self.participant_id()? && self.ring().give_back(lease) {
            self.state.ring.items.notify(1);
            // Its record is another's now, or will be.
            if self.ring().is_closed() {
                self.state.ring.items.notify(WAKE_ALL);
            }
        }
        Ok(())
    }

    /// Waits until no message is left, leased ones included.
    pub(in crate::queue) fn wait_until_idle(&self, wait: Wait) -> Result<(), Stop> {
        self.participant_id()?;
        let point = WaitPoint {
            event: &self.state.idle,
            stats: &self.state.joins,
            policy: WakePolicy::All,
            spin: &self.spins.idle,
        };
        let is_idle = || self.ring().is_idle();
        self.retry(
            &point,
            || 0,
            wait,
            || {
                if is_idle() { Ok(()) } else { Err(MessageStop::NotYet(MessageAttempt::WouldBlock)) }
            },
        )
    }

    /// Closes the queue; `false` if it was closed already.
    pub(in crate::queue) fn close(&self) -> bool {
        let closed = self.ring().close();
        self.state.ring.items.notify(WAKE_ALL);
        self.state.ring.space.notify(WAKE_ALL);
        closed
    }

    pub(in crate::queue) fn is_closed(&self) -> bool {
        self.ring().is_closed()
    }

    /// How many messages are to be had.
    pub(in crate::queue) fn len(&self) -> usize {
        self.ring().len() as usize
    }

    /// How many messages are to be had, or are leased.
    pub(in crate::queue) fn unfinished(&self) -> usize {
        self.ring().unfinished() as usize
    }
}
