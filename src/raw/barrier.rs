//! Parties that wait for each other, any of which may be killed at any instruction.
//!
//! A central barrier as Hensgen, Finkel and Manber describe it ("Two algorithms for barrier
//! synchronization", 1988), with two changes: a generation number in the place of the sense flag,
//! and a slot for each party in the place of the count of arrivals. A slot names its party, so that
//! the barrier can be broken if the party dies.
//!
//! The word is `{generation:31 | history:32 | broken:1}`. Bit `k` of the history is set if
//! generation `g - 1 - k` was reset rather than passed. In generation `g`:
//!
//! | word | meaning | who moves it |
//! |---|---|---|
//! | `g`, ok | parties arrive | the party that has claimed the last slot, by a CAS to `g + 1`, passed, ok: **this is the commit point of a pass**. A party whose time is over, or a participant that finds a party dead, by a CAS to `g`, broken. Any participant that aborts, to `g`, broken. Any participant that resets, to `g + 1`, reset, ok |
//! | `g`, broken | no party passes any more | any participant that resets, to `g + 1`, reset, ok |
//!
//! There are two rows of slots, each with as many slots as there are parties: one row for the
//! arrivals of even generations, one for those of odd ones. So while parties arrive in one
//! generation, the arrivals of the generation before can still be read: they say which participants
//! the parties are. A slot in the row of `g`:
//!
//! | slot | meaning | who moves it |
//! |---|---|---|
//! | of another generation, or zero | not claimed yet | an arriving party claims the first such slot, by a CAS to `{g, its id}`: **this is the commit point of an arrival**, and the slot's number is the party's index |
//! | `{g, id}` | participant `id` has arrived | a participant that finds it dead, by a CAS to `{g, 0}`, after it has broken the barrier |
//!
//! Several participants may repair after one party at a time, and one of them may go on long after
//! the others. It breaks the barrier by a CAS of the word at which it has found the dead party to be
//! one, so it breaks no later generation; and it clears the slots in which it still finds the dead
//! party's id, which no other participant has until the last repair is over.
//!
//! Slots are claimed from the first to the last, each by a party that has seen all slots before it
//! claimed. So the party that claims the last one has seen all that the others did before they
//! arrived. If the barrier is reset between a party's look at the word and its claim, the claim is
//! one of a generation that is over, and the next party in that row claims the slot anew. (The
//! number of a generation comes round after 2^31 generations. A slot that was not claimed since
//! would then seem to be claimed; for that, all of those generations would have to have been reset,
//! and none passed.)
//!
//! No wake-up is lost. Each change of the word is followed by a notification of all waiters. If a
//! participant is killed between the two, its repair notifies all waiters again.

#[cfg(all(test, loom))]
mod model;
mod word;

use super::event_count::{EventCount, WAKE_ALL};
use super::wait_stats::{Counter, WaitStats};
use crate::primitive::{AtomicU64, Ordering};
pub(crate) use word::BarrierOutcome;
use word::{Arrival, BROKEN, BarrierView, Generation};

/// The state, before the slots.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[repr(C)]
pub(crate) struct BarrierState {
    word: AtomicU64,
    _padding1: [u64; 15],
    /// Parties park on it.
    pub(crate) event: EventCount,
    /// Waits of parties for others to arrive.
    pub(crate) early: WaitStats,
    /// Deaths that the barrier was broken for.
    pub(crate) repairs: Counter,
    _padding2: [u64; 11],
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<BarrierState>() == 256);

// SAFETY: atomics, and padding that is never accessed.
#[cfg(not(loom))]
#[allow(unsafe_code)]
unsafe impl super::Cells for BarrierState {}

/// The most parties that a barrier can have.
#[cfg(not(loom))]
pub(crate) const MAX_PARTIES: u64 = 1024;

/// Slots for each party.
const ROWS: usize = 2;

/// Bytes of a barrier with its slots; `None` if there cannot be such a barrier.
#[cfg(not(loom))]
pub(crate) fn length(parties: u64) -> Option<u64> {
    let slots = ROWS as u64 * size_of::<AtomicU64>() as u64;
    (1..=MAX_PARTIES).contains(&parties).then(|| size_of::<BarrierState>() as u64 + parties * slots)
}

/// More steps than an arrival takes, unless a participant that breaks the protocol leads it round
/// in circles.
const STEP_LIMIT: u32 = 1 << 22;

/// More often than the word can change during a repair before nothing of the dead participant
/// counts any more: twice by passes, once by breaking, once by a reset.
const REPAIR_LIMIT: u32 = 16;

/// Why a party has not arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ArriveError {
    /// The barrier is broken.
    Broken,
    /// All parties have arrived, and the last of them has not let them pass yet.
    Full,
    /// The party would not be the last.
    WouldWait,
    /// The words are such as no participant that keeps to the protocol leaves.
    Corrupt,
}

/// A party's arrival.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub(crate) struct Arrived {
    view: BarrierView,
    pub(crate) index: usize,
}

/// A barrier, by reference.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawBarrier<'a> {
    state: &'a BarrierState,
    even: &'a [AtomicU64],
    odd: &'a [AtomicU64],
}

impl<'a> RawBarrier<'a> {
    /// The barrier of this state, in `slots`: two for each party.
    pub(crate) fn new(state: &'a BarrierState, slots: &'a [AtomicU64]) -> Self {
        let (even, odd) = slots.split_at(slots.len() / ROWS);
        Self { state, even, odd }
    }

    fn view(&self) -> BarrierView {
        // ORDER: Acquire pairs with the Release in `change`: a party that passes sees what all did
        // before they arrived, and a party that arrives sees the claims of the generations before.
        BarrierView(self.state.word.load(Ordering::Acquire))
    }

    /// Moves the word and notifies all waiters; or returns the word that was found instead of
    /// `from`.
    fn change(&self, from: BarrierView, to: BarrierView) -> Result<(), BarrierView> {
        // ORDER: Release pairs with the Acquire in `view`; Acquire, for a participant that finds
        // that the word has moved.
        match self.state.word.compare_exchange(from.0, to.0, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                self.state.event.notify(WAKE_ALL);
                Ok(())
            }
            Err(found) => Err(BarrierView(found)),
        }
    }

    fn row(&self, generation: Generation) -> &'a [AtomicU64] {
        if generation & 1 == 0 { self.even } else { self.odd }
    }

    /// Whether this arrival is the last one.
    pub(crate) fn is_last(&self, arrived: Arrived) -> bool {
        arrived.index + 1 == self.even.len()
    }

    /// Arrives, as participant `me`.
    pub(crate) fn arrive(&self, me: u32) -> Result<Arrived, ArriveError> {
        self.arrive_after(0, me)
    }

    /// Arrives, as participant `me`, if all other parties have.
    pub(crate) fn arrive_last(&self, me: u32) -> Result<Arrived, ArriveError> {
        self.arrive_after(self.even.len() - 1, me)
    }

    /// Arrives, as participant `me`, if at least `others` parties have.
    fn arrive_after(&self, others: usize, me: u32) -> Result<Arrived, ArriveError> {
        let mut view = self.view();
        let mut index = 0;
        for _ in 0..STEP_LIMIT {
            if view.is_broken() {
                return Err(ArriveError::Broken);
            }
            // All slots of this generation are claimed: the caller waits for the next generation.
            let Some(slot) = self.row(view.generation()).get(index) else { return Err(ArriveError::Full) };
            // ORDER: Acquire pairs with the Release of the claim: a party that has seen the claims
            // of all others has seen all that they did before.
            let found = Arrival(slot.load(Ordering::Acquire));
            // Another party's: slots are claimed in order, so the next one is looked at.
            if found.is_in(view.generation()) {
                index += 1;
                continue;
            }
            // Slots after an unclaimed one are unclaimed, so exactly `index` parties have arrived.
            if index < others {
                return Err(ArriveError::WouldWait);
            }
            // The party that claimed the slot had seen the word of its generation, and so does this
            // look. If the word is what it was, the claim is one of an earlier generation, and not
            // a party's place in a later one.
            let now = self.view();
            if now != view {
                (view, index) = (now, 0);
                continue;
            }
            let claimed = Arrival::new(view.generation(), me);
            // ORDER: Release pairs with the Acquire above. The commit point. If another party has
            // claimed the slot first, it is looked at again.
            if slot.compare_exchange(found.0, claimed.0, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                return Ok(Arrived { view, index });
            }
        }
        Err(ArriveError::Corrupt)
    }

    /// The outcome of the generation of this arrival; `None` while it goes on.
    pub(crate) fn outcome(&self, arrived: Arrived) -> Option<BarrierOutcome> {
        self.view().outcome(arrived.view.generation())
    }

    /// Lets all parties pass. To be called by the last to arrive.
    pub(crate) fn pass(&self, arrived: Arrived) -> BarrierOutcome {
        // The commit point.
        match self.change(arrived.view, arrived.view.next(false)) {
            Ok(()) => BarrierOutcome::Passed,
            // Broken or reset before the last party could let the others pass.
            Err(found) => found.outcome(arrived.view.generation()).unwrap_or(BarrierOutcome::Broken),
        }
    }

    /// Breaks the generation of this arrival, if it still goes on.
    ///
    /// # Errors
    /// The generation's outcome, if it has one already.
    pub(crate) fn give_up(&self, arrived: Arrived) -> Result<(), BarrierOutcome> {
        let change = self.change(arrived.view, arrived.view.broken());
        change.map_err(|found| found.outcome(arrived.view.generation()).unwrap_or(BarrierOutcome::Broken))
    }

    /// Breaks the barrier, in whichever generation it is.
    pub(crate) fn abort(&self) {
        // ORDER: as in `change`.
        self.state.word.fetch_or(BROKEN, Ordering::AcqRel);
        self.state.event.notify(WAKE_ALL);
    }

    /// Begins the next generation. The present one is broken for the parties that have arrived in
    /// it.
    pub(crate) fn reset(&self) {
        let mut view = self.view();
        while let Err(found) = self.change(view, view.next(true)) {
            view = found;
        }
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.view().is_broken()
    }

    /// How many parties have arrived and wait.
    pub(crate) fn waiting(&self) -> usize {
        let view = self.view();
        if view.is_broken() { 0 } else { self.arrivals(view.generation()).count() }
    }

    /// The generation, and the participants that have arrived in it, for inspection.
    #[cfg(not(loom))]
    pub(crate) fn attendance(&self) -> (u64, impl Iterator<Item = u32>) {
        let generation = self.view().generation();
        (generation, self.arrivals(generation).map(Arrival::participant))
    }

    fn arrivals(&self, generation: Generation) -> impl Iterator<Item = Arrival> {
        // ORDER: as in `arrive_after`.
        let arrivals = self.row(generation).iter().map(|slot| Arrival(slot.load(Ordering::Acquire)));
        arrivals.filter(move |arrival| arrival.is_in(generation))
    }

    /// Breaks the barrier if a participant that is proven dead, or that leaves, is one of the
    /// parties, and removes its id from the slots. The id must not be in use again yet. Notifies
    /// all waiters: the participant may have died before it notified them.
    pub(crate) fn repair(&self, id: u32, leaves: bool) {
        for _ in 0..REPAIR_LIMIT {
            let view = self.view();
            if view.is_broken() || !self.is_party(view, id, leaves) {
                break;
            }
            if self.change(view, view.broken()).is_ok() {
                self.state.repairs.add(1);
                break;
            }
            // The word has changed meanwhile: the participant may be a party no more, or still be
            // one.
        }
        // After the breaking, which needs the id; before the id is used again.
        for slot in self.even.iter().chain(self.odd) {
            // ORDER: as in `arrive_after`.
            let found = Arrival(slot.load(Ordering::Acquire));
            if found.participant() == id {
                // ORDER: AcqRel keeps what the claim has released. Fails if another party has
                // claimed the slot by now.
                let _ =
                    slot.compare_exchange(found.0, found.anonymous().0, Ordering::AcqRel, Ordering::Relaxed);
            }
        }
        self.state.event.notify(WAKE_ALL);
    }

    /// Whether the other parties wait for this participant: it has arrived; or it was among those
    /// that passed the last time and has died since. One that leaves is no party after a pass.
    fn is_party(&self, view: BarrierView, id: u32, leaves: bool) -> bool {
        let has_arrived_in =
            |generation| self.arrivals(generation).any(|arrival| arrival.participant() == id);
        let was_passed = view.history() & 1 == 0;
        has_arrived_in(view.generation()) || !leaves && was_passed && has_arrived_in(view.last_generation())
    }
}
