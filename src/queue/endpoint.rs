//! One end of a queue with one producer and one consumer: whose it is, waiting for the other, and committing.

#![allow(unsafe_code)]

use core::ptr::NonNull;

use crate::error::{SegmentError, Stop};
use crate::primitive::{AtomicU32, Ordering, prefetch};
use crate::raw::ends::{End, Holder, View};
use crate::raw::event_word::{EVERYBODY, EventWord};
use crate::raw::patience::{Patience, Sleepers, Spin, wait_for};
use crate::raw::spsc::{Contradiction, Side, State};
use crate::segment::object::Region;
use crate::sys::{barrier, fork};

/// An end of a queue, taken by this process.
pub(super) struct Endpoint<const PRODUCER: bool> {
    state: NonNull<State>,
    side: Side<PRODUCER>,
    /// The participant whose it is.
    id: u32,
    /// The fork generation of the process whose it is, or 0 once it was sent away.
    generation: AtomicU32,
    spin: Spin,
    /// Attempts that did not wait and found nothing.
    in_vain: u32,
    region: Region,
}

// SAFETY: the pointer is to atomics in the mapping that `region` keeps alive.
unsafe impl<const PRODUCER: bool> Send for Endpoint<PRODUCER> {}
// SAFETY: as above.
unsafe impl<const PRODUCER: bool> Sync for Endpoint<PRODUCER> {}

/// After so many attempts in vain, one that does not wait sees whether the other side lives: that is a system call.
const PATIENT_ATTEMPTS: u32 = 1024;

const CORRUPT: &str = "the indices of a queue";

impl From<Contradiction> for Stop {
    fn from(_: Contradiction) -> Self {
        Self::Corrupt(CORRUPT)
    }
}

impl<const PRODUCER: bool> Endpoint<PRODUCER> {
    const END: End = if PRODUCER { End::Producer } else { End::Consumer };

    /// Takes this end of the queue that lies in the region, of so many units. Whose sender lives, a pledged one only where it was
    /// `sent` here.
    pub(super) fn take(region: Region, capacity: u64, sent: bool) -> Result<Self, SegmentError> {
        let state: &State = region.state();
        let mapping = region.segment().mapping();
        let id = mapping.participant()?;
        barrier::register();
        let mut looked_twice = false;
        loop {
            let view = state.ends.view();
            let holder = view.holder(Self::END);
            // What this process has sent and nobody has received it may take back.
            let is_for_us = matches!(holder, Holder::Pledged(sender) if sent || sender == id);
            match holder.id() {
                Some(other) if !is_for_us && mapping.is_alive(other) => {
                    if looked_twice {
                        return Err(SegmentError::EndpointTaken { pid: mapping.process_of(other) });
                    }
                    // Who repairs after the dead holds their locks meanwhile, in the gate.
                    mapping.wait_at_the_gate();
                    looked_twice = true;
                }
                _ if state.ends.change(Self::END, view, Holder::Taken(id)) => break,
                _ => {}
            }
        }
        match Side::new(state, capacity) {
            Ok(side) => Ok(Self {
                state: NonNull::from(state),
                side,
                id,
                generation: AtomicU32::new(fork::generation()),
                spin: Spin::default(),
                in_vain: 0,
                region,
            }),
            Err(Contradiction) => {
                state.ends.change_from(Self::END, Holder::Taken(id), Holder::Gone);
                Err(region.corrupt(CORRUPT))
            }
        }
    }

    /// The error for indices that mean nothing.
    pub(super) fn corrupt(&self) -> SegmentError {
        self.region.corrupt(CORRUPT)
    }

    #[inline(always)]
    fn state(&self) -> &State {
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
    pub(super) fn room(&mut self, wanted: u64, next: *const u8, patience: Patience) -> Result<u64, Stop> {
        if !self.is_ours() {
            return Err(Stop::HandedOver);
        }
        if PRODUCER {
            is_wanted(self.state().ends.view())?;
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
        self.wait_for_room(wanted, next, patience)
    }

    /// How many units this side may write, or read: at least one, and where it would go as far as `wanted`, all there are.
    #[inline(always)]
    pub(super) fn room_up_to(
        &mut self,
        wanted: u64,
        next: *const u8,
        patience: Patience,
    ) -> Result<u64, Stop> {
        let room = self.room(1, next, patience)?;
        if room >= wanted {
            return Ok(room);
        }
        // SAFETY: as in `state`; apart from `self`, whose side is borrowed.
        let state = unsafe { self.state.as_ref() };
        Ok(self.side.refresh(state)?)
    }

    #[cold]
    fn wait_for_room(&mut self, wanted: u64, next: *const u8, patience: Patience) -> Result<u64, Stop> {
        if matches!(patience, Patience::None) {
            self.in_vain = self.in_vain.wrapping_add(1);
            if self.in_vain.is_multiple_of(PATIENT_ATTEMPTS) {
                look_after_the_other::<PRODUCER>(self.state(), &self.region);
            }
        }
        // SAFETY: as in `state`; apart from `self`, whose other fields are borrowed below.
        let state = unsafe { self.state.as_ref() };
        let Self { side, spin, region, .. } = self;
        let event = if PRODUCER { (&state.space, &state.full) } else { (&state.items, &state.empty) };
        let look = || {
            prefetch(next);
            look(state, side, wanted).transpose()
        };
        let care = || look_after_the_other::<PRODUCER>(state, region);
        wait_for(event, Sleepers::One, patience, spin, look, care).unwrap_or(Err(match patience {
            Patience::None => Stop::WouldBlock,
            Patience::For(_) | Patience::Forever | Patience::Later(_) => Stop::Timeout,
        }))
    }

    /// Commits `count` units, of which there is room for, and tells the other side.
    #[inline(always)]
    pub(super) fn commit(&mut self, count: u64) {
        // SAFETY: as in `state`; apart from `self`, whose side is borrowed.
        let state = unsafe { self.state.as_ref() };
        self.side.advance(state, count);
        self.others_event().notify(1);
    }

    /// What the other side sleeps on.
    #[inline(always)]
    fn others_event(&self) -> &EventWord {
        if PRODUCER { &self.state().items } else { &self.state().space }
    }

    /// What this side sleeps on.
    #[cfg(feature = "process")]
    pub(super) fn own_event(&self) -> &EventWord {
        if PRODUCER { &self.state().space } else { &self.state().items }
    }

    /// Sees whether the other side lives.
    #[cfg(feature = "process")]
    pub(super) fn care(&self) {
        if self.is_ours() {
            look_after_the_other::<PRODUCER>(self.state(), &self.region);
        }
    }

    /// Units in the ring.
    pub(super) fn len(&self, capacity: u64) -> u64 {
        self.state().len(capacity)
    }

    pub(super) fn close(&self) -> bool {
        let closed = self.state().ends.close();
        self.state().items.notify(EVERYBODY);
        self.state().space.notify(EVERYBODY);
        closed
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state().ends.view().is_closed()
    }

    /// Whether a living process has the other end.
    pub(super) fn is_connected(&self) -> bool {
        let holder = self.state().ends.view().holder(Self::END.other());
        holder.id().is_some_and(|id| self.region.segment().mapping().is_alive(id))
    }

    /// Lets go of the end, for another process to take; the other side waits for it.
    pub(super) fn release(self) {
        self.give_up(Holder::Vacant);
    }

    /// Sends the end away: from now on it belongs to who receives it.
    #[cfg(feature = "serde")]
    pub(super) fn pledge(&self) -> bool {
        self.give_up(Holder::Pledged(self.id))
    }

    /// Gives the end to another holder, if it is ours, and tells the other side.
    fn give_up(&self, to: Holder) -> bool {
        // ORDER: relaxed, as in `is_ours`; only one of two threads that send it at the same time finds it.
        let was_ours = self.generation.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |generation| {
            (generation == fork::generation()).then_some(0)
        });
        if was_ours.is_err() {
            return false;
        }
        let given = self.state().ends.change_from(Self::END, Holder::Taken(self.id), to);
        self.others_event().notify(EVERYBODY);
        given
    }
}

/// Room for `wanted` units; `None` where this side has to wait for it.
#[inline(always)]
fn look<const PRODUCER: bool>(
    state: &State,
    side: &mut Side<PRODUCER>,
    wanted: u64,
) -> Result<Option<u64>, Stop> {
    if PRODUCER {
        is_wanted(state.ends.view())?;
    }
    let room = side.refresh(state)?;
    if room >= wanted {
        return Ok(Some(room));
    }
    if PRODUCER {
        return Ok(None);
    }
    let view = state.ends.view();
    let end = match view.holder(End::Producer) {
        _ if view.is_closed() => Stop::Closed,
        Holder::Gone => Stop::Disconnected,
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
fn is_wanted(view: View) -> Result<(), Stop> {
    if view.is_closed() {
        return Err(Stop::Closed);
    }
    if view.holder(End::Consumer) == Holder::Gone {
        return Err(Stop::Disconnected);
    }
    Ok(())
}

/// Marks the other end as gone if its holder has died.
#[cold]
fn look_after_the_other<const PRODUCER: bool>(state: &State, region: &Region) {
    let other = Endpoint::<PRODUCER>::END.other();
    let view = state.ends.view();
    let is_dead = |id| !region.segment().mapping().is_alive(id);
    if view.holder(other).id().is_some_and(is_dead) {
        let taken = state.ends.change(other, view, Holder::Gone);
        state.repairs.add(taken.into());
    }
}

impl<const PRODUCER: bool> Drop for Endpoint<PRODUCER> {
    fn drop(&mut self) {
        self.give_up(Holder::Gone);
    }
}
