//! The words of a barrier: its own, and that of a slot.

/// The number of a generation.
pub(super) type Generation = u64;

const GENERATIONS: u64 = (1 << 31) - 1;

pub(super) const BROKEN: u64 = 1;
const HISTORY_AT: u32 = 1;
const GENERATION_AT: u32 = 33;

/// The barrier's word as it was at one moment: `{generation:31 | history:32 | broken:1}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BarrierView(pub(super) u64);

/// The outcome of a generation for a party that arrived in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum BarrierOutcome {
    Passed,
    Broken,
}

impl BarrierView {
    pub(super) fn generation(self) -> Generation {
        self.0 >> GENERATION_AT
    }

    /// The generation before this one.
    pub(super) fn last_generation(self) -> Generation {
        self.generation().wrapping_sub(1) & GENERATIONS
    }

    /// Bit `k` is set if generation `g - 1 - k` was reset.
    pub(super) fn history(self) -> u32 {
        (self.0 >> HISTORY_AT) as u32
    }

    pub(super) fn is_broken(self) -> bool {
        self.0 & BROKEN != 0
    }

    /// The word of this generation once it is broken.
    pub(super) fn broken(self) -> Self {
        Self(self.0 | BROKEN)
    }

    /// The word of the next generation, after a pass or a reset.
    pub(super) fn next(self, was_reset: bool) -> Self {
        let generation = (self.generation() + 1) & GENERATIONS;
        let history = self.history() << 1 | u32::from(was_reset);
        Self(generation << GENERATION_AT | u64::from(history) << HISTORY_AT)
    }

    /// The outcome of a generation; `None` while it goes on. A generation that is older than the
    /// history counts as broken, because it may have been: a party is left so far behind only if
    /// more processes than parties use the barrier.
    pub(super) fn outcome(self, generation: Generation) -> Option<BarrierOutcome> {
        match self.generation().wrapping_sub(generation) & GENERATIONS {
            0 => self.is_broken().then_some(BarrierOutcome::Broken),
            age @ 1..=32 if self.history() >> (age - 1) & 1 == 0 => Some(BarrierOutcome::Passed),
            // Reset, or forgotten.
            _ => Some(BarrierOutcome::Broken),
        }
    }
}

/// A slot's word: `{arrived:1 | generation:31 | participant:32}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrival(pub(super) u64);

const ARRIVED: u64 = 1 << 63;
const ARRIVED_IN_AT: u32 = 32;

impl Arrival {
    pub(super) fn new(generation: Generation, participant: u32) -> Self {
        Self(ARRIVED | generation << ARRIVED_IN_AT | u64::from(participant))
    }

    pub(super) fn is_in(self, generation: Generation) -> bool {
        self.0 >> ARRIVED_IN_AT == Self::new(generation, 0).0 >> ARRIVED_IN_AT
    }

    pub(super) fn participant(self) -> u32 {
        self.0 as u32
    }

    /// The word of this arrival without its participant.
    pub(super) fn anonymous(self) -> Self {
        Self(self.0 >> ARRIVED_IN_AT << ARRIVED_IN_AT)
    }
}
