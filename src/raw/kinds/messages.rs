//! What the two kinds of message queues share: a message ring.

use super::super::atomic_copy::WORD;
use super::super::event_count::WAKE_ALL;
use super::super::kind_ops::{Departure, FactSink, ObjectGeometry, ObjectWords};
use super::super::message_ring::{MessageGeometry, MessageHints, MessageRing, MessageState};

/// The ring's geometry, if it takes all of the object's bytes.
fn geometry(object: &ObjectGeometry) -> Option<MessageGeometry> {
    let geometry = MessageGeometry::new(object.element_count, object.aux)?;
    (geometry.length() == Some(object.length)).then_some(geometry)
}

/// The state, the slots, the records and the blocks' entries; not the messages in blocks.
pub(super) fn inspected_bytes(object: &ObjectGeometry) -> u64 {
    let words = MessageGeometry::new(object.element_count, object.aux).map_or(0, |ring| ring.index_words());
    (words as u64).saturating_mul(WORD as u64).saturating_add(size_of::<MessageState>() as u64)
}

/// Calls `act` with the object's ring, if the object can be one.
fn with_ring<R>(
    object: &ObjectWords<'_>,
    act: impl FnOnce(&MessageRing<'_>, &MessageState) -> R,
) -> Option<R> {
    let geometry = geometry(&object.geometry)?;
    let state: &MessageState = object.state()?;
    let body = object.words_from(size_of::<MessageState>())?;
    Some(act(&MessageRing::new(state, body, &geometry, &MessageHints::default()), state))
}

/// Repairs what the participant held, and wakes all waiters if there is news for them.
pub(super) fn repair(object: &ObjectWords<'_>, id: u32, departure: Departure) {
    with_ring(object, |ring, state| {
        // After a death also if nothing is found: who repaired before may have died before this.
        if ring.repair(id) || departure == Departure::Died {
            for event in [&state.ring.items, &state.ring.space, &state.idle] {
                event.notify(WAKE_ALL);
            }
        }
    });
}

/// Reports the messages, who holds any, and what happened in the queue.
pub(super) fn inspect(object: &ObjectWords<'_>, is_joinable: bool, facts: &mut dyn FactSink) -> Option<()> {
    let capacity = object.geometry.element_count;
    with_ring(object, |ring, state| {
        facts.count("fill", ring.len());
        facts.count("capacity", capacity);
        if is_joinable {
            facts.count("unfinished", ring.unfinished());
        }
        let holders = ring.writers().chain(ring.lessees());
        let stuck = holders.filter(|id| facts.is_dead(*id)).count();
        facts.holders("written_by", &mut ring.writers());
        facts.holders("leased_by", &mut ring.lessees());
        facts.count("stuck", stuck as u64);
        facts.count("returned", ring.returned_len());
        facts.is("closed", ring.is_closed());
        facts.counter("pushes", ring.passed_by_producers());
        facts.counter("pops", ring.passed_by_consumers());
        let waits = [("full", &state.ring.full), ("empty", &state.ring.empty), ("joins", &state.joins)];
        facts.wait_stats(if is_joinable { &waits } else { &waits[..2] });
        facts.counter("repairs", state.ring.repairs.get());
    })
}
