//! `Condvar`: a slot for each waiter.

use super::super::condvar::CondvarState;
use super::super::kind_ops::{Departure, FactSink, KindOps, ObjectWords, all_bytes};
use crate::layout::fingerprint::Kind;

pub(super) static KIND: KindOps = KindOps {
    kind: Kind::Condvar,
    describe: |_| "a Condvar".to_owned(),
    repair,
    inspected_bytes: all_bytes,
    inspect,
};

/// Frees a dead participant's slots, and makes the other waiters look again. A participant that
/// detaches waits for nothing.
fn repair(object: &ObjectWords<'_>, id: u32, departure: Departure) {
    if let (Departure::Died, Some(state)) = (departure, object.state::<CondvarState>()) {
        state.repair(id);
    }
}

fn inspect(object: &ObjectWords<'_>, facts: &mut dyn FactSink) -> Option<()> {
    let state: &CondvarState = object.state()?;
    let of = |notified| state.waiters().filter(move |(_, is)| *is == notified).map(|(id, _)| id);
    facts.holders("waiting", &mut of(false));
    facts.holders("notified", &mut of(true));
    facts.wait_stats(&[("waits", &state.unnotified)]);
    facts.counter("repairs", state.repairs.get());
    Some(())
}
