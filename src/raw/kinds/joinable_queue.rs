//! `JoinableQueue`: a lock, and a slab of messages, which workers lease.

use super::super::event_count::WAKE_ALL;
use super::super::kind_ops::{Departure, FactSink, KindOps, ObjectWords};
use super::super::message_slab::MessageSlab;
use super::{mutex, slab};
use crate::layout::fingerprint::Kind;

pub(super) static KIND: KindOps = KindOps {
    kind: Kind::JoinableQueue,
    describe: |of| format!("a JoinableQueue<{}>", of.name),
    repair,
    inspected_bytes: slab::inspected_bytes,
    inspect,
};

/// Frees the lock, returns the jobs that a worker has leased, and wakes the consumers.
fn repair(object: &ObjectWords<'_>, id: u32, departure: Departure) {
    mutex::repair(object, id, departure);
    let (layout, words) = (slab::layout(&object.geometry), object.words_from(slab::SLAB_AT));
    if let (Some(layout), Some(words), Ok(id)) = (layout, words, u16::try_from(id)) {
        let slab = MessageSlab::new(layout, words);
        if slab.reclaim_from(id, departure == Departure::Left) {
            slab.head().items.notify(WAKE_ALL);
        }
    }
}

fn inspect(object: &ObjectWords<'_>, facts: &mut dyn FactSink) -> Option<()> {
    let view = slab::view(object)?;
    slab::fill(object, &view, facts);
    facts.count("unfinished", view.unfinished());
    facts.holders("leased_by", &mut view.owners());
    let stuck = view.owners().filter(|id| facts.is_dead(*id)).count();
    facts.count("stuck", stuck as u64);
    slab::traffic(&view, facts);
    let [items, space, idle] = view.events();
    facts.wait_stats(&[("full", &space.stats), ("empty", &items.stats), ("joins", &idle.stats)]);
    facts.counter("repairs", view.repairs());
    mutex::lock(object, facts).map(drop)
}
