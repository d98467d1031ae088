//! [`TaskHandle`], by which a program waits for a task's result, and [`ResultSink`], where results
//! arrive item by item: of one task, or of many that belong together.

use core::fmt;
use core::marker::PhantomData;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use super::callbacks::Callbacks;
#[cfg(feature = "async")]
use super::futures::ResultWaker;
use super::wire;
use crate::error::TaskError;
use crate::process::child::lock_unpoisoned;
#[cfg(feature = "async")]
use crate::reactor::WakerRegistration;

/// Where the results of tasks arrive.
pub(super) trait ResultSink: Send + Sync {
    /// Takes the outcome of one item. Called exactly once for each item.
    fn accept(&self, index: usize, outcome: Result<&[u8], TaskError>);
}

enum PromiseState<T> {
    Pending,
    Ready(Result<T, TaskError>),
    Consumed { is_ok: bool },
}

/// A result that arrives later, and is taken once.
pub(super) struct Promise<T> {
    result: Mutex<PromiseState<T>>,
    arrival: Condvar,
    #[cfg(feature = "async")]
    pub(super) waker: ResultWaker,
}

impl<T> Promise<T> {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            result: Mutex::new(PromiseState::Pending),
            arrival: Condvar::new(),
            #[cfg(feature = "async")]
            waker: ResultWaker::default(),
        })
    }

    fn store(&self, result: Result<T, TaskError>) {
        *lock_unpoisoned(&self.result) = PromiseState::Ready(result);
        self.arrival.notify_all();
        #[cfg(feature = "async")]
        self.waker.wake();
    }

    /// The result if it has arrived; [`TaskError::AlreadyTaken`] after the first time.
    pub(super) fn take(&self) -> Option<Result<T, TaskError>> {
        let mut result = lock_unpoisoned(&self.result);
        let is_ok = match &*result {
            PromiseState::Pending => return None,
            PromiseState::Ready(result) => result.is_ok(),
            PromiseState::Consumed { is_ok } => *is_ok,
        };
        match core::mem::replace(&mut *result, PromiseState::Consumed { is_ok }) {
            PromiseState::Ready(result) => Some(result),
            PromiseState::Pending | PromiseState::Consumed { .. } => Some(Err(TaskError::AlreadyTaken)),
        }
    }
}

/// The handle of a task that was submitted to a [`Pool`](super::Pool), from which its result is
/// taken.
///
/// If it is dropped, the task is done all the same. With the feature `async` it is also a future of
/// the result.
///
/// **When a process is killed at any instruction:** a result that the worker has left arrives;
/// otherwise the error is [`TaskError::WorkerDied`].
#[doc(alias = "AsyncResult")]
#[must_use = "only the handle tells whether the task has succeeded"]
pub struct TaskHandle<R> {
    pub(super) promise: Arc<Promise<R>>,
    #[cfg(feature = "async")]
    pub(super) registration: Option<WakerRegistration>,
}

impl<R> TaskHandle<R> {
    fn new(promise: Arc<Promise<R>>) -> Self {
        Self {
            promise,
            #[cfg(feature = "async")]
            registration: None,
        }
    }

    /// Waits for the result, and takes it.
    ///
    /// # Errors
    /// - [`TaskError::TaskPanicked`] if the function panicked.
    /// - [`TaskError::WorkerDied`] if a signal killed the worker in the middle of the task,
    ///   [`TaskError::Exited`] if it exited, [`TaskError::Unknown`] if how it ended is not known.
    /// - [`TaskError::Arguments`] if the worker could not decode the arguments.
    /// - [`TaskError::Unencodable`] if the worker could not encode the result.
    /// - [`TaskError::Undecodable`] if this process cannot decode the result.
    /// - [`TaskError::Terminated`] if the pool was terminated before the task was done,
    ///   [`TaskError::Broken`] if its workers could not start.
    /// - [`TaskError::AlreadyTaken`] if [`get_timeout`](Self::get_timeout) has taken the result.
    /// - [`TaskError::Os`] if the operating system refuses to pass a long task or result on.
    pub fn get(self) -> Result<R, TaskError> {
        self.take(None)
    }

    /// Waits for the result, for at most `timeout` on the monotonic clock, and takes it.
    ///
    /// # Errors
    /// - [`TaskError::Timeout`] if the result has not arrived by then.
    /// - Those of [`get`](Self::get).
    pub fn get_timeout(&self, timeout: Duration) -> Result<R, TaskError> {
        self.take(Some(timeout))
    }

    /// Waits until the result has arrived, for at most `timeout`, and returns whether it has. Does
    /// not take it.
    #[doc(alias = "wait")]
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        let result = lock_unpoisoned(&self.promise.result);
        let is_pending = |result: &mut PromiseState<R>| matches!(result, PromiseState::Pending);
        let waited = self.promise.arrival.wait_timeout_while(result, timeout, is_pending);
        let (mut result, _) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        !is_pending(&mut result)
    }

    fn take(&self, timeout: Option<Duration>) -> Result<R, TaskError> {
        // A timeout that no `Instant` can express is no deadline.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            let slice = deadline.map_or(Duration::from_secs(3600), |deadline| {
                deadline.saturating_duration_since(Instant::now())
            });
            self.wait_timeout(slice);
            if let Some(result) = self.promise.take() {
                return result;
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(TaskError::Timeout);
            }
        }
    }

    /// Whether the result has arrived, taken or not.
    #[doc(alias = "ready")]
    pub fn is_ready(&self) -> bool {
        !matches!(*lock_unpoisoned(&self.promise.result), PromiseState::Pending)
    }

    /// Whether the task has succeeded; `None` while the result is not [ready](Self::is_ready).
    #[doc(alias = "successful")]
    pub fn is_successful(&self) -> Option<bool> {
        match &*lock_unpoisoned(&self.promise.result) {
            PromiseState::Pending => None,
            PromiseState::Ready(result) => Some(result.is_ok()),
            PromiseState::Consumed { is_ok } => Some(*is_ok),
        }
    }
}

impl<R> fmt::Debug for TaskHandle<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskHandle").field("ready", &self.is_ready()).finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(TaskHandle<u8>: Send, Sync);

/// Called with a result before the handle returns it.
pub(super) type Callback<T> = Box<dyn FnOnce(&Result<T, TaskError>) + Send>;

/// The promise that gets a result, and the callback that is called with it before.
struct Completion<T> {
    promise: Arc<Promise<T>>,
    callback: Option<Callback<T>>,
}

impl<T: Send + 'static> Completion<T> {
    fn new(callback: Option<Callback<T>>) -> (Self, TaskHandle<T>) {
        let promise = Promise::new();
        (Self { promise: Arc::clone(&promise), callback }, TaskHandle::new(promise))
    }

    fn complete(self, result: Result<T, TaskError>, callbacks: &Callbacks) {
        let Self { promise, callback } = self;
        match callback {
            None => promise.store(result),
            Some(callback) => callbacks.run(move || {
                let given = callback;
                let result = result;
                // The handle gets its result also if the callback panics.
                super::callbacks::catch_panic(|| given(&result));
                promise.store(result);
            }),
        }
    }
}

/// The sink of one task. It keeps the arguments until the task is done, because the worker opens
/// anonymous segments in them through this process.
struct SingleResultSink<A, R> {
    open: Mutex<Option<(A, Completion<R>)>>,
    callbacks: Arc<Callbacks>,
}

pub(super) fn single_result<A, R>(
    args: A,
    callback: Option<Callback<R>>,
    callbacks: &Arc<Callbacks>,
) -> (Arc<dyn ResultSink>, TaskHandle<R>)
where
    A: Send + 'static,
    R: DeserializeOwned + Send + 'static,
{
    let (completion, handle) = Completion::new(callback);
    let sink =
        SingleResultSink { open: Mutex::new(Some((args, completion))), callbacks: Arc::clone(callbacks) };
    (Arc::new(sink), handle)
}

impl<A: Send, R: DeserializeOwned + Send + 'static> ResultSink for SingleResultSink<A, R> {
    fn accept(&self, _: usize, outcome: Result<&[u8], TaskError>) {
        let result = wire::decode(outcome);
        let open = lock_unpoisoned(&self.open).take();
        if let Some((args, completion)) = open {
            completion.complete(result, &self.callbacks);
            drop(args);
        }
    }
}

/// The sink of many tasks whose results belong together. It keeps the arguments until all are done.
struct CollectSink<A, R> {
    state: Mutex<CollectState<A, R>>,
    callbacks: Arc<Callbacks>,
}

struct CollectState<A, R> {
    args: Vec<A>,
    results: Vec<Option<R>>,
    left: usize,
    /// The failed item with the lowest index, and its error.
    error: Option<(usize, TaskError)>,
    completion: Option<Completion<Vec<R>>>,
}

pub(super) fn collected_results<A, R>(
    args: Vec<A>,
    callback: Option<Callback<Vec<R>>>,
    callbacks: &Arc<Callbacks>,
) -> (Arc<dyn ResultSink>, TaskHandle<Vec<R>>)
where
    A: Send + 'static,
    R: DeserializeOwned + Send + 'static,
{
    let (completion, handle) = Completion::new(callback);
    let left = args.len();
    if left == 0 {
        completion.complete(Ok(Vec::new()), callbacks);
        return (Arc::new(NullSink(PhantomData::<fn(A) -> R>)), handle);
    }
    let results = core::iter::repeat_with(|| None).take(left).collect();
    let state = CollectState { args, results, left, error: None, completion: Some(completion) };
    (Arc::new(CollectSink { state: Mutex::new(state), callbacks: Arc::clone(callbacks) }), handle)
}

impl<A: Send, R: DeserializeOwned + Send + 'static> ResultSink for CollectSink<A, R> {
    fn accept(&self, index: usize, outcome: Result<&[u8], TaskError>) {
        let result = wire::decode(outcome);
        let mut state = lock_unpoisoned(&self.state);
        match result {
            Ok(result) => {
                if let Some(place) = state.results.get_mut(index) {
                    *place = Some(result);
                }
            }
            Err(error) => {
                if state.error.as_ref().is_none_or(|(first, _)| index < *first) {
                    state.error = Some((index, error));
                }
            }
        }
        state.left = state.left.saturating_sub(1);
        if state.left > 0 {
            return;
        }
        let args = core::mem::take(&mut state.args);
        let results = core::mem::take(&mut state.results);
        let (error, completion) = (state.error.take(), state.completion.take());
        drop(state);
        if let Some(completion) = completion {
            let result = match error {
                Some((_, error)) => Err(error),
                // Without an error every item has a result.
                None => Ok(results.into_iter().flatten().collect()),
            };
            completion.complete(result, &self.callbacks);
        }
        drop(args);
    }
}

/// The sink of no tasks.
struct NullSink<T>(PhantomData<T>);

impl<T: Send + Sync> ResultSink for NullSink<T> {
    fn accept(&self, _: usize, _: Result<&[u8], TaskError>) {}
}
