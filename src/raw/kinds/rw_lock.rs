//! `RwLock`: a lock for the writer, the state after it, and a count for each participant.

use std::time::Duration;

use super::super::kind_ops::{Departure, FactSink, KindOps, ObjectWords, all_bytes};
use super::super::mutex::MutexState;
use super::super::rwlock::{COUNTS_AT, RawRwLock, RwLockState, STATE_AT, length};
use super::super::wait::Wait;
use super::mutex;
use crate::layout::fingerprint::Kind;

pub(super) static KIND: KindOps = KindOps {
    kind: Kind::RwLock,
    describe: |_| "an RwLock".to_owned(),
    begins_with_lock: true,
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

/// Evicts a participant.
fn repair(object: &ObjectWords<'_>, id: u32, departure: Departure) {
    let (Some((_, raw_lock)), Some(lock)) = (parts(object), object.state::<MutexState>()) else { return };
    raw_lock.repair(id);
    // A writer that detaches has leaked its guard, and with it its mapping: it still holds the
    // lock.
    if departure == Departure::Died && raw_lock.has_writer() && lock.is_valid() {
        // If the lock is held, its holder clears a dead writer, or has done so.
        if lock.lock(Wait::Timeout(Duration::ZERO)).is_ok() {
            raw_lock.clear_dead_writer();
            lock.unlock();
        }
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
