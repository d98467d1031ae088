//! One endpoint of a queue with one producer and one consumer: owning it, waiting for the other
//! side, and committing.

#[cfg(feature = "serde")]
use std::sync::{Mutex, PoisonError};

#[cfg(feature = "serde")]
use super::transit::Transit;
use crate::error::{SegmentError, Stop};
use crate::primitive::{AtomicU32, AtomicU64, Ordering, prefetch};
use crate::raw::adaptive_spin::AdaptiveSpin;
use crate::raw::endpoints::{EndpointRole, EndpointState, EndpointsView};
use crate::raw::event_count::{EventCount, WAKE_ALL};
use crate::raw::spsc::{CorruptIndices, SpscSide, SpscState};
use crate::raw::wait::{Wait, WaitPoint, WakePolicy};
use crate::segment::object::Region;
use crate::segment::shared_ref::SharedRef;
use crate::sys::{barrier, clock, fork};

/// An endpoint of a queue, claimed by this process.
pub(super) struct Endpoint<const PRODUCER: bool> {
    state: SharedRef<SpscState>,
    side: SpscSide<PRODUCER>,
    /// Units in the ring.
    capacity: u64,
    /// The participant that holds the endpoint.
    id: u32,
    /// The fork generation of the process that holds the endpoint, or 0 after it was sent away.
    generation: AtomicU32,
    /// The fork generation of the process that claimed the endpoint.
    #[cfg(feature = "serde")]
    claimed_in: fork::ForkGeneration,
    /// The endpoints after this one was serialised, until it is given back.
    #[cfg(feature = "serde")]
    sent: Mutex<Option<EndpointsView>>,
    spin: AdaptiveSpin,
    /// When an attempt that did not wait has checked the peer last, in nanoseconds.
    peer_checked_at: u64,
}

/// How often attempts that do not wait check the peer at most, in nanoseconds: it is a system call.
const PEER_CHECK_INTERVAL: u64 = 50_000_000;

const CORRUPT: &str = "the indices of a queue";

impl From<CorruptIndices> for Stop {
    fn from(_: CorruptIndices) -> Self {
        Self::Corrupt(CORRUPT)
    }
}

impl<const PRODUCER: bool> Endpoint<PRODUCER> {
    const END: EndpointRole = if PRODUCER { EndpointRole::Producer } else { EndpointRole::Consumer };

    /// Claims this endpoint of the queue in the region, whose ring has `capacity` units.
    ///
    /// An endpoint in transit whose sender is alive can be claimed only by the process that it was
    /// `sent` to, and by the sender.
    pub(super) fn claim(region: Region, capacity: u64, sent: bool) -> Result<Self, SegmentError> {
        let state = SharedRef::<SpscState>::new(region);
        let mapping = state.region().segment().mapping();
        let id = mapping.participant()?;
        barrier::register();
        loop {
            let view = state.endpoints.view();
            let holder = view.holder(Self::END);
            // A process may take back an endpoint that it sent and that was not received.
            let is_for_us = matches!(holder, EndpointState::InTransit(sender) if sent || sender == id);
            match holder.id() {
                Some(other) if !is_for_us && mapping.is_alive(other) => {
                    return Err(SegmentError::EndpointTaken { pid: mapping.process_of(other) });
                }
                _ if state.endpoints.change(Self::END, view, EndpointState::Taken(id)) => break,
                // The view was stale.
                _ => {}
            }
        }
        match SpscSide::new(&state, capacity) {
            Ok(side) => Ok(Self {
                state,
                side,
                capacity,
                id,
                generation: AtomicU32::new(fork::generation()),
                #[cfg(feature = "serde")]
                claimed_in: fork::ForkGeneration::current(),
                #[cfg(feature = "serde")]
                sent: Mutex::new(None),
                spin: AdaptiveSpin::default(),
                peer_checked_at: 0,
            }),
            Err(CorruptIndices) => {
                state.endpoints.change_from(Self::END, EndpointState::Taken(id), EndpointState::Disconnected);
                Err(state.region().corrupt(CORRUPT))
            }
        }
    }

    /// The error for indices that contradict each other.
    pub(super) fn corrupt(&self) -> SegmentError {
        self.region().corrupt(CORRUPT)
    }

    pub(super) fn region(&self) -> &Region {
        self.state.region()
    }

    /// The ring's words.
    #[inline(always)]
    pub(super) fn words(&self) -> &[AtomicU64] {
        self.state.body()
    }

    /// Units in the ring.
    #[inline(always)]
    pub(super) fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Where in the ring this side is.
    #[inline(always)]
    pub(super) fn at(&self) -> u64 {
        self.side.at()
    }

    /// Whether this process holds the endpoint, rather than its parent or a process it was sent to.
    #[inline(always)]
    pub(super) fn is_ours(&self) -> bool {
        // ORDER: relaxed; a thread that sends this endpoint away has exclusive use of it.
        self.generation.load(Ordering::Relaxed) == fork::generation() || self.was_given_back()
    }

    /// Whether the endpoint was sent away and has been given back since; then this handle has it
    /// again.
    #[cold]
    #[cfg(feature = "serde")]
    fn was_given_back(&self) -> bool {
        if !self.claimed_in.is_current() {
            return false;
        }
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let view = self.state.endpoints.view();
        let is_back = sent.is_some_and(|sent| view.was_given_back(Self::END, sent, self.id));
        if is_back {
            *sent = None;
            // ORDER: relaxed, as in `is_ours`.
            self.generation.store(self.claimed_in.number(), Ordering::Relaxed);
        }
        is_back
    }

    #[cfg(not(feature = "serde"))]
    fn was_given_back(&self) -> bool {
        false
    }

    /// Waits until this side may write, or read, `wanted` units; returns how many it may. `next` is
    /// their address.
    #[inline(always)]
    pub(super) fn room(&mut self, wanted: u64, next: *const u8, wait: Wait) -> Result<u64, Stop> {
        if !self.is_ours() {
            return Err(Stop::HandedOver);
        }
        if PRODUCER {
            check_open(self.state.endpoints.view())?;
        }
        if self.side.known_room() >= wanted {
            return Ok(self.side.known_room());
        }
        self.spin.back_off(self.side.position());
        let room = self.side.refresh(&self.state)?;
        if room >= wanted {
            return Ok(room);
        }
        self.wait_for_room(wanted, next, wait)
    }

    /// Waits until this side may write, or read, one unit; returns how many it may, all of them if
    /// the known ones are fewer than `wanted`.
    #[inline(always)]
    pub(super) fn room_up_to(&mut self, wanted: u64, next: *const u8, wait: Wait) -> Result<u64, Stop> {
        let room = self.room(1, next, wait)?;
        if room >= wanted {
            return Ok(room);
        }
        Ok(self.side.refresh(&self.state)?)
    }

    #[cold]
    fn wait_for_room(&mut self, wanted: u64, next: *const u8, wait: Wait) -> Result<u64, Stop> {
        // A caller that polls never parks, so it checks its peer here, when it is time.
        if matches!(wait, Wait::NonBlocking) {
            let now = clock::coarse_nanos();
            if now >= self.peer_checked_at.saturating_add(PEER_CHECK_INTERVAL) {
                self.peer_checked_at = now;
                mark_dead_peer::<PRODUCER>(&self.state);
            }
        }
        let Self { state, side, spin, .. } = self;
        let state = &*state;
        let (event, stats) =
            if PRODUCER { (&state.space, &state.full) } else { (&state.items, &state.empty) };
        let try_once = || {
            prefetch(next);
            poll_room(state, side, wanted).transpose()
        };
        let check_peers = || mark_dead_peer::<PRODUCER>(state);
        let point = WaitPoint { event, stats, policy: WakePolicy::Single, spin: &*spin };
        point.wait(wait, try_once, check_peers)?
    }

    /// Commits `count` units, for which there is room, and notifies the other side.
    #[inline(always)]
    pub(super) fn commit(&mut self, count: u64) {
        self.side.advance(&self.state, count);
        self.peer_event().notify(1);
    }

    /// The event count that the other side parks on.
    #[inline(always)]
    fn peer_event(&self) -> &EventCount {
        if PRODUCER { &self.state.items } else { &self.state.space }
    }

    /// The event count that this side parks on.
    #[cfg(feature = "process")]
    pub(super) fn own_event(&self) -> &EventCount {
        if PRODUCER { &self.state.space } else { &self.state.items }
    }

    /// Asks the kernel whether the other side is alive, and disconnects it if it is not.
    #[cfg(feature = "process")]
    pub(super) fn check_peers(&self) {
        if self.is_ours() {
            mark_dead_peer::<PRODUCER>(&self.state);
        }
    }

    /// Units in the ring that are written and not yet read.
    pub(super) fn len(&self) -> u64 {
        self.state.len(self.capacity)
    }

    /// Closes the queue and wakes both sides; `false` if it was closed.
    pub(super) fn close(&self) -> bool {
        let closed = self.state.endpoints.close();
        self.state.items.notify(WAKE_ALL);
        self.state.space.notify(WAKE_ALL);
        closed
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.endpoints.view().is_closed()
    }

    /// Whether a living process holds the other endpoint.
    pub(super) fn is_connected(&self) -> bool {
        let holder = self.state.endpoints.view().holder(Self::END.other());
        holder.id().is_some_and(|id| self.region().segment().mapping().is_alive(id))
    }

    /// Releases the endpoint for another process to claim, which the other side waits for.
    pub(super) fn release(self) {
        self.release_as(EndpointState::Vacant);
    }

    /// Puts the endpoint in transit, to the process that will receive it; `None` if this process
    /// does not hold it.
    #[cfg(feature = "serde")]
    pub(super) fn mark_in_transit(&self) -> Option<Transit> {
        // First, because a fork may have copied the lock while it was held.
        if !self.is_ours() {
            return None;
        }
        let mut last = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.surrender() {
            return None;
        }
        let sent = self.state.endpoints.send(Self::END, self.id)?;
        *last = Some(sent);
        self.peer_event().notify(WAKE_ALL);
        Some(Transit {
            state: self.state.clone(),
            end: Self::END,
            sender: self.id,
            sent,
            generation: self.claimed_in,
        })
    }

    /// Makes this handle hold nothing; `false` if it does not anyway.
    fn surrender(&self) -> bool {
        // ORDER: relaxed, as in `is_ours`; of two threads that send it at the same time one
        // succeeds.
        let was_ours = self.generation.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |generation| {
            (generation == fork::generation()).then_some(0)
        });
        was_ours.is_ok()
    }

    /// Moves the endpoint to another state and notifies the other side; `false` if this process
    /// does not hold it.
    fn release_as(&self, to: EndpointState) -> bool {
        if !self.is_ours() || !self.surrender() {
            return false;
        }
        let given = self.state.endpoints.change_from(Self::END, EndpointState::Taken(self.id), to);
        self.peer_event().notify(WAKE_ALL);
        given
    }
}

/// Room for `wanted` units; `None` if this side has to wait for it.
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
    // The producer may have pushed between the look at the ring and the look at its endpoint. After
    // the end it pushes nothing, so this look is final.
    match side.refresh(state)? {
        room if room >= wanted => Ok(Some(room)),
        _ => Err(end),
    }
}

/// Checks that a pushed value can still reach a consumer.
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

/// Disconnects the other endpoint if its holder is dead.
#[cold]
fn mark_dead_peer<const PRODUCER: bool>(state: &SharedRef<SpscState>) {
    let other = Endpoint::<PRODUCER>::END.other();
    let view = state.endpoints.view();
    let is_dead = |id| !state.region().segment().mapping().is_alive(id);
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
