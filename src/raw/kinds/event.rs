//! `Event`: a flag, changed by single instructions.

use super::super::event::EventState;
use super::super::kind_ops::{FactSink, KindOps, ObjectWords, all_bytes, nothing_to_repair};
use crate::layout::fingerprint::Kind;

pub(super) static KIND: KindOps = KindOps {
    kind: Kind::Event,
    describe: |_| "an Event".to_owned(),
    repair: nothing_to_repair,
    inspected_bytes: all_bytes,
    inspect,
};

fn inspect(object: &ObjectWords<'_>, facts: &mut dyn FactSink) -> Option<()> {
    let state: &EventState = object.state()?;
    facts.is("set", state.is_set());
    facts.counter("sets", state.times_set());
    facts.wait_stats(&[("waits", &state.unset)]);
    Some(())
}
