//! loom's exploration of the [`SemaphoreState`]: no permit is acquired twice, and no wake-up is
//! lost. A dead participant just stops. A park has no recheck interval here, so a lost wake-up is a
//! deadlock, which loom reports. If a death leaves others parked until their recheck interval ends,
//! the next release has to wake them here.
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
    /// Waits for a permit as `wait_for` does.
    fn acquire(&self) {
        let mut has_parked = false;
        while self.try_acquire().is_err() {
            let prepared = self.permits.prepare_wait();
            if self.try_acquire().is_ok() {
                break;
            }
            self.permits.commit_wait(prepared, Deadline);
            has_parked = true;
        }
        if has_parked {
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

/// Plays the scene with a semaphore of `permits` permits.
fn explore(preemptions: usize, permits: u64, scene: impl Fn(&Arc<SemaphoreState>) + Send + Sync + 'static) {
    model::explore(preemptions, move || {
        let state = SemaphoreState::default();
        state.init(permits);
        scene(&Arc::new(state));
    });
}

/// A cell that the one permit guards: loom reports accesses that conflict, or are not ordered.
#[derive(Default)]
struct Guarded {
    state: SemaphoreState,
    cell: UnsafeCell<u64>,
}

// SAFETY: loom checks the accesses to its cells.
#[allow(unsafe_code)]
unsafe impl Sync for Guarded {}

#[test]
fn semaphore_acquire_one_permit_excludes() {
    model::explore(3, || {
        let guarded = Arc::new(Guarded::default());
        guarded.state.init(1);
        let work = |guarded: &Guarded| {
            guarded.state.acquire();
            guarded.cell.with_mut(|cell| {
                #[allow(unsafe_code)]
                // SAFETY: loom checks the accesses to its cells.
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
fn semaphore_release_twice_two_waiters() {
    explore(3, 0, |state| {
        let waiters = [acquirer(state), acquirer(state)];
        state.release(1).unwrap();
        state.release(1).unwrap();
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        assert_eq!(state.count(), 0);
    });
}

#[test]
fn semaphore_release_two_permits_two_waiters() {
    explore(3, 0, |state| {
        let waiters = [acquirer(state), acquirer(state)];
        state.release(2).unwrap();
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        assert_eq!(state.count(), 0);
    });
}

/// A thread that does not wait may take the permit before the waiter that was woken for it; it
/// releases the permit again.
#[test]
fn semaphore_try_acquire_beside_waiter() {
    explore(3, 0, |state| {
        let waiter = acquirer(state);
        let quick = spawn(state, |state| match state.try_acquire() {
            Ok(()) => state.release(1).unwrap(),
            Err(error) => assert_eq!(error, AcquireError::WouldBlock),
        });
        state.release(1).unwrap();
        quick.join().unwrap();
        waiter.join().unwrap();
        assert_eq!(state.count(), 0);
    });
}

#[test]
fn semaphore_release_dead_before_notify() {
    explore(3, 0, |state| {
        let waiters = [acquirer(state), acquirer(state)];
        spawn(state, |state| state.add(1).unwrap()).join().unwrap();
        state.release(1).unwrap();
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        assert_eq!(state.count(), 0, "no permit is lost");
    });
}

#[test]
fn semaphore_acquire_dead_waiter() {
    explore(3, 0, |state| {
        let dead = spawn(state, |state| {
            let prepared = state.permits.prepare_wait();
            if state.count() == 0 {
                state.permits.commit_wait(prepared, Deadline);
            }
        });
        let waiter = acquirer(state);
        state.release(1).unwrap();
        state.release(1).unwrap();
        waiter.join().unwrap();
        dead.join().unwrap();
        assert_eq!(state.count(), 1, "the permit that the dead waiter was woken for");
    });
}

#[test]
fn semaphore_release_over_maximum() {
    explore(3, MAX_PERMITS - 1, |state| {
        let releaser = spawn(state, |state| state.release(1));
        let results = [state.release(1), releaser.join().unwrap()];
        assert!(results.contains(&Ok(())) && results.contains(&Err(ReleaseError::TooMany)), "{results:?}");
        assert_eq!(state.count(), MAX_PERMITS);
    });
}
