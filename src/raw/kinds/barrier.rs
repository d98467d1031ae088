//! `Barrier`: a state, and slots for the parties after it.

use super::super::barrier::{BarrierState, RawBarrier, length};
use super::super::kind_ops::{Departure, FactSink, KindOps, ObjectWords, all_bytes};
use crate::layout::fingerprint::Kind;

pub(super) static KIND: KindOps = KindOps {
    kind: Kind::Barrier,
    describe: |of| match of.count {
        Some(count) => format!("a Barrier for {count} parties"),
        None => "a Barrier".to_owned(),
    },
    repair,
    inspected_bytes: all_bytes,
    inspect,
};

/// The state and the slots, if they are all there and as many as the number of parties asks for.
fn parts<'a>(object: &ObjectWords<'a>) -> Option<(&'a BarrierState, RawBarrier<'a>)> {
    let state: &BarrierState = object.state()?;
    let slots = object.words_from(size_of::<BarrierState>())?;
    let is_sound = length(object.geometry.element_count) == Some(object.geometry.length);
    (object.is_whole() && is_sound).then(|| (state, RawBarrier::new(state, slots)))
}

/// Breaks the barrier if the participant is one of its parties, and wakes the waiters.
fn repair(object: &ObjectWords<'_>, id: u32, departure: Departure) {
    if let Some((_, barrier)) = parts(object) {
        barrier.repair(id, departure == Departure::Left);
    }
}

fn inspect(object: &ObjectWords<'_>, facts: &mut dyn FactSink) -> Option<()> {
    let (state, barrier) = parts(object)?;
    let (generation, mut parties) = barrier.attendance();
    facts.count("arrived", barrier.waiting() as u64);
    facts.count("parties", object.geometry.element_count);
    facts.is("broken", barrier.is_broken());
    facts.holders("arrived_parties", &mut parties);
    facts.counter("generations", generation);
    facts.wait_stats(&[("waits", &state.early)]);
    facts.counter("repairs", state.repairs.get());
    Some(())
}
