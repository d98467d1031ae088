//! An executor that has the task locked while it polls it, and wakers that lock it, too.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake};

use super::process::until;

#[derive(Default)]
struct Locking {
    task: Mutex<()>,
    has_begun: AtomicBool,
}

impl Wake for Locking {
    fn wake(self: Arc<Self>) {
        self.has_begun.store(true, Ordering::SeqCst);
        drop(self.task.lock().unwrap());
    }
}

/// What the future is done with when it has something to find, and is polled while its waker waits for that to be over.
pub fn poll_when_called<F: Future, R>(future: F, publish: impl FnOnce() -> R) -> F::Output {
    let mut future = pin!(future);
    let locking = Arc::new(Locking::default());
    let waker = Arc::clone(&locking).into();
    let mut context = Context::from_waker(&waker);
    let polling = locking.task.lock().unwrap();
    assert!(future.as_mut().poll(&mut context).is_pending(), "there is nothing to find yet");
    publish();
    until(|| locking.has_begun.load(Ordering::SeqCst));
    let polled = future.as_mut().poll(&mut context);
    drop(polling);
    match polled {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it was called, and finds nothing"),
    }
}
