//! `Mutex`, and what all objects that begin with its lock share.

use super::super::kind_ops::{Departure, FactSink, KindOps, ObjectGeometry, ObjectWords};
use super::super::mutex::{MutexState, MutexView};
use crate::layout::fingerprint::Kind;

pub(super) static KIND: KindOps = KindOps {
    kind: Kind::Mutex,
    describe: |_| "a Mutex".to_owned(),
    repair,
    inspected_bytes: lock_bytes,
    inspect: |object, facts| lock(object, facts).map(drop),
};

/// Bytes of the lock that some objects begin with.
pub(super) const LOCK: usize = size_of::<MutexState>();

/// Frees the lock at the object's start, if the participant holds it, for the next locker to
/// finish what the lock protects and to report the death. A participant that detaches has
/// forgotten its guard.
pub(super) fn repair(object: &ObjectWords<'_>, id: u32, _: Departure) {
    if let Some(lock) = object.state::<MutexState>() {
        lock.reclaim(id);
    }
}

/// For kinds of which only the lock says something.
pub(super) fn lock_bytes(_: &ObjectGeometry) -> u64 {
    LOCK as u64
}

/// Reports the lock at the object's start, and its holder.
pub(super) fn lock(object: &ObjectWords<'_>, facts: &mut dyn FactSink) -> Option<MutexView> {
    let lock = object.state::<MutexState>()?.view();
    let holder = lock.word.holder();
    facts.holders("held_by", &mut holder.iter().map(|(id, _)| *id));
    // As the holder's pid namespace counts threads; 0 is a task.
    if let Some((_, thread)) = holder {
        facts.count("thread", thread.into());
    }
    // A holder died or left, and no guard has reported that yet.
    let is_abandoned = lock.word.is_recovered() || holder.is_some_and(|(id, _)| facts.is_dead(id));
    facts.is("abandoned", is_abandoned);
    facts.is("awaited", lock.has_waiters);
    facts.counter("recoveries", lock.recoveries.into());
    Some(lock)
}
