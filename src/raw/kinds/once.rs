//! `Once`: a lock whose inline word says how far the function has come.

use super::super::kind_ops::{FactSink, KindOps, ObjectWords};
use super::mutex;
use crate::layout::fingerprint::Kind;

/// The inline word of a `Once` that no caller has begun.
pub(crate) const NEW: u64 = 0;
/// The function has run to its end.
pub(crate) const DONE: u64 = 1;
/// A caller has begun the function. A locker that finds this knows that the last one did not end
/// it.
pub(crate) const RUNNING: u64 = 2;

pub(super) static KIND: KindOps = KindOps {
    kind: Kind::Once,
    describe: |_| "a Once".to_owned(),
    repair: mutex::repair,
    inspected_bytes: mutex::lock_bytes,
    inspect,
};

fn inspect(object: &ObjectWords<'_>, facts: &mut dyn FactSink) -> Option<()> {
    let lock = mutex::lock(object, facts)?;
    let state = match lock.inline_word {
        NEW => "new",
        DONE => "done",
        RUNNING => "begun",
        _ => "damaged",
    };
    facts.text("state", state);
    Some(())
}
