//! What a task's result is waited for with, and the way it takes there.
//!
//! - [`TaskHandle`]: the waiting side
//! - [`ResultSink`]: where results arrive, item by item: for one task, or for many together

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
    /// What became of one item, exactly once for each.
    fn accept(&self, index: usize, outcome: Result<&[u8], TaskError>);
}

enum PromiseState<T> {
    Pending,
    Ready(Result<T, TaskError>),
    Consumed { is_ok: bool },
}

/// A result that will be there some time.
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

    /// The result, which is given once, if it is there.
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

/// A task that was handed to a pool: its result, once it is there.
///
/// Dropping it takes nothing back: the task is done all the same.
///
/// With the feature `async` it is a future of the result as well.
#[must_use = "whether the task has succeeded, its handle knows"]
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

    /// Waits for the result, as long as it takes.
    ///
    /// # Errors
    /// `TaskPanicked`, `WorkerDied`, `Exited`, `Unknown`, `Arguments`, `Unencodable`, `Undecodable`, `Encode`, `Terminated`, `Broken`,
    /// `Os`; `AlreadyTaken` where [`get_timeout`](Self::get_timeout) has given it.
    pub fn get(self) -> Result<R, TaskError> {
        self.take(None)
    }

    /// Waits for the result no longer than `timeout` (on the monotonic clock). It is given once.
    ///
    /// # Errors
    /// `Timeout`, and those of [`get`](Self::get).
    pub fn get_timeout(&self, timeout: Duration) -> Result<R, TaskError> {
        self.take(Some(timeout))
    }

    /// Waits until the result is there, no longer than `timeout`, and says whether it is.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        let result = lock_unpoisoned(&self.promise.result);
        let is_pending = |result: &mut PromiseState<R>| matches!(result, PromiseState::Pending);
        let waited = self.promise.arrival.wait_timeout_while(result, timeout, is_pending);
        let (mut result, _) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        !is_pending(&mut result)
    }

    fn take(&self, timeout: Option<Duration>) -> Result<R, TaskError> {
        // A time beyond what can be counted is as good as none.
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

    /// Whether the result is there, or was.
    #[doc(alias = "ready")]
    pub fn is_ready(&self) -> bool {
        !matches!(*lock_unpoisoned(&self.promise.result), PromiseState::Pending)
    }

    /// Whether the result is one, and no error; `None` while it is not [`is_ready`](Self::is_ready).
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

/// Called with a result before its handle gives it out.
pub(super) type Callback<T> = Box<dyn FnOnce(&Result<T, TaskError>) + Send>;

/// What is done with a result.
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
                // The handle has its result whatever becomes of the callback.
                super::callbacks::catch_panic(|| given(&result));
                promise.store(result);
            }),
        }
    }
}

/// For one task. The arguments stay until it is done: a worker opens what is anonymous in them through this process.
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

/// For many tasks whose results belong together.
struct CollectSink<A, R> {
    state: Mutex<CollectState<A, R>>,
    callbacks: Arc<Callbacks>,
}

struct CollectState<A, R> {
    args: Vec<A>,
    results: Vec<Option<R>>,
    left: usize,
    /// That of the first item that has one.
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
                // Each has come, or there is an error.
                None => Ok(results.into_iter().flatten().collect()),
            };
            completion.complete(result, &self.callbacks);
        }
        drop(args);
    }
}

/// For no tasks.
struct NullSink<T>(PhantomData<T>);

impl<T: Send + Sync> ResultSink for NullSink<T> {
    fn accept(&self, _: usize, _: Result<&[u8], TaskError>) {}
}
