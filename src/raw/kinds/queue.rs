//! `Queue`: the state of a ring with many producers and consumers, and its slots after it.

use super::super::event_count::WAKE_ALL;
use super::super::kind_ops::{Departure, FactSink, KindOps, ObjectWords, all_bytes};
use super::super::mpmc::{MpmcGeometry, MpmcRing, MpmcState, SlotUse, length};
use super::describe;
use crate::layout::fingerprint::Kind;

pub(super) static KIND: KindOps = KindOps {
    kind: Kind::Queue,
    describe: |of| describe::ring("a Queue", of),
    repair,
    inspected_bytes: all_bytes,
    inspect,
};

fn geometry(object: &ObjectWords<'_>) -> Option<MpmcGeometry> {
    let (capacity, size) =
        (object.geometry.element_count, usize::try_from(object.geometry.element_size).ok()?);
    (length(capacity, size) == Some(object.geometry.length)).then(|| MpmcGeometry::new(capacity, size))
}

/// Undoes what the participant was at work on in the slots, and wakes all waiters if there is news
/// for them.
fn repair(object: &ObjectWords<'_>, id: u32, departure: Departure) {
    let Some(geometry) = geometry(object) else { return };
    let slots = object.words_from(size_of::<MpmcState>());
    if let (Some(state), Some(slots)) = (object.state::<MpmcState>(), slots) {
        let ring = MpmcRing::new(state, slots, &geometry);
        let has_left = departure == Departure::Left;
        // Who detaches is at no push or pop any more, so all that it may have left is a lease.
        if has_left && !ring.flags().was_leased() {
            return;
        }
        // After a death also if nothing is found: who repaired before may have died before this.
        if ring.repair(id) || !has_left {
            state.items.notify(WAKE_ALL);
            state.space.notify(WAKE_ALL);
        }
    }
}

fn inspect(object: &ObjectWords<'_>, facts: &mut dyn FactSink) -> Option<()> {
    let state: &MpmcState = object.state()?;
    let geometry = geometry(object)?;
    let ring = MpmcRing::new(state, object.words_from(size_of::<MpmcState>())?, &geometry);
    let (mut writing, mut leased, mut returned) = (Vec::new(), Vec::new(), 0);
    for slot_use in ring.slot_uses() {
        match slot_use {
            SlotUse::Writes(id) => writing.push(id),
            SlotUse::Leases(id) | SlotUse::Takes(id) => leased.push(id),
            SlotUse::Returned => returned += 1,
        }
    }
    let (pushes, pops) = (ring.passed_by_producers(), ring.passed_by_consumers());
    facts.count("fill", ring.len());
    facts.count("capacity", object.geometry.element_count);
    facts.count("tail", pushes);
    facts.count("head", pops);
    let stuck = writing.iter().chain(&leased).filter(|id| facts.is_dead(**id)).count();
    facts.holders("written_by", &mut writing.into_iter());
    facts.holders("leased_by", &mut leased.into_iter());
    facts.count("stuck", stuck as u64);
    facts.count("returned", returned);
    facts.is("closed", ring.is_closed());
    facts.counter("pushes", pushes);
    facts.counter("pops", pops);
    facts.wait_stats(&[("full", &state.full), ("empty", &state.empty)]);
    facts.counter("repairs", state.repairs.get());
    Some(())
}
