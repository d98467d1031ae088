//! A future that a test polls when it likes, and who is called for it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll, Wake};

use crate::process::until;

/// Counts how many times it was called; and finds fault with calls behind the end of its future.
#[derive(Default)]
pub struct Counter {
    calls: AtomicU32,
    is_over: AtomicBool,
    late_calls: AtomicU32,
}

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        if self.is_over.load(Ordering::SeqCst) {
            self.late_calls.fetch_add(1, Ordering::SeqCst);
        }
        self.calls.fetch_add(1, Ordering::SeqCst);
    }
}

impl Counter {
    pub fn calls(&self) -> u32 {
        self.calls.load(Ordering::SeqCst)
    }

    /// To be called when the future is dropped.
    pub fn end(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }

    pub fn late_calls(&self) -> u32 {
        self.late_calls.load(Ordering::SeqCst)
    }
}

/// A future. Dropped, it is over before its waker is.
pub struct Polled<'a, T> {
    future: Option<Pin<Box<dyn Future<Output = T> + 'a>>>,
    pub counter: Arc<Counter>,
    /// How many of the calls came before the last poll.
    seen: u32,
}

impl<'a, T> Polled<'a, T> {
    pub fn new(future: impl Future<Output = T> + 'a) -> Self {
        Self { future: Some(Box::pin(future)), counter: Arc::default(), seen: 0 }
    }

    /// One that has been polled, and waits.
    pub fn waiting(future: impl Future<Output = T> + 'a) -> Self {
        let mut new = Self::new(future);
        assert!(new.poll().is_none(), "there is something to wait for");
        new
    }

    pub fn poll(&mut self) -> Option<T> {
        self.seen = self.counter.calls();
        let waker = Arc::clone(&self.counter).into();
        match self.future.as_mut().unwrap().as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    /// Whether it was called since it was polled.
    pub fn is_called(&self) -> bool {
        self.counter.calls() > self.seen
    }

    pub fn until_called(&self) {
        until(|| self.is_called());
    }

    /// Polls it whenever it is called, and only then, to its end.
    pub fn finish(mut self) -> T {
        loop {
            self.until_called();
            if let Some(output) = self.poll() {
                return output;
            }
        }
    }
}

impl<T> Drop for Polled<'_, T> {
    fn drop(&mut self) {
        self.future = None;
        self.counter.end();
    }
}
