//! `Mutex`, and what all objects that begin with its lock share.

use super::super::kind_ops::{FactSink, KindOps, ObjectGeometry, ObjectWords, nothing_to_repair};
use super::super::mutex::{MutexState, MutexView};
use crate::layout::fingerprint::Kind;

/// The kernel marks a dead thread's locks, and the next locker finishes what the lock protects. A
/// repair here would swallow the death report that the next locker is promised.
pub(super) static KIND: KindOps = KindOps {
    kind: Kind::Mutex,
    describe: |_| "a Mutex".to_owned(),
    begins_with_lock: true,
    repair: nothing_to_repair,
    inspected_bytes: lock_bytes,
    inspect: |object, facts| lock(object, facts).map(drop),
};

/// Bytes of the lock that some objects begin with.
pub(super) const LOCK: usize = size_of::<MutexState>();

/// For kinds of which only the lock says something.
pub(super) fn lock_bytes(_: &ObjectGeometry) -> u64 {
    LOCK as u64
}

/// Reports the lock at the object's start, and its holder.
pub(super) fn lock(object: &ObjectWords<'_>, facts: &mut dyn FactSink) -> Option<MutexView> {
    let lock = object.state::<MutexState>()?.view();
    facts.thread("held_by", lock.word.owner());
    // The last holder died, and no thread has taken the lock since.
    facts.is("abandoned", lock.word.is_abandoned());
    facts.is("awaited", lock.word.has_waiters());
    facts.counter("recoveries", lock.recoveries.into());
    Some(lock)
}
