//! Where a task leaves its waker, for others to call it; and takes it away again, for good.
//!
//! | call, waker | meaning | who moves it |
//! |---|---|---|
//! | none, some | the task waits | its caller, to "some, none", and wakes the task then; the task, when it is polled again |
//! | some, none | it was called, and has not looked since | the task, to "none, none" |
//! | none, none | it looks, or is not interested any more | the task, to "none, some" |
//!
//! All under a lock, but the waking itself: a waker is somebody else's code, which may poll the task there and then. So there is a
//! fourth word, who is calling right now, and a task that [takes its leave](WakerCell::deregister_sync) waits until that is nobody else.

#[cfg(all(test, loom))]
mod model;

use core::task::Waker;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;

use super::event_count::WakeReason;
use crate::primitive::{Condvar, Mutex, MutexGuard, ThreadId, current};

#[derive(Debug)]
pub(crate) struct WakerCell {
    state: Mutex<WakerState>,
    wake_finished: Condvar,
}

#[derive(Debug, Default)]
struct WakerState {
    waker: Option<Waker>,
    reason: Option<WakeReason>,
    /// Who calls the task right now.
    waking_thread: Option<ThreadId>,
    /// Whether the task waits for that to be over.
    is_awaited: bool,
    is_complete: bool,
}

impl WakerCell {
    /// Of a task that waits.
    pub(crate) fn new(waker: Waker) -> Self {
        Self {
            state: Mutex::new(WakerState { waker: Some(waker), ..WakerState::default() }),
            wake_finished: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, WakerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the task was called for since it was asked last.
    pub(crate) fn take_reason(&self) -> Option<WakeReason> {
        self.lock().reason.take()
    }

    /// The task waits, and is to be woken by this waker from now on. Says what it was called for meanwhile.
    pub(crate) fn register(&self, waker: &Waker) -> Option<WakeReason> {
        let mut state = self.lock();
        let old = match &mut state.waker {
            Some(old) if old.will_wake(waker) => None,
            cell => cell.replace(waker.clone()),
        };
        let reason = state.reason.take();
        drop(state);
        // Its drop is somebody else's code.
        drop(old);
        reason
    }

    /// Calls the task, if it waits.
    pub(crate) fn wake(&self, reason: WakeReason) {
        let mut state = self.lock();
        let Some(waker) = state.waker.take() else { return };
        state.reason = Some(reason);
        state.waking_thread = Some(current().id());
        drop(state);
        // What panics in a waker is the task's misfortune, not that of others who are to be called.
        let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
        let mut state = self.lock();
        state.waking_thread = None;
        let is_awaited = state.is_awaited;
        drop(state);
        if is_awaited {
            self.wake_finished.notify_one();
        }
    }

    /// The task has what it waited for: who has not begun to call it does not, and it need not wait for who has.
    pub(crate) fn complete(&self) {
        let mut state = self.lock();
        let waker = state.waker.take();
        state.is_complete = true;
        drop(state);
        drop(waker);
    }

    /// The task does not wait any more, and may be gone: when this returns its waker is not called, nor being called, but by this very
    /// thread, or for a task that was served.
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
