//! What a task's result is waited for with, and the way it takes there.
//!
//! - [`TaskHandle`]: the waiting side
//! - [`Sink`]: where results arrive, item by item: for one task, or for many together

use core::fmt;
use core::marker::PhantomData;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use super::callbacks::Callbacks;
#[cfg(feature = "async")]
use super::futures::Waiting;
use super::wire;
use crate::error::TaskError;
use crate::process::child::lock;
#[cfg(feature = "async")]
use crate::reactor::Seat;

/// Where the results of tasks arrive.
pub(super) trait Sink: Send + Sync {
    /// What became of one item, exactly once for each.
    fn accept(&self, index: usize, outcome: Result<&[u8], TaskError>);
}

enum Outcome<T> {
    Pending,
    There(Result<T, TaskError>),
    Taken { successful: bool },
}

/// A result that will be there some time.
pub(super) struct Promise<T> {
    result: Mutex<Outcome<T>>,
    is_there: Condvar,
    #[cfg(feature = "async")]
    pub(super) task: Waiting,
}

impl<T> Promise<T> {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            result: Mutex::new(Outcome::Pending),
            is_there: Condvar::new(),
            #[cfg(feature = "async")]
            task: Waiting::default(),
        })
    }

    fn keep(&self, result: Result<T, TaskError>) {
        *lock(&self.result) = Outcome::There(result);
        self.is_there.notify_all();
        #[cfg(feature = "async")]
        self.task.call();
    }

    /// The result, which is given once, if it is there.
    pub(super) fn take(&self) -> Option<Result<T, TaskError>> {
        let mut result = lock(&self.result);
        let successful = match &*result {
            Outcome::Pending => return None,
            Outcome::There(result) => result.is_ok(),
            Outcome::Taken { successful } => *successful,
        };
        match core::mem::replace(&mut *result, Outcome::Taken { successful }) {
            Outcome::There(result) => Some(result),
            Outcome::Pending | Outcome::Taken { .. } => Some(Err(TaskError::AlreadyTaken)),
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
    pub(super) seat: Option<Seat>,
}

impl<R> TaskHandle<R> {
    fn new(promise: Arc<Promise<R>>) -> Self {
        Self {
            promise,
            #[cfg(feature = "async")]
            seat: None,
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
        let result = lock(&self.promise.result);
        let is_pending = |result: &mut Outcome<R>| matches!(result, Outcome::Pending);
        let waited = self.promise.is_there.wait_timeout_while(result, timeout, is_pending);
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
    pub fn ready(&self) -> bool {
        !matches!(*lock(&self.promise.result), Outcome::Pending)
    }

    /// Whether the result is one, and no error; `None` while it is not [`ready`](Self::ready).
    pub fn successful(&self) -> Option<bool> {
        match &*lock(&self.promise.result) {
            Outcome::Pending => None,
            Outcome::There(result) => Some(result.is_ok()),
            Outcome::Taken { successful } => Some(*successful),
        }
    }
}

impl<R> fmt::Debug for TaskHandle<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskHandle").field("ready", &self.ready()).finish_non_exhaustive()
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
            None => promise.keep(result),
            Some(callback) => callbacks.run(move || {
                let given = callback;
                let result = result;
                // The handle has its result whatever becomes of the callback.
                super::callbacks::contained(|| given(&result));
                promise.keep(result);
            }),
        }
    }
}

/// For one task. The arguments stay until it is done: a worker opens what is anonymous in them through this process.
struct One<A, R> {
    open: Mutex<Option<(A, Completion<R>)>>,
    callbacks: Arc<Callbacks>,
}

pub(super) fn one<A, R>(
    args: A,
    callback: Option<Callback<R>>,
    callbacks: &Arc<Callbacks>,
) -> (Arc<dyn Sink>, TaskHandle<R>)
where
    A: Send + 'static,
    R: DeserializeOwned + Send + 'static,
{
    let (completion, handle) = Completion::new(callback);
    let one = One { open: Mutex::new(Some((args, completion))), callbacks: Arc::clone(callbacks) };
    (Arc::new(one), handle)
}

impl<A: Send, R: DeserializeOwned + Send + 'static> Sink for One<A, R> {
    fn accept(&self, _: usize, outcome: Result<&[u8], TaskError>) {
        let result = wire::decode(outcome);
        let open = lock(&self.open).take();
        if let Some((args, completion)) = open {
            completion.complete(result, &self.callbacks);
            drop(args);
        }
    }
}

/// For many tasks whose results belong together.
struct Many<A, R> {
    state: Mutex<ManyState<A, R>>,
    callbacks: Arc<Callbacks>,
}

struct ManyState<A, R> {
    args: Vec<A>,
    results: Vec<Option<R>>,
    left: usize,
    /// That of the first item that has one.
    error: Option<(usize, TaskError)>,
    completion: Option<Completion<Vec<R>>>,
}

pub(super) fn many<A, R>(
    args: Vec<A>,
    callback: Option<Callback<Vec<R>>>,
    callbacks: &Arc<Callbacks>,
) -> (Arc<dyn Sink>, TaskHandle<Vec<R>>)
where
    A: Send + 'static,
    R: DeserializeOwned + Send + 'static,
{
    let (completion, handle) = Completion::new(callback);
    let left = args.len();
    if left == 0 {
        completion.complete(Ok(Vec::new()), callbacks);
        return (Arc::new(Nobody(PhantomData::<fn(A) -> R>)), handle);
    }
    let results = core::iter::repeat_with(|| None).take(left).collect();
    let state = ManyState { args, results, left, error: None, completion: Some(completion) };
    (Arc::new(Many { state: Mutex::new(state), callbacks: Arc::clone(callbacks) }), handle)
}

impl<A: Send, R: DeserializeOwned + Send + 'static> Sink for Many<A, R> {
    fn accept(&self, index: usize, outcome: Result<&[u8], TaskError>) {
        let result = wire::decode(outcome);
        let mut state = lock(&self.state);
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
struct Nobody<T>(PhantomData<T>);

impl<T: Send + Sync> Sink for Nobody<T> {
    fn accept(&self, _: usize, _: Result<&[u8], TaskError>) {}
}
