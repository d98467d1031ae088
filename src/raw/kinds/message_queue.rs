//! `MessageQueue`: a lock, and a slab of messages, whose index the next locker rebuilds after a
//! death.

use super::super::kind_ops::{FactSink, KindOps, ObjectWords};
use super::{mutex, slab};
use crate::layout::fingerprint::Kind;

pub(super) static KIND: KindOps = KindOps {
    kind: Kind::MessageQueue,
    describe: |of| format!("a MessageQueue<{}>", of.name),
    repair: mutex::repair,
    inspected_bytes: slab::inspected_bytes,
    inspect,
};

fn inspect(object: &ObjectWords<'_>, facts: &mut dyn FactSink) -> Option<()> {
    let view = slab::view(object)?;
    slab::fill(object, &view, facts);
    slab::traffic(&view, facts);
    let [items, space, _] = view.events();
    facts.wait_stats(&[("full", &space.stats), ("empty", &items.stats)]);
    mutex::lock(object, facts).map(drop)
}
