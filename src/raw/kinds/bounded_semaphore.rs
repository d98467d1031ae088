//! `BoundedSemaphore`: a state, and a word for each permit that names its holder.

use super::super::kind_ops::{FactSink, KindOps, ObjectWords, all_bytes};
use super::super::owned_semaphore::{OwnedSemaphore, OwnedSemaphoreState, length};
use crate::layout::fingerprint::Kind;

pub(super) static KIND: KindOps = KindOps {
    kind: Kind::BoundedSemaphore,
    describe: |of| match of.count {
        Some(count) => format!("a BoundedSemaphore of {count} permits"),
        None => "a BoundedSemaphore".to_owned(),
    },
    // Frees the permits that the participant held.
    repair: |object, id, _| {
        let is_sound = length(object.geometry.element_count) == Some(object.geometry.length);
        if let (true, Some((_, permits))) = (is_sound, parts(object)) {
            permits.repair(id);
        }
    },
    inspected_bytes: all_bytes,
    inspect,
};

/// The state and the permits, if all of them are there.
fn parts<'a>(object: &ObjectWords<'a>) -> Option<(&'a OwnedSemaphoreState, OwnedSemaphore<'a>)> {
    let state: &OwnedSemaphoreState = object.state()?;
    let total = usize::try_from(object.geometry.element_count).ok()?;
    let words = object.words32.get(size_of::<OwnedSemaphoreState>() / 4..)?;
    Some((state, OwnedSemaphore::new(state, words.get(..total)?)))
}

fn inspect(object: &ObjectWords<'_>, facts: &mut dyn FactSink) -> Option<()> {
    let (state, permits) = parts(object)?;
    facts.count("available", permits.free_now() as u64);
    facts.count("total", object.geometry.element_count);
    facts.holders("held_by", &mut permits.owners());
    facts.wait_stats(&[("empty", &state.empty)]);
    facts.counter("repairs", state.repairs.get());
    Some(())
}
