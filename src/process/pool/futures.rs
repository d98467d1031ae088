//! Results for tasks of an executor.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::sync::{Arc, Mutex};

use futures_core::stream::Stream;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::imap::{Feed, Imap, ImapUnordered};
use super::promise::TaskHandle;
use crate::error::TaskError;
use crate::process::child::lock;
use crate::raw::slot::{Call, Slot};
use crate::reactor::Seat;

/// The task that waits for a result, if one does.
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<Option<Arc<Slot>>>);

impl Waiting {
    /// What `look` finds; or the task is called when there is something to be found. It is called for as long as it has the seat.
    pub(super) fn poll<T>(
        &self,
        seat: &mut Option<Seat>,
        waker: &Waker,
        look: impl Fn() -> Option<T>,
    ) -> Poll<T> {
        let found = look().or_else(|| {
            match seat.as_ref().filter(|seat| seat.is_ours()) {
                Some(seat) => drop(seat.wait(waker)),
                None => *seat = Some(Seat::new(waker)),
            }
            let slot = seat.as_ref().map(Seat::slot);
            let before = core::mem::replace(&mut *lock(&self.0), slot);
            drop(before);
            look()
        });
        found.map_or(Poll::Pending, |found| {
            if let Some(seat) = seat.take() {
                seat.end();
            }
            Poll::Ready(found)
        })
    }

    /// Has the task look. To be called when there is something to be found.
    pub(super) fn call(&self) {
        let slot = lock(&self.0).take();
        if let Some(slot) = slot {
            slot.call(Call::News);
        }
    }
}

/// The result, as [`get`](TaskHandle::get) has it. Once it is given, another poll is an `AlreadyTaken`.
///
/// Dropped before it is done, it takes nothing back: the task is done all the same, and its result lost. `&mut handle` is a future,
/// too, which leaves the handle where it is.
impl<R> Future for TaskHandle<R> {
    type Output = Result<R, TaskError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { promise, seat } = &mut *self;
        promise.task.poll(seat, context.waker(), || promise.take())
    }
}

/// The results of a [`Pool`](super::Pool)'s tasks, one by one: a [`Stream`]. Made by [`Imap::into_stream`], in the order of their
/// arguments, and by [`ImapUnordered::into_stream`], as they come.
///
/// It pulls its input as those do. Between two results it takes none: dropped, it loses those that were not taken.
#[must_use = "streams do nothing unless they are polled"]
pub struct Results<I: Iterator, R> {
    feed: Feed<I, R>,
    seat: Option<Seat>,
}

/// Nothing in it is pinned.
impl<I: Iterator, R> Unpin for Results<I, R> {}

impl<I, R> Stream for Results<I, R>
where
    I: Iterator,
    I::Item: Serialize + DeserializeOwned + Send + 'static,
    R: Serialize + DeserializeOwned + Send + 'static,
{
    type Item = Result<R, TaskError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { feed, seat } = &mut *self;
        feed.poll_next(seat, context.waker())
    }
}

impl<I: Iterator, R> fmt::Debug for Results<I, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.feed.debug(f, "Results")
    }
}

/// For tasks of an executor, with the feature `async`.
impl<I: Iterator, R> Imap<I, R> {
    /// The results as a stream, for a task that does not hold up its thread.
    pub fn into_stream(self) -> Results<I, R> {
        Results { feed: self.0, seat: None }
    }
}

/// For tasks of an executor, with the feature `async`.
impl<I: Iterator, R> ImapUnordered<I, R> {
    /// The results as a stream, for a task that does not hold up its thread.
    pub fn into_stream(self) -> Results<I, R> {
        Results { feed: self.0, seat: None }
    }
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use super::*;

    #[test]
    fn what_comes_before_the_task_can_be_called_is_found() {
        let (waiting, mut seat, is_there) = (Waiting::default(), None, Cell::new(false));
        let look = || {
            let found = is_there.get().then_some(7);
            is_there.set(true);
            waiting.call();
            found
        };
        assert_eq!(waiting.poll(&mut seat, Waker::noop(), look), Poll::Ready(7));
        assert!(seat.is_none());
    }
}
