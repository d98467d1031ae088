//! Executors of all kinds, and wakers that count their wakes.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_lite::future::block_on;

/// Runs the same in each of them.
pub fn everywhere<F>(make: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    block_on(make());
    breezeway::block_on(make());
    block_on(async_executor::LocalExecutor::new().run(make()));
    in_one_thread(make());
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    runtime.block_on(async { tokio::spawn(make()).await.unwrap() });
}

/// Runs it in a runtime with a clock and one thread.
pub fn in_one_thread<R>(future: impl Future<Output = R>) -> R {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

/// What comes within so many microseconds, in such a runtime.
pub async fn within<R>(micros: u64, future: impl Future<Output = R>) -> Option<R> {
    tokio::time::timeout(Duration::from_micros(micros), future).await.ok()
}

/// Counts how often it is woken.
#[derive(Default)]
pub struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Count {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    pub fn of(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Polls once with this waker.
pub fn poll_with<F: Future + Unpin>(count: &Arc<Count>, future: &mut F) -> Poll<F::Output> {
    let waker = Waker::from(Arc::clone(count));
    pin!(future).poll(&mut Context::from_waker(&waker))
}
