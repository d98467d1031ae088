//! `Semaphore`: a count of permits, which belong to no participant.

use super::super::kind_ops::{FactSink, KindOps, ObjectWords, all_bytes, nothing_to_repair};
use super::super::semaphore::SemaphoreState;
use crate::layout::fingerprint::Kind;

pub(super) static KIND: KindOps = KindOps {
    kind: Kind::Semaphore,
    describe: |_| "a Semaphore".to_owned(),
    repair: nothing_to_repair,
    inspected_bytes: all_bytes,
    inspect,
};

fn inspect(object: &ObjectWords<'_>, facts: &mut dyn FactSink) -> Option<()> {
    let state: &SemaphoreState = object.state()?;
    facts.count("available", state.count());
    facts.wait_stats(&[("empty", &state.empty)]);
    Some(())
}
