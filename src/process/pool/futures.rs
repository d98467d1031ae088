//! Results as futures and streams.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::sync::{Arc, Mutex};

use futures_core::stream::Stream;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::map_iter::{MapIter, MapIterUnordered};
use super::promise::TaskHandle;
use super::task_stream::TaskStream;
use crate::error::TaskError;
use crate::process::child::lock_unpoisoned;
use crate::raw::wait::WakeReason;
use crate::reactor::{WakerCell, WakerRegistration};

/// The waker cell of the task that waits for a result, if there is one.
#[derive(Debug, Default)]
pub(super) struct ResultWaker(Mutex<Option<Arc<WakerCell>>>);

impl ResultWaker {
    /// Returns what `try_once` finds, or registers the task's waker, which [`wake`](Self::wake)
    /// wakes for as long as the task keeps the registration.
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

    /// Wakes the waiting task. The notifier calls it after it has stored a result.
    pub(super) fn wake(&self) {
        let cell = lock_unpoisoned(&self.0).take();
        if let Some(cell) = cell {
            cell.wake(WakeReason::Notified);
        }
    }
}

/// A future of the result that [`get`](TaskHandle::get) returns, with its errors. Polled again
/// after it was ready, it returns [`TaskError::AlreadyTaken`].
///
/// If it is dropped before it is ready, the task is done all the same, and the result is lost.
/// `&mut handle` is a future as well, which can be dropped without the handle.
impl<R> Future for TaskHandle<R> {
    type Output = Result<R, TaskError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { promise, registration } = &mut *self;
        promise.waker.poll(registration, context.waker(), || promise.take())
    }
}

/// A [`Stream`] of the results of a [`Pool`](super::Pool)'s tasks: from [`MapIter::into_stream`] in
/// the order of the arguments, from [`MapIterUnordered::into_stream`] in the order of their
/// arrival.
///
/// It pulls its input as the iterators do, and takes a result only when it yields one. If it is
/// dropped, the results that it has not yielded are lost.
#[must_use = "streams do nothing unless they are polled"]
pub struct MapStream<I: Iterator, R> {
    task_stream: TaskStream<I, R>,
    registration: Option<WakerRegistration>,
}

/// Nothing in it is structurally pinned.
impl<I: Iterator, R> Unpin for MapStream<I, R> {}

impl<I, R> Stream for MapStream<I, R>
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

impl<I: Iterator, R> fmt::Debug for MapStream<I, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.task_stream.debug(f, "MapStream")
    }
}

/// Operations as futures (feature `async`).
impl<I: Iterator, R> MapIter<I, R> {
    /// The results as a stream, in the order of the arguments.
    pub fn into_stream(self) -> MapStream<I, R> {
        MapStream { task_stream: self.0, registration: None }
    }
}

/// Operations as futures (feature `async`).
impl<I: Iterator, R> MapIterUnordered<I, R> {
    /// The results as a stream, in the order of their arrival.
    pub fn into_stream(self) -> MapStream<I, R> {
        MapStream { task_stream: self.0, registration: None }
    }
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use super::*;

    #[test]
    fn result_waker_poll_race() {
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
