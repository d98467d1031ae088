//! Parties that wait for each other, any of whom may be killed at any instruction.
//!
//! The word is `{generation:31 | history:32 | broken:1}`. Bit `k` of the history says that generation `g - 1 - k` was reset rather
//! than passed. In generation `g`:
//!
//! | word | meaning | who moves it |
//! |---|---|---|
//! | `g`, ok | parties arrive | who has claimed the last slot, by a CAS to `g + 1`, passed, ok: **this is the commit of a pass**. Whose time is up, or who finds a party dead, by a CAS to `g`, broken. Anybody who aborts, to `g`, broken. Anybody who resets, to `g + 1`, reset, ok |
//! | `g`, broken | nobody passes any more | anybody who resets, to `g + 1`, reset, ok |
//!
//! There are two rows of slots, as many in each as there are parties: the arrivals of even generations, and of odd ones. So the
//! arrivals of the generation before this one stay to be seen while those of this one come: these are the parties, as far as
//! anybody knows. A slot in the row of `g`:
//!
//! | slot | meaning | who moves it |
//! |---|---|---|
//! | of another generation, or of none | not claimed yet | a party that arrives claims the first such slot, by a CAS to `{g, its id}`: **this is the commit of an arrival**, and the slot's number is its index |
//! | `{g, id}` | participant `id` has arrived | whoever finds it dead, to `{g, 0}`, once the barrier is broken for it |
//!
//! Slots are claimed from the first to the last, each by somebody who has seen all before it claimed. So who claims the last one
//! has seen all that the others did before they arrived. A claim that comes too late, because the barrier was reset
//! meanwhile, is one of a generation that is over, and the next party in that row claims the slot anew. (A number of a
//! generation comes round after 2^31 of them. A slot that nobody has claimed since would then seem to be claimed: there would
//! have to have been no pass, but as many resets.)

#[cfg(all(test, loom))]
mod model;

use super::event_count::{EventCount, WAKE_ALL};
use super::wait_stats::{Counter, WaitStats};
use crate::primitive::{AtomicU64, Ordering};

/// The state, in front of the slots.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[repr(C)]
pub(crate) struct BarrierState {
    word: AtomicU64,
    _padding1: [u64; 15],
    /// Parties sleep on it.
    pub(crate) event: EventCount,
    _padding2: u32,
    /// Of those that waited for others to come.
    pub(crate) early: WaitStats,
    /// Deaths that it was broken for.
    pub(crate) repairs: Counter,
    _padding3: [u64; 11],
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<BarrierState>() == 256);

// SAFETY: atomics, and bytes that nobody looks at.
#[cfg(not(loom))]
#[allow(unsafe_code)]
unsafe impl super::Cells for BarrierState {}

/// The most parties that a barrier can have.
#[cfg(not(loom))]
pub(crate) const MAX_PARTIES: u64 = 1024;

/// Slots for each party.
const ROWS: usize = 2;

/// Bytes of a barrier with its slots; `None` where there cannot be such a barrier.
#[cfg(not(loom))]
pub(crate) fn length(parties: u64) -> Option<u64> {
    let slots = ROWS as u64 * size_of::<AtomicU64>() as u64;
    (1..=MAX_PARTIES).contains(&parties).then(|| size_of::<BarrierState>() as u64 + parties * slots)
}

/// More steps than any arrival takes that others do not keep from its end: somebody leads it round in circles.
const STEP_LIMIT: u32 = 1 << 22;

/// More often than the word can change while a repair goes on, before nothing of the dead counts any more: twice by
/// passes, once by breaking, once by a reset.
const REPAIR_LIMIT: u32 = 16;

/// The number of a generation.
type Generation = u64;

const GENERATIONS: u64 = (1 << 31) - 1;

/// The word as it was at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct BarrierView(u64);

const BROKEN: u64 = 1;
const HISTORY_AT: u32 = 1;
const GENERATION_AT: u32 = 33;

impl BarrierView {
    fn generation(self) -> Generation {
        self.0 >> GENERATION_AT
    }

    /// The generation before this one.
    fn last_generation(self) -> Generation {
        self.generation().wrapping_sub(1) & GENERATIONS
    }

    fn history(self) -> u32 {
        (self.0 >> HISTORY_AT) as u32
    }

    fn is_broken(self) -> bool {
        self.0 & BROKEN != 0
    }

    fn broken(self) -> Self {
        Self(self.0 | BROKEN)
    }

    /// The next generation, after a pass or a reset.
    fn next(self, was_reset: bool) -> Self {
        let generation = (self.generation() + 1) & GENERATIONS;
        let history = self.history() << 1 | u32::from(was_reset);
        Self(generation << GENERATION_AT | u64::from(history) << HISTORY_AT)
    }

    /// What has become of a generation; `None` while it goes on. One that nobody remembers may have been broken, and is taken so: only
    /// where there are more processes than parties can they leave one of them so far behind.
    fn outcome(self, generation: Generation) -> Option<BarrierOutcome> {
        match self.generation().wrapping_sub(generation) & GENERATIONS {
            0 => self.is_broken().then_some(BarrierOutcome::Broken),
            behind @ 1..=32 if self.history() >> (behind - 1) & 1 == 0 => Some(BarrierOutcome::Passed),
            _ => Some(BarrierOutcome::Broken),
        }
    }
}

/// A slot's word: `{arrived:1 | generation:31 | participant:32}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Arrival(u64);

const ARRIVED: u64 = 1 << 63;
const ARRIVED_IN_AT: u32 = 32;

impl Arrival {
    fn new(generation: Generation, participant: u32) -> Self {
        Self(ARRIVED | generation << ARRIVED_IN_AT | u64::from(participant))
    }

    fn is_in(self, generation: Generation) -> bool {
        self.0 >> ARRIVED_IN_AT == Self::new(generation, 0).0 >> ARRIVED_IN_AT
    }

    fn participant(self) -> u32 {
        self.0 as u32
    }

    fn anonymous(self) -> Self {
        Self(self.0 >> ARRIVED_IN_AT << ARRIVED_IN_AT)
    }
}

/// What has become of a generation that somebody had arrived in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum BarrierOutcome {
    Passed,
    Broken,
}

/// Why somebody has not arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ArriveError {
    Broken,
    /// All have arrived, and the last of them has not let them pass yet.
    Full,
    /// It would not be the last.
    WouldWait,
    /// Words that no process that keeps to the rules has left so.
    Corrupt,
}

/// Somebody has arrived.
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
    /// There are two slots for each party.
    pub(crate) fn new(state: &'a BarrierState, slots: &'a [AtomicU64]) -> Self {
        let (even, odd) = slots.split_at(slots.len() / ROWS);
        Self { state, even, odd }
    }

    fn view(&self) -> BarrierView {
        // ORDER: Acquire pairs with the Release in `change`: who passes sees what all did before they arrived, and who arrives sees
        // the claims of the generations before.
        BarrierView(self.state.word.load(Ordering::Acquire))
    }

    /// Moves the word, and tells everybody who waits; or says what it was.
    fn change(&self, from: BarrierView, to: BarrierView) -> Result<(), BarrierView> {
        // ORDER: Release pairs with the Acquire in `view`; Acquire, for who finds that it has moved.
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

    /// Arrives if all others have.
    pub(crate) fn arrive_last(&self, me: u32) -> Result<Arrived, ArriveError> {
        self.arrive_after(self.even.len() - 1, me)
    }

    /// Arrives if so many others have.
    fn arrive_after(&self, others: usize, me: u32) -> Result<Arrived, ArriveError> {
        let mut view = self.view();
        let mut index = 0;
        for _ in 0..STEP_LIMIT {
            if view.is_broken() {
                return Err(ArriveError::Broken);
            }
            let Some(slot) = self.row(view.generation()).get(index) else { return Err(ArriveError::Full) };
            // ORDER: Acquire pairs with the Release of the claim: who has seen all others' has seen all that they did before.
            let found = Arrival(slot.load(Ordering::Acquire));
            if found.is_in(view.generation()) {
                index += 1;
                continue;
            }
            if index < others {
                return Err(ArriveError::WouldWait);
            }
            // Who claimed the slot had seen the word of its generation, and so does this. If the word is what it was, the slot is
            // of an earlier one, and not somebody's place in a later one.
            let now = self.view();
            if now != view {
                (view, index) = (now, 0);
                continue;
            }
            let claimed = Arrival::new(view.generation(), me);
            // ORDER: Release pairs with the Acquire above. The commit. Where it fails, the slot is looked at again.
            if slot.compare_exchange(found.0, claimed.0, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                return Ok(Arrived { view, index });
            }
        }
        Err(ArriveError::Corrupt)
    }

    /// What has become of the generation that somebody had arrived in; `None` while it goes on.
    pub(crate) fn outcome(&self, arrived: Arrived) -> Option<BarrierOutcome> {
        self.view().outcome(arrived.view.generation())
    }

    /// Lets all pass. To be called by the last to arrive.
    pub(crate) fn pass(&self, arrived: Arrived) -> BarrierOutcome {
        // The commit.
        match self.change(arrived.view, arrived.view.next(false)) {
            Ok(()) => BarrierOutcome::Passed,
            Err(found) => found.outcome(arrived.view.generation()).unwrap_or(BarrierOutcome::Broken),
        }
    }

    /// Breaks the generation that somebody had arrived in, if it still goes on; else, says what has become of it.
    pub(crate) fn give_up(&self, arrived: Arrived) -> Result<(), BarrierOutcome> {
        let change = self.change(arrived.view, arrived.view.broken());
        change.map_err(|found| found.outcome(arrived.view.generation()).unwrap_or(BarrierOutcome::Broken))
    }

    /// Breaks the barrier, in whatever generation it is.
    pub(crate) fn abort(&self) {
        // ORDER: as in `change`.
        self.state.word.fetch_or(BROKEN, Ordering::AcqRel);
        self.state.event.notify(WAKE_ALL);
    }

    /// Begins the next generation. This one is broken for who had arrived in it.
    pub(crate) fn reset(&self) {
        let mut view = self.view();
        while let Err(found) = self.change(view, view.next(true)) {
            view = found;
        }
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.view().is_broken()
    }

    /// How many have arrived and wait.
    pub(crate) fn waiting(&self) -> usize {
        let view = self.view();
        if view.is_broken() { 0 } else { self.arrivals(view.generation()).count() }
    }

    /// The generation, and who has arrived in it: for whoever only looks.
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

    /// Breaks the barrier if a participant that is proven dead, or leaves, was one of the parties, and forgets it. Nobody has its id
    /// yet. Everybody who waits is told to look again: it may have died before it could tell them.
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
        }
        for slot in self.even.iter().chain(self.odd) {
            // ORDER: as in `arrive_after`.
            let found = Arrival(slot.load(Ordering::Acquire));
            if found.participant() == id {
                // ORDER: AcqRel keeps what the claim has released. Fails where a party has the slot now.
                let _ =
                    slot.compare_exchange(found.0, found.anonymous().0, Ordering::AcqRel, Ordering::Relaxed);
            }
        }
        self.state.event.notify(WAKE_ALL);
    }

    /// Whether the others wait for it: it has arrived, or it was there the last time and has died since.
    fn is_party(&self, view: BarrierView, id: u32, leaves: bool) -> bool {
        let has_arrived_in =
            |generation| self.arrivals(generation).any(|arrival| arrival.participant() == id);
        let was_passed = view.history() & 1 == 0;
        has_arrived_in(view.generation()) || !leaves && was_passed && has_arrived_in(view.last_generation())
    }
}
