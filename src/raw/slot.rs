//! Where a task leaves its waker, for others to call it; and takes it away again, for good.
//!
//! | call, waker | meaning | who moves it |
//! |---|---|---|
//! | none, some | the task waits | its caller, to "some, none", and wakes the task then; the task, when it is polled again |
//! | some, none | it was called, and has not looked since | the task, to "none, none" |
//! | none, none | it looks, or is not interested any more | the task, to "none, some" |
//!
//! All under a lock, but the waking itself: a waker is somebody else's code, which may poll the task there and then. So there is a
//! fourth word, who is calling right now, and a task that [takes its leave](Slot::leave) waits until that is nobody else.

#[cfg(all(test, loom))]
mod model;

use core::task::Waker;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;

use crate::primitive::{Condvar, Mutex, MutexGuard, ThreadId, current};

/// Why a task is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// There is news.
    News,
    /// Some time has passed.
    Round,
}

#[derive(Debug)]
pub(crate) struct Slot {
    state: Mutex<State>,
    has_called: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waker: Option<Waker>,
    call: Option<Call>,
    /// Who calls the task right now.
    caller: Option<ThreadId>,
    /// Whether the task waits for that to be over.
    is_awaited: bool,
    is_served: bool,
}

impl Slot {
    /// Of a task that waits.
    pub(crate) fn new(waker: Waker) -> Self {
        Self {
            state: Mutex::new(State { waker: Some(waker), ..State::default() }),
            has_called: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the task was called for since it was asked last.
    pub(crate) fn take_call(&self) -> Option<Call> {
        self.lock().call.take()
    }

    /// The task waits, and is to be woken by this waker from now on. Says what it was called for meanwhile.
    pub(crate) fn wait(&self, waker: &Waker) -> Option<Call> {
        let mut state = self.lock();
        let old = match &mut state.waker {
            Some(old) if old.will_wake(waker) => None,
            slot => slot.replace(waker.clone()),
        };
        let call = state.call.take();
        drop(state);
        // Its drop is somebody else's code.
        drop(old);
        call
    }

    /// Calls the task, if it waits.
    pub(crate) fn call(&self, why: Call) {
        let mut state = self.lock();
        let Some(waker) = state.waker.take() else { return };
        state.call = Some(why);
        state.caller = Some(current().id());
        drop(state);
        // What panics in a waker is the task's misfortune, not that of others who are to be called.
        let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
        let mut state = self.lock();
        state.caller = None;
        let is_awaited = state.is_awaited;
        drop(state);
        if is_awaited {
            self.has_called.notify_one();
        }
    }

    /// The task has what it waited for: who has not begun to call it does not, and it need not wait for who has.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        let waker = state.waker.take();
        state.is_served = true;
        drop(state);
        drop(waker);
    }

    /// The task does not wait any more, and may be gone: when this returns its waker is not called, nor being called, but by this very
    /// thread, or for a task that was served.
    pub(crate) fn leave(&self) {
        let mut state = self.lock();
        let waker = state.waker.take();
        state.is_awaited = true;
        while !state.is_served && state.caller.is_some_and(|caller| caller != current().id()) {
            state = self.has_called.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        drop(waker);
    }
}
