//! An operation that is tried until it comes to something: at once, and then whenever there is news.

use core::cell::{Cell, RefCell};
use core::fmt;
use core::future::poll_fn;
use core::task::{Context, Poll, Waker};

use super::{Reactor, Ticket};
use crate::error::{DoneError, LockError, PopError, PushError, Stop};
use crate::primitive::Arc;
use crate::raw::patience::{Patience, Sleepers};
use crate::raw::slot::{Call, Slot};
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

late!(Stop: Self::Timeout, LockError: Self::Timeout, PopError: Self::Timeout, DoneError: Self::Timeout);

impl<T> Late for PushError<T> {
    fn is_late(&self) -> bool {
        matches!(self, Self::Timeout(_))
    }
}

/// Makes an attempt, and again whenever there is news, until it is not [late](Late). Nothing of a late attempt may be left; so nothing is
/// lost when this is dropped. All that it waits on lies in the `segment` of its source.
pub(crate) async fn later<S, R, E: Late>(
    mut source: S,
    segment: impl Fn(&S) -> &Segment,
    mut attempt: impl FnMut(&mut S, Patience<'_>) -> Result<R, E>,
) -> Result<R, E> {
    let mut wait = Wait::default();
    poll_fn(move |context| wait.poll(context, &mut source, &segment, &mut attempt)).await
}

/// A task's waiting, from one poll to the next.
#[derive(Debug, Default)]
pub(super) struct Wait {
    ticket: Option<Ticket>,
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
            match attempt(source, Patience::Later(&Glance)) {
                Err(error) if error.is_late() => self.segment = Some(segment(source).clone()),
                result => return Poll::Ready(result),
            }
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
                    // The system gave no thread that would do it.
                    context.waker().wake_by_ref();
                }
                Poll::Pending
            }
            result => {
                self.ticket = None;
                Poll::Ready(result)
            }
        }
    }

    /// What the task was called for.
    #[inline]
    fn call(&mut self) -> Option<Call> {
        let ticket = self.ticket.as_ref()?;
        if !ticket.reactor.is_ours() {
            self.ticket = None;
            return None;
        }
        ticket.slot.take_call()
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
        if let Some(ticket) = ticket.as_ref().filter(|ticket| ticket.ticket.is_at(bed)) {
            let called_since = ticket.slot.wait(self.waker);
            ticket.renew(self.call.take().or(called_since).is_some());
        } else if let Some(segment) = self.segment {
            // Of another word, if any.
            **ticket = None;
            let slot = Arc::new(Slot::new(self.waker.clone()));
            **ticket = Reactor::ours().add(bed, sleepers, segment, &slot);
        }
        self.waits.set(ticket.is_some());
        ticket.is_some()
    }
}

impl fmt::Debug for Task<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("call", &self.call.get()).finish_non_exhaustive()
    }
}
