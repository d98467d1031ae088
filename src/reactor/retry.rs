//! An operation that is tried until it comes to something: at once, and then whenever there is news.

use core::cell::{Cell, RefCell};
use core::fmt;
use core::future::poll_fn;
use core::task::{Context, Poll, Waker};

use super::{REACTOR, ReactorTicket, WakerRegistration, block_on};
use crate::error::{DoneError, LockError, PopError, PushError, Stop};
use crate::raw::async_waiter::{AsyncWaiter, WaitTarget};
use crate::raw::wait::{Wait, WakePolicy};
use crate::raw::waker_cell::WakeReason;
use crate::segment::Segment;

/// An error, one of which says that the time is up: so an attempt says that it has come to nothing so far.
pub(crate) trait Late {
    fn is_late(&self) -> bool;
}

macro_rules! late {
    ($($error:ty: $late:pat),*) => {
        $(
            impl Late for $error {
                fn is_late(&self) -> bool {
                    matches!(self, $late)
                }
            }
        )*
    };
}

late!(Stop: Self::Timeout, LockError: Self::Timeout, PopError: Self::Timeout, DoneError: Self::Timeout);

impl<T> Late for PushError<T> {
    fn is_late(&self) -> bool {
        matches!(self, Self::Timeout(_))
    }
}

/// Makes an attempt, and again whenever there is news, until it is not [late](Late). Nothing of a late attempt may be left; so nothing is
/// lost when this is dropped. All that it waits on lies in the `segment` of its source.
#[inline]
pub(crate) async fn retry_until_ready<S, R, E: Late>(
    mut source: S,
    segment: impl FnOnce(&S) -> &Segment,
    mut attempt: impl FnMut(&mut S, Wait<'_>) -> Result<R, E>,
) -> Result<R, E> {
    // Not by way of `RetryState::poll`: a result that is there at once would be copied once more, which took ten nanoseconds.
    {
        let first = attempt(&mut source, Wait::Task(&PollOnce));
        if !matches!(&first, Err(error) if error.is_late()) {
            return first;
        }
        // It ends here: what cannot go to another thread is not to be kept over the wait.
    }
    let mut wait = RetryState { segment: Some(segment(&source).clone()), ..RetryState::default() };
    poll_fn(move |context| wait.poll_on(context, &mut source, &mut attempt)).await
}

/// A task's waiting, from one poll to the next.
#[derive(Debug, Default)]
pub(super) struct RetryState {
    ticket: Option<ReactorTicket>,
    /// What the task was called for, and has not waited since.
    reason: Option<WakeReason>,
    /// Known once there is something to wait for.
    segment: Option<Segment>,
}

impl RetryState {
    #[inline]
    pub(super) fn poll<S, R, E: Late>(
        &mut self,
        context: &Context<'_>,
        source: &mut S,
        segment: impl FnOnce(&S) -> &Segment,
        mut attempt: impl FnMut(&mut S, Wait<'_>) -> Result<R, E>,
    ) -> Poll<Result<R, E>> {
        if self.segment.is_none() {
            let result = attempt(source, Wait::Task(&PollOnce));
            if !matches!(&result, Err(error) if error.is_late()) {
                return Poll::Ready(result);
            }
            self.segment = Some(segment(source).clone());
        }
        self.poll_on(context, source, attempt)
    }

    /// Goes on when a first glance has shown nothing.
    #[cold]
    fn poll_on<S, R, E: Late>(
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
            waits: Cell::new(false),
            ticket: RefCell::new(&mut self.ticket),
        };
        match attempt(source, Wait::Task(&task)) {
            Err(error) if error.is_late() => {
                if !task.waits.get() {
                    // There is more to do at once, or the system gave no thread that would call it.
                    context.waker().wake_by_ref();
                }
                self.reason = task.reason.get();
                Poll::Pending
            }
            result => {
                if let Some(ticket) = self.ticket.take() {
                    ticket.complete();
                }
                Poll::Ready(result)
            }
        }
    }

    /// What the task was called for.
    #[inline]
    fn take_reason(&mut self) -> Option<WakeReason> {
        let ticket = self.ticket.as_ref()?;
        if !ticket.registration.is_ours() {
            (self.ticket, self.reason) = (None, None);
            return None;
        }
        self.reason.take().or(ticket.registration.take_reason())
    }
}

/// An attempt that waits for nothing yet.
#[derive(Debug)]
struct PollOnce;

impl AsyncWaiter for PollOnce {
    fn is_recheck(&self) -> bool {
        false
    }

    fn register(&self, _: WaitTarget<'_>, _: WakePolicy) -> bool {
        false
    }

    fn wake_now(&self) {}
}

struct TaskWaiter<'a> {
    waker: &'a Waker,
    segment: Option<&'a Segment>,
    /// What it was called for, and has not waited since.
    reason: Cell<Option<WakeReason>>,
    /// Whether somebody will call it.
    waits: Cell<bool>,
    ticket: RefCell<&'a mut Option<ReactorTicket>>,
}

impl AsyncWaiter for TaskWaiter<'_> {
    fn is_recheck(&self) -> bool {
        self.reason.get() == Some(WakeReason::Recheck)
    }

    fn register(&self, target: WaitTarget<'_>, policy: WakePolicy) -> bool {
        let mut ticket = self.ticket.borrow_mut();
        let own_thread = block_on::waiter_thread_of(self.waker);
        if let Some(ticket) = ticket.as_ref().filter(|ticket| ticket.is_at(target, own_thread)) {
            let called_since = ticket.registration.register(self.waker);
            ticket.renew(self.reason.take().or(called_since).is_some());
        } else if let Some(segment) = self.segment {
            // Of another word, or another executor, if any.
            **ticket = None;
            self.reason.set(None);
            **ticket =
                REACTOR.get().add(own_thread, target, policy, segment, WakerRegistration::new(self.waker));
        }
        self.waits.set(ticket.is_some());
        ticket.is_some()
    }

    fn wake_now(&self) {
        self.waits.set(false);
    }
}

impl fmt::Debug for TaskWaiter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskWaiter").field("reason", &self.reason.get()).finish_non_exhaustive()
    }
}
