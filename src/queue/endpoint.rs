//! One end of a queue with one producer and one consumer: whose it is, waiting for the other, and committing.

#![allow(unsafe_code)]

use core::ptr::NonNull;

use crate::error::{SegmentError, Stop};
use crate::primitive::{AtomicU32, Ordering, prefetch};
use crate::raw::endpoints::{EndpointRole, EndpointState, EndpointsView};
use crate::raw::event_count::{EventCount, WAKE_ALL};
use crate::raw::spsc::{CorruptIndices, SpscSide, SpscState};
use crate::raw::wait::{AdaptiveSpin, Wait, WakePolicy, wait_for};
use crate::segment::object::Region;
use crate::sys::{barrier, fork};

/// An end of a queue, taken by this process.
pub(super) struct Endpoint<const PRODUCER: bool> {
    state: NonNull<SpscState>,
    side: SpscSide<PRODUCER>,
    /// The participant whose it is.
    id: u32,
    /// The fork generation of the process whose it is, or 0 once it was sent away.
    generation: AtomicU32,
    spin: AdaptiveSpin,
    /// Attempts that did not wait and found nothing.
    failed_attempts: u32,
    region: Region,
}

// SAFETY: the pointer is to atomics in the mapping that `region` keeps alive.
unsafe impl<const PRODUCER: bool> Send for Endpoint<PRODUCER> {}
// SAFETY: as above.
unsafe impl<const PRODUCER: bool> Sync for Endpoint<PRODUCER> {}

/// After so many attempts in vain, one that does not wait sees whether the other side lives: that is a system call.
const ATTEMPTS_PER_PEER_CHECK: u32 = 1024;

const CORRUPT: &str = "the indices of a queue";

impl From<CorruptIndices> for Stop {
    fn from(_: CorruptIndices) -> Self {
        Self::Corrupt(CORRUPT)
    }
}

impl<const PRODUCER: bool> Endpoint<PRODUCER> {
    const END: EndpointRole = if PRODUCER { EndpointRole::Producer } else { EndpointRole::Consumer };

    /// Takes this end of the queue that lies in the region, of so many units. Whose sender lives, a pledged one only where it was
    /// `sent` here.
    pub(super) fn claim(region: Region, capacity: u64, sent: bool) -> Result<Self, SegmentError> {
        let state: &SpscState = region.state();
        let mapping = region.segment().mapping();
        let id = mapping.participant()?;
        barrier::register();
        let mut has_rechecked = false;
        loop {
            let view = state.endpoints.view();
            let holder = view.holder(Self::END);
            // What this process has sent and nobody has received it may take back.
            let is_for_us = matches!(holder, EndpointState::InTransit(sender) if sent || sender == id);
            match holder.id() {
                Some(other) if !is_for_us && mapping.is_alive(other) => {
                    if has_rechecked {
                        return Err(SegmentError::EndpointTaken { pid: mapping.process_of(other) });
                    }
                    // Who repairs after the dead holds their locks meanwhile, in the gate.
                    mapping.wait_for_admin_lock();
                    has_rechecked = true;
                }
                _ if state.endpoints.change(Self::END, view, EndpointState::Taken(id)) => break,
                _ => {}
            }
        }
        match SpscSide::new(state, capacity) {
            Ok(side) => Ok(Self {
                state: NonNull::from(state),
                side,
                id,
                generation: AtomicU32::new(fork::generation()),
                spin: AdaptiveSpin::default(),
                failed_attempts: 0,
                region,
            }),
            Err(CorruptIndices) => {
                state.endpoints.change_from(Self::END, EndpointState::Taken(id), EndpointState::Disconnected);
                Err(region.corrupt(CORRUPT))
            }
        }
    }

    /// The error for indices that mean nothing.
    pub(super) fn corrupt(&self) -> SegmentError {
        self.region.corrupt(CORRUPT)
    }

    #[inline(always)]
    fn state(&self) -> &SpscState {
        // SAFETY: taken from a reference into the mapping, which `self.region` keeps mapped.
        unsafe { self.state.as_ref() }
    }

    pub(super) fn region(&self) -> &Region {
        &self.region
    }

    /// Where in the ring this side is.
    #[inline(always)]
    pub(super) fn at(&self) -> u64 {
        self.side.at()
    }

    #[inline(always)]
    pub(super) fn is_ours(&self) -> bool {
        // ORDER: relaxed; whoever sends this end away has it to itself.
        self.generation.load(Ordering::Relaxed) == fork::generation()
    }

    /// How many units this side may write, or read: at least `wanted`, or the reason why not. `next` is where they lie.
    #[inline(always)]
    pub(super) fn room(&mut self, wanted: u64, next: *const u8, wait: Wait) -> Result<u64, Stop> {
        if !self.is_ours() {
            return Err(Stop::HandedOver);
        }
        if PRODUCER {
            check_open(self.state().endpoints.view())?;
        }
        if self.side.known_room() >= wanted {
            return Ok(self.side.known_room());
        }
        // SAFETY: as in `state`; apart from `self`, which is borrowed anew.
        let state = unsafe { self.state.as_ref() };
        self.spin.back_off(self.side.position());
        let room = self.side.refresh(state)?;
        if room >= wanted {
            return Ok(room);
        }
        self.wait_for_room(wanted, next, wait)
    }

    /// How many units this side may write, or read: at least one, and where it would go as far as `wanted`, all there are.
    #[inline(always)]
    pub(super) fn room_up_to(&mut self, wanted: u64, next: *const u8, wait: Wait) -> Result<u64, Stop> {
        let room = self.room(1, next, wait)?;
        if room >= wanted {
            return Ok(room);
        }
        // SAFETY: as in `state`; apart from `self`, whose side is borrowed.
        let state = unsafe { self.state.as_ref() };
        Ok(self.side.refresh(state)?)
    }

    #[cold]
    fn wait_for_room(&mut self, wanted: u64, next: *const u8, wait: Wait) -> Result<u64, Stop> {
        if matches!(wait, Wait::NonBlocking) {
            self.failed_attempts = self.failed_attempts.wrapping_add(1);
            if self.failed_attempts.is_multiple_of(ATTEMPTS_PER_PEER_CHECK) {
                mark_dead_peer::<PRODUCER>(self.state(), &self.region);
            }
        }
        // SAFETY: as in `state`; apart from `self`, whose other fields are borrowed below.
        let state = unsafe { self.state.as_ref() };
        let Self { side, spin, region, .. } = self;
        let event = if PRODUCER { (&state.space, &state.full) } else { (&state.items, &state.empty) };
        let try_once = || {
            prefetch(next);
            poll_room(state, side, wanted).transpose()
        };
        let check_peers = || mark_dead_peer::<PRODUCER>(state, region);
        wait_for(event, WakePolicy::Single, wait, spin, try_once, check_peers).unwrap_or(Err(match wait {
            Wait::NonBlocking => Stop::WouldBlock,
            Wait::Timeout(_) | Wait::Forever | Wait::Task(_) => Stop::Timeout,
        }))
    }

    /// Commits `count` units, of which there is room for, and tells the other side.
    #[inline(always)]
    pub(super) fn commit(&mut self, count: u64) {
        // SAFETY: as in `state`; apart from `self`, whose side is borrowed.
        let state = unsafe { self.state.as_ref() };
        self.side.advance(state, count);
        self.peer_event().notify(1);
    }

    /// What the other side sleeps on.
    #[inline(always)]
    fn peer_event(&self) -> &EventCount {
        if PRODUCER { &self.state().items } else { &self.state().space }
    }

    /// What this side sleeps on.
    #[cfg(feature = "process")]
    pub(super) fn own_event(&self) -> &EventCount {
        if PRODUCER { &self.state().space } else { &self.state().items }
    }

    /// Sees whether the other side lives.
    #[cfg(feature = "process")]
    pub(super) fn check_peers(&self) {
        if self.is_ours() {
            mark_dead_peer::<PRODUCER>(self.state(), &self.region);
        }
    }

    /// Units in the ring.
    pub(super) fn len(&self, capacity: u64) -> u64 {
        self.state().len(capacity)
    }

    pub(super) fn close(&self) -> bool {
        let closed = self.state().endpoints.close();
        self.state().items.notify(WAKE_ALL);
        self.state().space.notify(WAKE_ALL);
        closed
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state().endpoints.view().is_closed()
    }

    /// Whether a living process has the other end.
    pub(super) fn is_connected(&self) -> bool {
        let holder = self.state().endpoints.view().holder(Self::END.other());
        holder.id().is_some_and(|id| self.region.segment().mapping().is_alive(id))
    }

    /// Lets go of the end, for another process to take; the other side waits for it.
    pub(super) fn release(self) {
        self.release_as(EndpointState::Vacant);
    }

    /// Sends the end away: from now on it belongs to who receives it.
    #[cfg(feature = "serde")]
    pub(super) fn mark_in_transit(&self) -> bool {
        self.release_as(EndpointState::InTransit(self.id))
    }

    /// Gives the end to another holder, if it is ours, and tells the other side.
    fn release_as(&self, to: EndpointState) -> bool {
        // ORDER: relaxed, as in `is_ours`; only one of two threads that send it at the same time finds it.
        let was_ours = self.generation.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |generation| {
            (generation == fork::generation()).then_some(0)
        });
        if was_ours.is_err() {
            return false;
        }
        let given = self.state().endpoints.change_from(Self::END, EndpointState::Taken(self.id), to);
        self.peer_event().notify(WAKE_ALL);
        given
    }
}

/// Room for `wanted` units; `None` where this side has to wait for it.
#[inline(always)]
fn poll_room<const PRODUCER: bool>(
    state: &SpscState,
    side: &mut SpscSide<PRODUCER>,
    wanted: u64,
) -> Result<Option<u64>, Stop> {
    if PRODUCER {
        check_open(state.endpoints.view())?;
    }
    let room = side.refresh(state)?;
    if room >= wanted {
        return Ok(Some(room));
    }
    if PRODUCER {
        return Ok(None);
    }
    let view = state.endpoints.view();
    let end = match view.holder(EndpointRole::Producer) {
        _ if view.is_closed() => Stop::Closed,
        EndpointState::Disconnected => Stop::Disconnected,
        _ => return Ok(None),
    };
    // What was pushed before the end is there now.
    match side.refresh(state)? {
        room if room >= wanted => Ok(Some(room)),
        _ => Err(end),
    }
}

/// Whether what is pushed can still reach somebody.
#[inline(always)]
fn check_open(view: EndpointsView) -> Result<(), Stop> {
    if view.is_closed() {
        return Err(Stop::Closed);
    }
    if view.holder(EndpointRole::Consumer) == EndpointState::Disconnected {
        return Err(Stop::Disconnected);
    }
    Ok(())
}

/// Marks the other end as gone if its holder has died.
#[cold]
fn mark_dead_peer<const PRODUCER: bool>(state: &SpscState, region: &Region) {
    let other = Endpoint::<PRODUCER>::END.other();
    let view = state.endpoints.view();
    let is_dead = |id| !region.segment().mapping().is_alive(id);
    if view.holder(other).id().is_some_and(is_dead) {
        let taken = state.endpoints.change(other, view, EndpointState::Disconnected);
        state.repairs.add(taken.into());
    }
}

impl<const PRODUCER: bool> Drop for Endpoint<PRODUCER> {
    fn drop(&mut self) {
        self.release_as(EndpointState::Disconnected);
    }
}
