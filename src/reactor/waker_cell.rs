//! Where a task leaves its waker for notifiers, and takes it away again for good.
//!
//! | reason, waker | meaning | who moves it |
//! |---|---|---|
//! | none, some | the task waits | a notifier, to "some, none", which then wakes the task; the task, when it is polled again |
//! | some, none | the task was woken, and has not been polled since | the task, to "none, none" |
//! | none, none | the task makes an attempt, or waits no longer | the task, to "none, some" |
//!
//! All under a lock, except the waking itself: a waker is foreign code, which may poll the task
//! there and then. So the cell also names the thread that is waking right now, and a task that
//! [deregisters](WakerCell::deregister_sync) waits until that is no other thread.

#[cfg(all(test, loom))]
mod model;

use core::task::Waker;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;

use crate::primitive::{Condvar, Mutex, MutexGuard, ThreadId, current};
use crate::raw::event_count::WakeReason;

#[derive(Debug)]
pub(crate) struct WakerCell {
    state: Mutex<WakerState>,
    wake_finished: Condvar,
}

#[derive(Debug, Default)]
struct WakerState {
    waker: Option<Waker>,
    reason: Option<WakeReason>,
    /// The thread that is waking the task right now.
    waking_thread: Option<ThreadId>,
    /// Whether the task waits until that is over.
    is_awaited: bool,
    is_complete: bool,
}

impl WakerCell {
    /// The cell of a task that waits, which `waker` wakes.
    pub(crate) fn new(waker: Waker) -> Self {
        Self {
            state: Mutex::new(WakerState { waker: Some(waker), ..WakerState::default() }),
            wake_finished: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, WakerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the task was woken since this was asked last.
    pub(crate) fn take_reason(&self) -> Option<WakeReason> {
        self.lock().reason.take()
    }

    /// Lets the task wait, to be woken by this waker from now on. Returns why it was woken
    /// meanwhile.
    pub(crate) fn register(&self, waker: &Waker) -> Option<WakeReason> {
        let mut state = self.lock();
        let old = match &mut state.waker {
            Some(old) if old.will_wake(waker) => None,
            cell => cell.replace(waker.clone()),
        };
        let reason = state.reason.take();
        drop(state);
        // Dropping a waker is foreign code.
        drop(old);
        reason
    }

    /// Wakes the task, if it waits.
    pub(crate) fn wake(&self, reason: WakeReason) {
        let mut state = self.lock();
        let Some(waker) = state.waker.take() else { return };
        state.reason = Some(reason);
        state.waking_thread = Some(current().id());
        drop(state);
        // A waker that panics harms its own task, and not the others that are to be woken.
        let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
        let mut state = self.lock();
        state.waking_thread = None;
        let is_awaited = state.is_awaited;
        drop(state);
        if is_awaited {
            self.wake_finished.notify_one();
        }
    }

    /// Deregisters the waker once the task has its result. A notifier that has not begun to wake it
    /// skips it; one already inside `wake` is not waited for.
    pub(crate) fn complete(&self) {
        let mut state = self.lock();
        let waker = state.waker.take();
        state.is_complete = true;
        drop(state);
        drop(waker);
    }

    /// Deregisters the waker of a task that may be gone after this. When this returns, no other
    /// thread calls the waker, or will, unless the task had its result.
    pub(crate) fn deregister_sync(&self) {
        let mut state = self.lock();
        let waker = state.waker.take();
        state.is_awaited = true;
        while !state.is_complete
            && state.waking_thread.is_some_and(|waking_thread| waking_thread != current().id())
        {
            state = self.wake_finished.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        drop(waker);
    }
}
