//! [`Pool`]: workers that are handed tasks.
//!
//! - [`task_ring`]: the shared memory where workers take tasks and leave results
//! - [`builder`]: [`PoolBuilder`], how to make a pool
//! - [`callbacks`]: the thread that callbacks run on
//! - [`supervisor`]: starting workers, and putting others in the place of those that have ended
//! - [`scheduler`]: the pool's books
//! - `futures`: results for tasks of an executor
//! - [`map_iter`]: results one by one
//! - [`shared`]: what the pool's threads have in common
//! - [`overflow`]: the file for what is too long for the task ring
//! - [`promise`]: results that will be there some time
//! - [`wire`]: tasks and results as bytes
//! - [`worker`]: what workers do

mod builder;
mod callbacks;
#[cfg(feature = "async")]
mod futures;
mod map_iter;
mod overflow;
mod promise;
mod scheduler;
mod shared;
mod supervisor;
mod task_ring;
mod wire;
mod worker;

use core::fmt;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::builder::{PoolBuilder, Rerun};
#[cfg(feature = "async")]
pub use self::futures::Results;
pub use self::map_iter::{MapIter, MapIterUnordered};
pub use self::promise::TaskHandle;

use self::promise::Callback;
use self::scheduler::{PoolPhase, PoolTask};
use self::shared::PoolShared;
use super::call::FunctionCall;
use super::child::lock_unpoisoned;
use crate::error::{PoolError, TaskError};

/// Worker processes that are handed tasks: calls of this program's functions.
///
/// A task is a function, or a closure that captures nothing, and its argument; several arguments are a tuple. Tasks are begun in the
/// order in which they are handed in. Workers are [daemons](super::Builder::daemon) of this process.
///
/// **When a process is killed at any instruction:** a worker that is killed fails the one task it was at
/// ([`WorkerDied`](TaskError::WorkerDied)), or has it run again where the pool was [told so](PoolBuilder::rerun); a result that it has
/// left counts; another worker takes its place. A pool whose process is killed leaves no worker behind, and no memory.
///
/// ```
/// use breezeway::process::Pool;
///
/// let pool = Pool::new(3)?;
/// assert_eq!(pool.map(|x: u64| x.pow(16), [1, 2, 3])?, [1, 65536, 43046721]);
///
/// let task = pool.submit(|(base, exponent)| u64::pow(base, exponent), (2, 10))?;
/// assert_eq!(task.get()?, 1024);
///
/// pool.close();
/// pool.join()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What becomes of a task
///
/// Its handle gets a result, or an error, whatever happens: a panic is [`TaskPanicked`](TaskError::TaskPanicked) and the worker goes
/// on; an exit is [`Exited`](TaskError::Exited); arguments or results that cannot be decoded are errors of that task. A
/// worker that is stopped is alive, and keeps its task.
///
/// Arguments and results of any length travel, short ones fastest: those up to some 450 bytes of encoding never leave shared memory.
/// The arguments are kept until the task is done.
///
/// # The end
///
/// [`close`](Self::close) takes no more tasks, and lets the workers do those that are there; [`join`](Self::join) then waits for that.
/// [`terminate`](Self::terminate), and dropping the pool, end the workers at once.
pub struct Pool {
    shared: Arc<PoolShared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Pool {
    /// Makes a pool of so many workers, which begin meanwhile.
    ///
    /// # Errors
    /// See [`PoolBuilder::build`].
    pub fn new(workers: usize) -> Result<Self, PoolError> {
        Self::builder().workers(workers).build()
    }

    /// How to make a pool otherwise than [`new`](Self::new) does.
    pub fn builder() -> PoolBuilder {
        PoolBuilder::new()
    }

    fn add_thread(&mut self, thread: JoinHandle<()>) {
        lock_unpoisoned(&self.threads).push(thread);
    }

    /// How many workers there are, those included that are just being replaced.
    pub fn workers(&self) -> usize {
        self.shared.workers
    }

    /// Has a worker call `f` with `args`, and waits for what it returns.
    ///
    /// # Errors
    /// Those of [`submit`](Self::submit) and [`TaskHandle::get`].
    #[doc(alias = "apply")]
    pub fn call<A, R>(&self, f: fn(A) -> R, args: A) -> Result<R, TaskError>
    where
        A: Serialize + DeserializeOwned + Send + 'static,
        R: Serialize + DeserializeOwned + Send + 'static,
    {
        self.submit(f, args)?.get()
    }

    /// Hands a call of `f` with `args` in.
    ///
    /// # Errors
    /// `Closed`, `Terminated`, `Broken`, `Encode`, `NotInExecutable`, `NotOurs`.
    #[doc(alias = "apply_async")]
    pub fn submit<A, R>(&self, f: fn(A) -> R, args: A) -> Result<TaskHandle<R>, TaskError>
    where
        A: Serialize + DeserializeOwned + Send + 'static,
        R: Serialize + DeserializeOwned + Send + 'static,
    {
        self.submit_task(f, args, None)
    }

    /// Hands a call of `f` with `args` in, and has `callback` called with the result, before its handle gives it out.
    ///
    /// A pool's callbacks run one after the other, on a thread of their own. One that panics hurts nobody. None is to wait for a
    /// result that has a callback itself.
    ///
    /// # Errors
    /// Those of [`submit`](Self::submit).
    #[doc(alias = "apply_async")]
    pub fn submit_with<A, R>(
        &self,
        f: fn(A) -> R,
        args: A,
        callback: impl FnOnce(&Result<R, TaskError>) + Send + 'static,
    ) -> Result<TaskHandle<R>, TaskError>
    where
        A: Serialize + DeserializeOwned + Send + 'static,
        R: Serialize + DeserializeOwned + Send + 'static,
    {
        self.submit_task(f, args, Some(Box::new(callback)))
    }

    fn submit_task<A, R>(
        &self,
        f: fn(A) -> R,
        args: A,
        callback: Option<Callback<R>>,
    ) -> Result<TaskHandle<R>, TaskError>
    where
        A: Serialize + DeserializeOwned + Send + 'static,
        R: Serialize + DeserializeOwned + Send + 'static,
    {
        let call = FunctionCall::of(f).ok_or(TaskError::NotInExecutable)?;
        let mut items = Vec::new();
        wire::add_item(&mut items, &args)?;
        let (sink, handle) = promise::single_result(args, callback, &self.shared.callbacks);
        self.shared.submit_tasks([PoolTask { call, items, sink, first: 0, count: 1, deaths: 0 }], false)?;
        Ok(handle)
    }

    /// Has the workers call `f` with each of the arguments, and waits for all results, which are in the order of their arguments.
    ///
    /// The arguments go to the workers in chunks, of which there are about four for each.
    ///
    /// # Errors
    /// Those of [`submit_map`](Self::submit_map) and [`TaskHandle::get`]: when all calls have ended, the error of the first that has one.
    #[doc(alias = "starmap")]
    pub fn map<A, R>(&self, f: fn(A) -> R, args: impl IntoIterator<Item = A>) -> Result<Vec<R>, TaskError>
    where
        A: Serialize + DeserializeOwned + Send + 'static,
        R: Serialize + DeserializeOwned + Send + 'static,
    {
        self.submit_map(f, args)?.get()
    }

    /// The same, in chunks of so many arguments, at least 1.
    ///
    /// # Errors
    /// Those of [`map`](Self::map), and `InvalidOption`.
    pub fn map_chunked<A, R>(
        &self,
        f: fn(A) -> R,
        args: impl IntoIterator<Item = A>,
        chunk: usize,
    ) -> Result<Vec<R>, TaskError>
    where
        A: Serialize + DeserializeOwned + Send + 'static,
        R: Serialize + DeserializeOwned + Send + 'static,
    {
        check_chunk(chunk)?;
        self.submit_chunks(f, args.into_iter().collect(), Some(chunk), None)?.get()
    }
    /// [`map`](Self::map) without waiting.
    ///
    /// # Errors
    /// `Closed`, `Terminated`, `Broken`, `Encode`, `NotInExecutable`, `NotOurs`.
    #[doc(alias = "starmap_async")]
    #[doc(alias = "map_async")]
    pub fn submit_map<A, R>(
        &self,
        f: fn(A) -> R,
        args: impl IntoIterator<Item = A>,
    ) -> Result<TaskHandle<Vec<R>>, TaskError>
    where
        A: Serialize + DeserializeOwned + Send + 'static,
        R: Serialize + DeserializeOwned + Send + 'static,
    {
        self.submit_chunks(f, args.into_iter().collect(), None, None)
    }

    /// [`map`](Self::map) without waiting; `callback` is called as [`submit_with`](Self::submit_with) has it.
    ///
    /// # Errors
    /// Those of [`submit_map`](Self::submit_map).
    #[doc(alias = "map_async")]
    pub fn submit_map_with<A, R>(
        &self,
        f: fn(A) -> R,
        args: impl IntoIterator<Item = A>,
        callback: impl FnOnce(&Result<Vec<R>, TaskError>) + Send + 'static,
    ) -> Result<TaskHandle<Vec<R>>, TaskError>
    where
        A: Serialize + DeserializeOwned + Send + 'static,
        R: Serialize + DeserializeOwned + Send + 'static,
    {
        self.submit_chunks(f, args.into_iter().collect(), None, Some(Box::new(callback)))
    }

    fn submit_chunks<A, R>(
        &self,
        f: fn(A) -> R,
        args: Vec<A>,
        chunk: Option<usize>,
        callback: Option<Callback<Vec<R>>>,
    ) -> Result<TaskHandle<Vec<R>>, TaskError>
    where
        A: Serialize + DeserializeOwned + Send + 'static,
        R: Serialize + DeserializeOwned + Send + 'static,
    {
        self.shared.check_open()?;
        let call = FunctionCall::of(f).ok_or(TaskError::NotInExecutable)?;
        let chunk = chunk.unwrap_or_else(|| args.len().div_ceil(4 * self.workers()).max(1));
        let mut chunks = Vec::with_capacity(args.len().div_ceil(chunk));
        for part in args.chunks(chunk) {
            let mut items = Vec::new();
            part.iter().try_for_each(|item| wire::add_item(&mut items, item))?;
            chunks.push((items, part.len()));
        }
        let (sink, handle) = promise::collected_results(args, callback, &self.shared.callbacks);
        let tasks = chunks.into_iter().enumerate().map(|(index, (items, count))| {
            let sink = Arc::clone(&sink);
            PoolTask { call, items, sink, first: index * chunk, count, deaths: 0 }
        });
        self.shared.submit_tasks(tasks, false)?;
        Ok(handle)
    }

    /// Takes no more tasks. Those that are there are done, and those of iterators that are; then the workers end.
    pub fn close(&self) {
        if self.shared.is_ours() {
            self.shared.close();
        }
    }

    /// Ends the workers at once, by SIGKILL, in the midst of their tasks. Every task that has no result fails with
    /// [`Terminated`](TaskError::Terminated).
    pub fn terminate(&self) {
        if self.shared.is_ours() {
            self.shared.terminate();
        }
    }

    /// Waits until the workers have ended, and the callbacks.
    ///
    /// An iterator's arguments that were not pulled by then are not: it ends with a [`Closed`](TaskError::Closed).
    ///
    /// # Errors
    /// `StillOpen` where the pool was neither [closed](Self::close) nor [terminated](Self::terminate); `NotOurs`.
    pub fn join(&self) -> Result<(), PoolError> {
        if !self.shared.is_ours() {
            return Err(PoolError::NotOurs);
        }
        if matches!(lock_unpoisoned(&self.shared.scheduler).phase, PoolPhase::Open) {
            return Err(PoolError::StillOpen);
        }
        self.shared.wait_until_over();
        let threads = core::mem::take(&mut *lock_unpoisoned(&self.threads));
        threads.into_iter().for_each(callbacks::join_thread);
        self.shared.callbacks.finish();
        Ok(())
    }
}

fn check_chunk(chunk: usize) -> Result<(), TaskError> {
    if chunk > 0 { Ok(()) } else { Err(TaskError::InvalidOption { option: "chunk", allowed: "at least 1" }) }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.terminate();
        // Neither of its errors can be.
        let _ = self.join();
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.fmt(f)
    }
}

static_assertions::assert_impl_all!(Pool: Send, Sync);
