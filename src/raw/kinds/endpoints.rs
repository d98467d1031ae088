//! What the two kinds of queues with one producer and one consumer share: the state of a ring, and
//! whose its ends are.

use super::super::endpoints::{EndpointRole, EndpointState};
use super::super::event_count::WAKE_ALL;
use super::super::kind_ops::{Departure, FactSink, ObjectGeometry, ObjectWords};
use super::super::spsc::SpscState;

/// Vacates a participant's ends of the queue, and wakes the waiters at the others.
pub(super) fn repair(object: &ObjectWords<'_>, id: u32, departure: Departure) {
    let Some(state) = object.state::<SpscState>() else { return };
    let had_one = state.endpoints.repair(id, departure == Departure::Left);
    let has_died = departure == Departure::Died;
    state.repairs.add((had_one && has_died).into());
    // After a death also if it had none: another process may have vacated its ends, and be dead or
    // stopped.
    if had_one || has_died {
        state.items.notify(WAKE_ALL);
        state.space.notify(WAKE_ALL);
    }
}

/// The ring's state; not the messages.
pub(super) fn inspected_bytes(_: &ObjectGeometry) -> u64 {
    size_of::<SpscState>() as u64
}

pub(super) fn inspect(object: &ObjectWords<'_>, facts: &mut dyn FactSink) -> Option<()> {
    let state: &SpscState = object.state()?;
    let capacity = object.geometry.element_count;
    let view = state.endpoints.view();
    let (tail, head) = state.progress();
    facts.count("fill", state.len(capacity));
    facts.count("capacity", capacity);
    facts.count("tail", tail);
    facts.count("head", head);
    for (role, holder, name) in [
        (EndpointRole::Producer, "producer", "producer_end"),
        (EndpointRole::Consumer, "consumer", "consumer_end"),
    ] {
        facts.holders(holder, &mut view.holder(role).id().into_iter());
        let state = match view.holder(role) {
            EndpointState::Vacant => "vacant",
            EndpointState::Taken(_) => "taken",
            EndpointState::InTransit(_) => "on its way",
            EndpointState::Disconnected => "gone",
        };
        facts.text(name, state);
    }
    facts.is("closed", view.is_closed());
    facts.counter("pushes", tail);
    facts.counter("pops", head);
    facts.wait_stats(&[("full", &state.full), ("empty", &state.empty)]);
    facts.counter("repairs", state.repairs.get());
    Some(())
}
