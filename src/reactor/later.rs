//! An operation that is tried until it comes to something: at once, and then whenever there is news.

use core::cell::{Cell, RefCell};
use core::fmt;
use core::future::poll_fn;
use core::task::{Context, Poll, Waker};

use super::{REACTOR, Seat, Ticket, block_on};
use crate::error::{DoneError, EventError, LockError, PopError, PushError, SemaphoreError, Stop};
use crate::raw::patience::{Patience, Sleepers};
use crate::raw::slot::Call;
use crate::raw::turn::{Bed, Turn};
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

late!(
    DoneError: Self::Timeout,
    EventError: Self::Timeout,
    LockError: Self::Timeout,
    PopError: Self::Timeout,
    SemaphoreError: Self::Timeout,
    Stop: Self::Timeout
);

impl<T> Late for PushError<T> {
    fn is_late(&self) -> bool {
        matches!(self, Self::Timeout(_))
    }
}

/// Makes an attempt, and again whenever there is news, until it is not [late](Late). Nothing of a late attempt may be left; so nothing is
/// lost when this is dropped. All that it waits on lies in the `segment` of its source.
#[inline]
pub(crate) async fn later<S, R, E: Late>(
    mut source: S,
    segment: impl FnOnce(&S) -> &Segment,
    mut attempt: impl FnMut(&mut S, Patience<'_>) -> Result<R, E>,
) -> Result<R, E> {
    // Not by way of `Wait::poll`: a result that is there at once would be copied once more, which took ten nanoseconds.
    {
        let first = attempt(&mut source, Patience::Later(&Glance));
        if !matches!(&first, Err(error) if error.is_late()) {
            return first;
        }
        // It ends here: what cannot go to another thread is not to be kept over the wait.
    }
    let mut wait = Wait { segment: Some(segment(&source).clone()), ..Wait::default() };
    poll_fn(move |context| wait.poll_on(context, &mut source, &mut attempt)).await
}

/// A task's waiting, from one poll to the next.
#[derive(Debug, Default)]
pub(super) struct Wait {
    ticket: Option<Ticket>,
    /// What the task was called for, and has not waited since.
    call: Option<Call>,
    /// Known once there is something to wait for.
    segment: Option<Segment>,
}

impl Wait {
    #[inline]
    pub(super) fn poll<S, R, E: Late>(
        &mut self,
        context: &Context<'_>,
        source: &mut S,
        segment: impl FnOnce(&S) -> &Segment,
        mut attempt: impl FnMut(&mut S, Patience<'_>) -> Result<R, E>,
    ) -> Poll<Result<R, E>> {
        if self.segment.is_none() {
            let result = attempt(source, Patience::Later(&Glance));
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
        mut attempt: impl FnMut(&mut S, Patience<'_>) -> Result<R, E>,
    ) -> Poll<Result<R, E>> {
        let call = self.call();
        let task = Task {
            waker: context.waker(),
            segment: self.segment.as_ref(),
            call: Cell::new(call),
            waits: Cell::new(false),
            ticket: RefCell::new(&mut self.ticket),
        };
        match attempt(source, Patience::Later(&task)) {
            Err(error) if error.is_late() => {
                if !task.waits.get() {
                    // There is more to do at once, or the system gave no thread that would call it.
                    context.waker().wake_by_ref();
                }
                self.call = task.call.get();
                Poll::Pending
            }
            result => {
                if let Some(ticket) = self.ticket.take() {
                    ticket.end();
                }
                Poll::Ready(result)
            }
        }
    }

    /// What the task was called for.
    #[inline]
    fn call(&mut self) -> Option<Call> {
        let ticket = self.ticket.as_ref()?;
        if !ticket.seat.is_ours() {
            (self.ticket, self.call) = (None, None);
            return None;
        }
        self.call.take().or(ticket.seat.take_call())
    }
}

/// An attempt that waits for nothing yet.
#[derive(Debug)]
struct Glance;

impl Turn for Glance {
    fn is_round(&self) -> bool {
        false
    }

    fn wait_at(&self, _: Bed<'_>, _: Sleepers) -> bool {
        false
    }

    fn call_again(&self) {}
}

struct Task<'a> {
    waker: &'a Waker,
    segment: Option<&'a Segment>,
    /// What it was called for, and has not waited since.
    call: Cell<Option<Call>>,
    /// Whether somebody will call it.
    waits: Cell<bool>,
    ticket: RefCell<&'a mut Option<Ticket>>,
}

impl Turn for Task<'_> {
    fn is_round(&self) -> bool {
        self.call.get() == Some(Call::Round)
    }

    fn wait_at(&self, bed: Bed<'_>, sleepers: Sleepers) -> bool {
        let mut ticket = self.ticket.borrow_mut();
        let home = block_on::lane_of(self.waker);
        if let Some(ticket) = ticket.as_ref().filter(|ticket| ticket.is_at(bed, home)) {
            let called_since = ticket.seat.wait(self.waker);
            ticket.renew(self.call.take().or(called_since).is_some());
        } else if let Some(segment) = self.segment {
            // Of another word, or another executor, if any.
            **ticket = None;
            self.call.set(None);
            **ticket = REACTOR.get().add(home, bed, sleepers, segment, Seat::new(self.waker));
        }
        self.waits.set(ticket.is_some());
        ticket.is_some()
    }

    fn call_again(&self) {
        self.waits.set(false);
    }
}

impl fmt::Debug for Task<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("call", &self.call.get()).finish_non_exhaustive()
    }
}
