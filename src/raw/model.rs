//! What the models share.

#![allow(clippy::unwrap_used)] // Tests, in a module that clippy does not take for one.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use loom::model::Builder;

/// Plays the scene in every order in which threads are interrupted at most `interruptions` times. Returns what the scenes
/// returned, for it to be seen that they showed what there is to see.
pub(super) fn explore<R: Ord + Send + 'static>(
    interruptions: usize,
    scene: impl Fn() -> R + Send + Sync + 'static,
) -> BTreeSet<R> {
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let mut model = Builder::new();
    model.preemption_bound = Some(interruptions);
    model.check({
        let seen = Arc::clone(&seen);
        move || {
            let outcome = scene();
            seen.lock().unwrap().insert(outcome);
        }
    });
    std::mem::take(&mut seen.lock().unwrap())
}
