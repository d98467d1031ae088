//! [`retry_until_ready`]: an operation that is tried at once, and again after each wake-up.

use core::cell::{Cell, RefCell};
use core::fmt;
use core::future::poll_fn;
use core::task::{Context, Poll, Waker};

use super::block_on;
use super::tickets::{REACTOR, ReactorTicket};
use super::waker_registration::WakerRegistration;
use crate::raw::event_count::EventCount;
use crate::raw::wait::{AsyncWaiter, Wait, WakePolicy, WakeReason};
use crate::segment::Segment;

/// Makes an attempt, and another after each wake-up, until one is ready.
///
/// An attempt that is pending must have no effect, so dropping the future loses nothing. Every word
/// that the attempt waits on must lie in the `segment` of its source.
#[inline]
pub(crate) async fn retry_until_ready<S, R, E>(
    mut source: S,
    segment: impl FnOnce(&S) -> &Segment,
    mut attempt: impl FnMut(&mut S, Wait<'_>) -> Result<R, E>,
) -> Result<R, E> {
    // Not through `RetryState::poll`, which would copy a result that is ready at once one more
    // time: ten nanoseconds.
    {
        let task = PollOnce::default();
        let first = attempt(&mut source, Wait::Task(&task));
        if !task.is_pending.get() {
            return first;
        }
        // The result is dropped here: a future that keeps it over the wait would not be `Send`.
    }
    let mut wait = RetryState { segment: Some(segment(&source).clone()), ..RetryState::default() };
    poll_fn(move |context| wait.poll_on(context, &mut source, &mut attempt)).await
}

/// The state of a task's wait between polls.
#[derive(Debug, Default)]
pub(super) struct RetryState {
    ticket: Option<ReactorTicket>,
    /// Why the task was woken, until it waits again.
    reason: Option<WakeReason>,
    /// Known after the first attempt.
    segment: Option<Segment>,
}

impl RetryState {
    #[inline]
    pub(super) fn poll<S, R, E>(
        &mut self,
        context: &Context<'_>,
        source: &mut S,
        segment: impl FnOnce(&S) -> &Segment,
        mut attempt: impl FnMut(&mut S, Wait<'_>) -> Result<R, E>,
    ) -> Poll<Result<R, E>> {
        if self.segment.is_none() {
            let task = PollOnce::default();
            let result = attempt(source, Wait::Task(&task));
            if !task.is_pending.get() {
                return Poll::Ready(result);
            }
            self.segment = Some(segment(source).clone());
        }
        self.poll_on(context, source, attempt)
    }

    /// Makes one attempt, after a first one was pending.
    #[cold]
    fn poll_on<S, R, E>(
        &mut self,
        context: &Context<'_>,
        source: &mut S,
        mut attempt: impl FnMut(&mut S, Wait<'_>) -> Result<R, E>,
    ) -> Poll<Result<R, E>> {
        let reason = self.take_reason();
        let task = TaskWaiter {
            waker: context.waker(),
            segment: self.segment.as_ref(),
            reason: Cell::new(reason),
            is_pending: Cell::new(false),
            is_registered: Cell::new(false),
            ticket: RefCell::new(&mut self.ticket),
        };
        let result = attempt(source, Wait::Task(&task));
        if task.is_pending.get() {
            if !task.is_registered.get() {
                // The attempt has more to do at once, or no waiter thread could be started.
                context.waker().wake_by_ref();
            }
            self.reason = task.reason.get();
            return Poll::Pending;
        }
        if let Some(ticket) = self.ticket.take() {
            ticket.complete();
        }
        Poll::Ready(result)
    }

    /// Why the task was woken.
    #[inline]
    fn take_reason(&mut self) -> Option<WakeReason> {
        let ticket = self.ticket.as_ref()?;
        // A forked child registers anew.
        if !ticket.registration.is_ours() {
            (self.ticket, self.reason) = (None, None);
            return None;
        }
        self.reason.take().or(ticket.registration.take_reason())
    }
}

/// The waiter of a first attempt, which registers nowhere.
#[derive(Debug, Default)]
struct PollOnce {
    is_pending: Cell<bool>,
}

impl AsyncWaiter for PollOnce {
    fn reason(&self) -> Option<WakeReason> {
        None
    }

    fn register(&self, _: &EventCount, _: WakePolicy) {}

    fn set_pending(&self, is_pending: bool) {
        self.is_pending.set(is_pending);
    }

    fn wake_now(&self) {
        self.is_pending.set(true);
    }
}

/// The waiter of a task that registers with the reactor.
struct TaskWaiter<'a> {
    waker: &'a Waker,
    segment: Option<&'a Segment>,
    /// Why the task was woken, until it waits again.
    reason: Cell<Option<WakeReason>>,
    is_pending: Cell<bool>,
    /// Whether a notifier will wake the task.
    is_registered: Cell<bool>,
    ticket: RefCell<&'a mut Option<ReactorTicket>>,
}

impl AsyncWaiter for TaskWaiter<'_> {
    fn reason(&self) -> Option<WakeReason> {
        self.reason.get()
    }

    fn register(&self, event: &EventCount, policy: WakePolicy) {
        let mut ticket = self.ticket.borrow_mut();
        let own_thread = block_on::waiter_thread_of(self.waker);
        if let Some(ticket) = ticket.as_ref().filter(|ticket| ticket.is_at(event, own_thread)) {
            let called_since = ticket.registration.register(self.waker);
            ticket.renew(self.reason.take().or(called_since).is_some());
        } else if let Some(segment) = self.segment {
            // A ticket for another word or another executor is of no use.
            **ticket = None;
            self.reason.set(None);
            **ticket =
                REACTOR.get().add(own_thread, event, policy, segment, WakerRegistration::new(self.waker));
        }
        self.is_registered.set(ticket.is_some());
    }

    fn set_pending(&self, is_pending: bool) {
        self.is_pending.set(is_pending);
    }

    fn wake_now(&self) {
        self.is_pending.set(true);
        self.is_registered.set(false);
    }
}

impl fmt::Debug for TaskWaiter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskWaiter").field("reason", &self.reason.get()).finish_non_exhaustive()
    }
}
