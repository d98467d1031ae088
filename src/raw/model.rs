//! The explorer that the loom models share.

#![allow(clippy::unwrap_used)] // Tests, in a module that clippy does not take for one.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use loom::model::Builder;

/// Plays the scene in every interleaving with at most `preemptions` preemptions. Returns the set of
/// results, so that a model can assert that the interleavings which it is about did happen.
pub(crate) fn explore<R: Ord + Send + 'static>(
    preemptions: usize,
    scene: impl Fn() -> R + Send + Sync + 'static,
) -> BTreeSet<R> {
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let mut model = Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check({
        let seen = Arc::clone(&seen);
        move || {
            let outcome = scene();
            seen.lock().unwrap().insert(outcome);
        }
    });
    std::mem::take(&mut seen.lock().unwrap())
}
