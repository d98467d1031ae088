//! [`Pool`]: worker processes that run tasks.
//!
//! - [`builder`]: [`PoolBuilder`], the options of a pool
//! - [`promise`]: [`TaskHandle`], and where results arrive
//! - [`map_iter`]: results one by one; [`task_stream`]: their tasks and buffer
//! - `futures`: results as futures and streams
//! - [`shared`]: the state that the pool's handle, its threads and its iterators share
//! - [`scheduler`]: which tasks wait, which are on the task ring, which are settled
//! - [`supervisor`]: the thread that starts workers and replaces those that have ended
//! - [`callbacks`]: the thread that callbacks run on
//! - [`task_ring`]: the shared memory in which workers claim tasks and leave results
//! - [`overflow`]: the file for tasks and results that are longer than a slot of the task ring
//! - [`wire`]: the encoding of tasks and results
//! - [`worker`]: the function that workers run

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
mod task_stream;
mod wire;
mod worker;

use core::fmt;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::builder::{PoolBuilder, Rerun};
#[cfg(feature = "async")]
pub use self::futures::MapStream;
pub use self::map_iter::{MapIter, MapIterUnordered};
pub use self::promise::TaskHandle;

use self::promise::Callback;
use self::scheduler::{PoolPhase, PoolTask};
use self::shared::PoolShared;
use super::call::FunctionCall;
use super::child::lock_unpoisoned;
use crate::error::{PoolError, TaskError};
use crate::queue::transit::PendingTransits;

/// Worker processes that run tasks: calls of this program's functions.
///
/// A task is a function, or a closure that captures nothing, and its argument; several arguments
/// are a tuple. Tasks start in the order in which they are submitted. Workers are
/// [daemons](super::ProcessBuilder::daemon) of this process.
///
/// **When a process is killed at any instruction:** a killed worker fails the one task that it was
/// running ([`TaskError::WorkerDied`]), or the task runs again if the pool was built with
/// [`rerun`](PoolBuilder::rerun). A result that the worker has left counts. Another worker takes
/// its place. A pool whose process is killed leaves no worker and no memory behind.
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
/// A task's handle gets a result or an error, whatever happens. If the function panics, the error
/// is [`TaskError::TaskPanicked`], and the worker goes on. If it exits, the error is
/// [`TaskError::Exited`]. Arguments or results that cannot be decoded are errors of that task. A
/// worker that is stopped is alive, and keeps its task.
///
/// Arguments and results may have any length. Short ones are fastest: up to some 450 bytes of
/// encoding they never leave shared memory. This process keeps the arguments until the task is
/// done.
///
/// # How a pool ends
///
/// After [`close`](Self::close) the pool takes no more tasks, and the workers do those that it has;
/// [`join`](Self::join) waits for that. [`terminate`](Self::terminate), or dropping the pool, ends
/// the workers at once.
pub struct Pool {
    shared: Arc<PoolShared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Pool {
    /// Creates a pool of this many workers. Returns while they start.
    ///
    /// # Errors
    /// Those of [`PoolBuilder::build`].
    pub fn new(workers: usize) -> Result<Self, PoolError> {
        Self::builder().workers(workers).build()
    }

    /// A builder of a pool with options: an initializer, a limit of tasks for each worker, reruns.
    pub fn builder() -> PoolBuilder {
        PoolBuilder::new()
    }

    fn add_thread(&mut self, thread: JoinHandle<()>) {
        lock_unpoisoned(&self.threads).push(thread);
    }

    /// The number of workers, including those that are being replaced.
    pub fn workers(&self) -> usize {
        self.shared.workers
    }

    /// Has a worker call `f` with `args`, and waits for the result.
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

    /// Submits a call of `f` with `args`, and returns its handle without waiting.
    ///
    /// # Errors
    /// - [`TaskError::Closed`] if the pool was closed, [`TaskError::Terminated`] if it was
    ///   terminated, [`TaskError::Broken`] if its workers cannot start.
    /// - [`TaskError::Encode`] if the arguments cannot be encoded.
    /// - [`TaskError::NotInExecutable`] if `f` lies in a shared library.
    /// - [`TaskError::NotOurs`] if this process was forked from the pool's.
    #[doc(alias = "apply_async")]
    pub fn submit<A, R>(&self, f: fn(A) -> R, args: A) -> Result<TaskHandle<R>, TaskError>
    where
        A: Serialize + DeserializeOwned + Send + 'static,
        R: Serialize + DeserializeOwned + Send + 'static,
    {
        self.submit_task(f, args, None)
    }

    /// Submits a call of `f` with `args`, and returns its handle without waiting. Calls `callback`
    /// with the result before the handle returns it.
    ///
    /// A pool's callbacks run one after the other, on one thread of this process. A callback that
    /// panics ends neither the thread nor the task. A callback must not wait for the result of a
    /// task that has a callback: that callback would run on the thread that waits.
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
        let (mut items, mut transits) = (Vec::new(), PendingTransits::default());
        wire::add_item(&mut items, &mut transits, &args)?;
        let (sink, handle) = promise::single_result(args, callback, &self.shared.callbacks);
        self.shared
            .submit_tasks([PoolTask { call, items, transits, sink, first: 0, count: 1, deaths: 0 }], false)?;
        Ok(handle)
    }

    /// Has the workers call `f` with each of the arguments, and waits for all results. They are in
    /// the order of the arguments.
    ///
    /// The arguments go to the workers in chunks, about four for each worker.
    ///
    /// # Errors
    /// Those of [`submit_map`](Self::submit_map) and [`TaskHandle::get`]: after all calls have
    /// ended, the error of the first argument whose call failed.
    #[doc(alias = "starmap")]
    pub fn map<A, R>(&self, f: fn(A) -> R, args: impl IntoIterator<Item = A>) -> Result<Vec<R>, TaskError>
    where
        A: Serialize + DeserializeOwned + Send + 'static,
        R: Serialize + DeserializeOwned + Send + 'static,
    {
        self.submit_map(f, args)?.get()
    }

    /// Has the workers call `f` with each of the arguments, in chunks of `chunk` arguments, and
    /// waits for all results. They are in the order of the arguments.
    ///
    /// # Errors
    /// - [`TaskError::InvalidOption`] if `chunk` is 0.
    /// - Those of [`map`](Self::map).
    #[doc(alias = "chunksize")]
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

    /// Submits a call of `f` with each of the arguments, and returns the handle of all results
    /// without waiting. They are in the order of the arguments.
    ///
    /// # Errors
    /// Those of [`submit`](Self::submit).
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

    /// Submits a call of `f` with each of the arguments, and returns the handle of all results
    /// without waiting. Calls `callback` with the results as [`submit_with`](Self::submit_with)
    /// does.
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
            let (mut items, mut transits) = (Vec::new(), PendingTransits::default());
            part.iter().try_for_each(|item| wire::add_item(&mut items, &mut transits, item))?;
            chunks.push((items, transits, part.len()));
        }
        let (sink, handle) = promise::collected_results(args, callback, &self.shared.callbacks);
        let tasks = chunks.into_iter().enumerate().map(|(index, (items, transits, count))| {
            let sink = Arc::clone(&sink);
            PoolTask { call, items, transits, sink, first: index * chunk, count, deaths: 0 }
        });
        self.shared.submit_tasks(tasks, false)?;
        Ok(handle)
    }

    /// Closes the pool: it takes no more tasks. The workers do the tasks that it has, and those of
    /// iterators that were made before, then they end.
    pub fn close(&self) {
        if self.shared.is_ours() {
            self.shared.close();
        }
    }

    /// Ends the workers at once, by SIGKILL, also in the middle of a task. Every task that has no
    /// result fails with [`TaskError::Terminated`].
    pub fn terminate(&self) {
        if self.shared.is_ours() {
            self.shared.terminate();
        }
    }

    /// Waits until the workers have ended and the callbacks have returned.
    ///
    /// Arguments that an iterator has not pulled by then are not pulled any more: the iterator ends
    /// with [`TaskError::Closed`].
    ///
    /// # Errors
    /// - [`PoolError::StillOpen`] if the pool was neither [closed](Self::close) nor
    ///   [terminated](Self::terminate).
    /// - [`PoolError::NotOurs`] if this process was forked from the pool's.
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
        // Fails only in a forked child, which has none of the threads to wait for.
        let _ = self.join();
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.fmt(f)
    }
}

static_assertions::assert_impl_all!(Pool: Send, Sync);
