//! loom's exploration of the semaphore: no permit is had twice, and nobody is overlooked. The dead just stop. Whoever is overlooked
//! sleeps for ever here, and loom reports the deadlock; so where a death makes others sleep on until the end of their slice, the next
//! release has to wake them instead.
//!
//! Run by `RUSTFLAGS="--cfg loom" cargo test --release --lib`.

#![allow(clippy::unwrap_used)] // Tests, in a module that clippy does not take for one.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread::{self, JoinHandle};

use super::{AcquireError, MAX_PERMITS, ReleaseError, SemaphoreState};
use crate::raw::model;
use crate::sys::clock::Deadline;

impl SemaphoreState {
    /// Waits for a permit, as `wait` does.
    fn acquire(&self) {
        let mut has_slept = false;
        while self.try_acquire().is_err() {
            let prepared = self.permits.prepare_wait();
            if self.try_acquire().is_ok() {
                break;
            }
            self.permits.commit_wait(prepared, Deadline);
            has_slept = true;
        }
        if has_slept {
            self.permits.notify(1);
        }
    }
}

fn spawn<R: Send + 'static>(
    state: &Arc<SemaphoreState>,
    act: impl FnOnce(&SemaphoreState) -> R + Send + 'static,
) -> JoinHandle<R> {
    let state = Arc::clone(state);
    thread::spawn(move || act(&state))
}

fn acquirer(state: &Arc<SemaphoreState>) -> JoinHandle<()> {
    spawn(state, SemaphoreState::acquire)
}

/// Plays the scene with a semaphore of so many permits.
fn explore(interruptions: usize, permits: u64, scene: impl Fn(&Arc<SemaphoreState>) + Send + Sync + 'static) {
    model::explore(interruptions, move || {
        let state = SemaphoreState::default();
        state.init(permits);
        scene(&Arc::new(state));
    });
}

/// What the one permit guards: loom reports who is there while another is, and who does not see what another did.
#[derive(Default)]
struct Guarded {
    state: SemaphoreState,
    cell: UnsafeCell<u64>,
}

// SAFETY: loom looks after its cells.
#[allow(unsafe_code)]
unsafe impl Sync for Guarded {}

#[test]
fn one_permit_lets_one_at_a_time_through() {
    model::explore(3, || {
        let guarded = Arc::new(Guarded::default());
        guarded.state.init(1);
        let work = |guarded: &Guarded| {
            guarded.state.acquire();
            guarded.cell.with_mut(|cell| {
                #[allow(unsafe_code)]
                // SAFETY: loom looks after its cells.
                unsafe {
                    *cell += 1;
                }
            });
            guarded.state.release(1).unwrap();
        };
        let workers = [0, 1].map(|_| {
            let guarded = Arc::clone(&guarded);
            thread::spawn(move || work(&guarded))
        });
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        assert_eq!(guarded.state.count(), 1);
    });
}

#[test]
fn a_sleeper_for_each_permit_that_is_released() {
    explore(3, 0, |state| {
        let sleepers = [acquirer(state), acquirer(state)];
        state.release(1).unwrap();
        state.release(1).unwrap();
        sleepers.into_iter().for_each(|sleeper| sleeper.join().unwrap());
        assert_eq!(state.count(), 0);
    });
}

#[test]
fn two_sleepers_and_two_permits_at_once() {
    explore(3, 0, |state| {
        let sleepers = [acquirer(state), acquirer(state)];
        state.release(2).unwrap();
        sleepers.into_iter().for_each(|sleeper| sleeper.join().unwrap());
        assert_eq!(state.count(), 0);
    });
}

/// Who takes the permit before the sleeper that was woken for it gives it back, too.
#[test]
fn a_sleeper_beside_one_that_does_not_sleep() {
    explore(3, 0, |state| {
        let sleeper = acquirer(state);
        let quick = spawn(state, |state| match state.try_acquire() {
            Ok(()) => state.release(1).unwrap(),
            Err(miss) => assert_eq!(miss, AcquireError::WouldBlock),
        });
        state.release(1).unwrap();
        quick.join().unwrap();
        sleeper.join().unwrap();
        assert_eq!(state.count(), 0);
    });
}

#[test]
fn a_releaser_that_dies_before_it_wakes_anybody() {
    explore(3, 0, |state| {
        let sleepers = [acquirer(state), acquirer(state)];
        spawn(state, |state| state.add(1).unwrap()).join().unwrap();
        state.release(1).unwrap();
        sleepers.into_iter().for_each(|sleeper| sleeper.join().unwrap());
        assert_eq!(state.count(), 0, "no permit is lost");
    });
}

#[test]
fn a_sleeper_that_dies_before_it_has_what_it_was_woken_for() {
    explore(3, 0, |state| {
        let dead = spawn(state, |state| {
            let prepared = state.permits.prepare_wait();
            if state.count() == 0 {
                state.permits.commit_wait(prepared, Deadline);
            }
        });
        let sleeper = acquirer(state);
        state.release(1).unwrap();
        state.release(1).unwrap();
        sleeper.join().unwrap();
        dead.join().unwrap();
        assert_eq!(state.count(), 1, "the dead one's permit is another's");
    });
}

#[test]
fn there_are_never_more_than_there_may_be() {
    explore(3, MAX_PERMITS - 1, |state| {
        let releaser = spawn(state, |state| state.release(1));
        let results = [state.release(1), releaser.join().unwrap()];
        assert!(results.contains(&Ok(())) && results.contains(&Err(ReleaseError::TooMany)), "{results:?}");
        assert_eq!(state.count(), MAX_PERMITS);
    });
}
