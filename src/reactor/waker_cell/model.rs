//! loom's exploration of [`WakerCell`]: a task that leaves, comes back or has what it waited for, beside its caller.
//!
//! A waker here asserts nothing: what panics in one is nobody's concern but the task's. It keeps what it has seen.

#![allow(clippy::unwrap_used)] // Tests, in a module that clippy does not take for one.

use core::task::Waker;
use std::task::Wake;

use loom::sync::Arc;
use loom::thread::{self, JoinHandle};

use super::{WakeReason, WakerCell};
use crate::primitive::{AtomicU32, Ordering};
use crate::raw::model::explore;

/// What a task's waker has seen.
#[derive(Default)]
struct Seen {
    calls: AtomicU32,
    /// Whether the task has gone.
    has_left: AtomicU32,
    /// Calls that had not come to their end when it had.
    late: AtomicU32,
}

impl Seen {
    fn call(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        // ORDER: Acquire pairs with the Release in `gone`.
        self.late.fetch_add(self.has_left.load(Ordering::Acquire), Ordering::Relaxed);
    }

    fn gone(&self) {
        self.has_left.store(1, Ordering::Release);
    }

    fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    fn late(&self) -> u32 {
        self.late.load(Ordering::Relaxed)
    }
}

/// Counts.
struct Counts(Arc<Seen>);

impl Wake for Counts {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.call();
    }
}

fn waker(seen: &Arc<Seen>) -> Waker {
    Waker::from(std::sync::Arc::new(Counts(Arc::clone(seen))))
}

fn caller(cell: &Arc<WakerCell>) -> JoinHandle<()> {
    let cell = Arc::clone(cell);
    thread::spawn(move || cell.wake(WakeReason::Notified))
}

#[test]
fn who_has_left_is_not_called() {
    let seen = explore(4, || {
        let seen = Arc::new(Seen::default());
        let cell = Arc::new(WakerCell::new(waker(&seen)));
        let caller = caller(&cell);
        cell.deregister_sync();
        seen.gone();
        caller.join().unwrap();
        cell.wake(WakeReason::Notified);
        assert_eq!(seen.late(), 0, "called behind its leave");
        seen.calls()
    });
    assert_eq!(seen, [0, 1].into());
}

/// It has come back before its caller was done with it, and leaves then.
#[test]
fn who_came_back_and_has_left_is_not_called() {
    explore(4, || {
        let seen = Arc::new(Seen::default());
        let cell = Arc::new(WakerCell::new(waker(&seen)));
        let caller = caller(&cell);
        cell.register(&waker(&seen));
        cell.deregister_sync();
        seen.gone();
        caller.join().unwrap();
        assert_eq!(seen.late(), 0, "called behind its leave");
    });
}

/// Runs a task there and then, which is over by that.
struct Leaves {
    seen: Arc<Seen>,
    cell: std::sync::Mutex<Option<Arc<WakerCell>>>,
}

impl Wake for Leaves {
    fn wake(self: std::sync::Arc<Self>) {
        self.seen.call();
        if let Some(cell) = self.cell.lock().unwrap().take() {
            cell.deregister_sync();
        }
    }
}

/// Under the eyes of somebody who gives the task up, too.
#[test]
fn a_task_may_leave_where_it_is_called() {
    let seen = explore(4, || {
        let seen = Arc::new(Seen::default());
        let leaves = Leaves { seen: Arc::clone(&seen), cell: std::sync::Mutex::default() };
        let leaves = std::sync::Arc::new(leaves);
        let cell = Arc::new(WakerCell::new(Waker::from(std::sync::Arc::clone(&leaves))));
        *leaves.cell.lock().unwrap() = Some(Arc::clone(&cell));
        let caller = caller(&cell);
        cell.deregister_sync();
        seen.gone();
        caller.join().unwrap();
        assert_eq!(seen.late(), 0, "called behind its leave");
        seen.calls()
    });
    assert_eq!(seen, [0, 1].into());
}

/// Each call is heard of once: the new waker is called, or the task is told.
#[test]
fn no_call_is_lost_on_a_task_that_comes_back() {
    let seen = explore(4, || {
        let (old, new) = (Arc::new(Seen::default()), Arc::new(Seen::default()));
        let cell = Arc::new(WakerCell::new(waker(&old)));
        let caller = caller(&cell);
        let told = cell.register(&waker(&new));
        caller.join().unwrap();
        let heard = (told.is_some(), old.calls(), new.calls());
        assert!([(true, 1, 0), (false, 0, 1)].contains(&heard), "{heard:?}");
        assert_eq!(cell.take_reason().is_some(), told.is_none(), "once");
        heard
    });
    assert_eq!(seen.len(), 2);
}

/// Two calls, of which the second waits for the task to come back.
#[test]
fn a_task_that_came_back_is_called_again() {
    explore(4, || {
        let seen = Arc::new(Seen::default());
        let cell = Arc::new(WakerCell::new(waker(&seen)));
        let caller = thread::spawn({
            let cell = Arc::clone(&cell);
            move || {
                cell.wake(WakeReason::Notified);
                cell.wake(WakeReason::Recheck);
            }
        });
        let told = cell.register(&waker(&seen));
        caller.join().unwrap();
        // Both calls may have come before it was back, and are one then.
        let calls = seen.calls();
        assert_eq!(cell.take_reason().is_some(), told.is_none() || calls == 2);
        assert!(calls == 1 || told == Some(WakeReason::Notified), "{told:?}, {calls} calls");
    });
}

#[test]
fn who_has_what_it_waited_for_is_not_called() {
    let seen = explore(4, || {
        let seen = Arc::new(Seen::default());
        let cell = Arc::new(WakerCell::new(waker(&seen)));
        let caller = thread::spawn({
            let (cell, seen) = (Arc::clone(&cell), Arc::clone(&seen));
            move || {
                let has_ended = seen.has_left.load(Ordering::Acquire) == 1;
                cell.wake(WakeReason::Notified);
                has_ended
            }
        });
        cell.complete();
        seen.gone();
        let has_ended = caller.join().unwrap();
        assert!(!has_ended || seen.calls() == 0, "called when it had ended");
        (has_ended, seen.calls())
    });
    assert_eq!(seen, [(false, 0), (false, 1), (true, 0)].into());
}
