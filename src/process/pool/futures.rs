//! Results for tasks of an executor.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::sync::{Arc, Mutex};

use futures_core::stream::Stream;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::map_iter::{MapIter, MapIterUnordered, TaskStream};
use super::promise::TaskHandle;
use crate::error::TaskError;
use crate::process::child::lock_unpoisoned;
use crate::raw::waker_cell::{WakeReason, WakerCell};
use crate::reactor::WakerRegistration;

/// The task that waits for a result, if one does.
#[derive(Debug, Default)]
pub(super) struct ResultWaker(Mutex<Option<Arc<WakerCell>>>);

impl ResultWaker {
    /// What `try_once` finds; or the task is called when there is something to be found. It is called for as long as it has the seat.
    pub(super) fn poll<T>(
        &self,
        registration: &mut Option<WakerRegistration>,
        waker: &Waker,
        try_once: impl Fn() -> Option<T>,
    ) -> Poll<T> {
        let found = try_once().or_else(|| {
            match registration.as_ref().filter(|registration| registration.is_ours()) {
                Some(registration) => drop(registration.register(waker)),
                None => *registration = Some(WakerRegistration::new(waker)),
            }
            let cell = registration.as_ref().map(WakerRegistration::cell);
            let before = core::mem::replace(&mut *lock_unpoisoned(&self.0), cell);
            drop(before);
            try_once()
        });
        found.map_or(Poll::Pending, |found| {
            if let Some(registration) = registration.take() {
                registration.complete();
            }
            Poll::Ready(found)
        })
    }

    /// Has the task look. To be called when there is something to be found.
    pub(super) fn wake(&self) {
        let cell = lock_unpoisoned(&self.0).take();
        if let Some(cell) = cell {
            cell.wake(WakeReason::Notified);
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
        let Self { promise, registration } = &mut *self;
        promise.waker.poll(registration, context.waker(), || promise.take())
    }
}

/// The results of a [`Pool`](super::Pool)'s tasks, one by one: a [`Stream`]. Made by [`MapIter::into_stream`], in the order of their
/// arguments, and by [`MapIterUnordered::into_stream`], as they come.
///
/// It pulls its input as those do. Between two results it takes none: dropped, it loses those that were not taken.
#[must_use = "streams do nothing unless they are polled"]
pub struct Results<I: Iterator, R> {
    task_stream: TaskStream<I, R>,
    registration: Option<WakerRegistration>,
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
        let Self { task_stream, registration } = &mut *self;
        task_stream.poll_next(registration, context.waker())
    }
}

impl<I: Iterator, R> fmt::Debug for Results<I, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.task_stream.debug(f, "Results")
    }
}

/// For tasks of an executor, with the feature `async`.
impl<I: Iterator, R> MapIter<I, R> {
    /// The results as a stream, for a task that does not hold up its thread.
    pub fn into_stream(self) -> Results<I, R> {
        Results { task_stream: self.0, registration: None }
    }
}

/// For tasks of an executor, with the feature `async`.
impl<I: Iterator, R> MapIterUnordered<I, R> {
    /// The results as a stream, for a task that does not hold up its thread.
    pub fn into_stream(self) -> Results<I, R> {
        Results { task_stream: self.0, registration: None }
    }
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use super::*;

    #[test]
    fn what_comes_before_the_task_can_be_called_is_found() {
        let (waker, mut registration, is_there) = (ResultWaker::default(), None, Cell::new(false));
        let try_once = || {
            let found = is_there.get().then_some(7);
            is_there.set(true);
            waker.wake();
            found
        };
        assert_eq!(waker.poll(&mut registration, Waker::noop(), try_once), Poll::Ready(7));
        assert!(registration.is_none());
    }
}
