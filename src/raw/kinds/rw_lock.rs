//! `RwLock`: a lock for the writer, the state after it, and a count for each participant.

use super::super::kind_ops::{Departure, FactSink, KindOps, ObjectWords, all_bytes};
use super::super::rwlock::{COUNTS_AT, RawRwLock, RwLockState, STATE_AT, length};
use super::mutex;
use crate::layout::fingerprint::Kind;

pub(super) static KIND: KindOps = KindOps {
    kind: Kind::RwLock,
    describe: |_| "an RwLock".to_owned(),
    repair,
    inspected_bytes: all_bytes,
    inspect,
};

/// The state and the counts, if the object is as long as its number of counts asks for.
fn parts<'a>(object: &ObjectWords<'a>) -> Option<(&'a RwLockState, RawRwLock<'a>)> {
    let state = object.state_at(STATE_AT as usize)?;
    let counts = object.words_from(COUNTS_AT as usize)?;
    let is_sound = length(object.geometry.element_count) == Some(object.geometry.length);
    is_sound.then(|| (state, RawRwLock::new(state, counts)))
}

/// Evicts a participant's readers, and frees the writers' lock if the participant has it. What the
/// participant left as a writer is cleared by the next holder of that lock: one of the readers that
/// wake up, or the next writer.
fn repair(object: &ObjectWords<'_>, id: u32, departure: Departure) {
    mutex::repair(object, id, departure);
    if let Some((_, raw_lock)) = parts(object) {
        raw_lock.repair(id);
    }
}

fn inspect(object: &ObjectWords<'_>, facts: &mut dyn FactSink) -> Option<()> {
    let (state, raw_lock) = parts(object)?;
    let (writer, writes) = raw_lock.writer().unzip();
    facts.holders("writer", &mut writer.into_iter());
    facts.is("writer_is_inside", writes == Some(true));
    facts.holders_with_times("readers", &mut raw_lock.readers());
    facts.is("untold_death", raw_lock.is_abandoned());
    facts
        .wait_stats(&[("reads_delayed", &state.blocked_readers), ("writes_delayed", &state.blocked_writers)]);
    facts.counter("repairs", state.repairs.get());
    mutex::lock(object, facts).map(drop)
}
