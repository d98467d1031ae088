//! [`PoolBuilder`]: the options of a pool.

use std::io;
use std::sync::Arc;
use std::thread;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Pool;
use super::overflow::OverflowFile;
use super::scheduler::Scheduler;
use super::shared::PoolShared;
use super::supervisor::{self, Supervisor, WorkerOptions};
use super::task_ring::TaskRing;
use crate::codec;
use crate::error::{PoolError, SpawnError};
use crate::process::call::FunctionCall;
use crate::process::cpu_count;
use crate::queue::transit::PendingTransits;
use crate::sys::poll_waker::PollWaker;

/// What becomes of a task whose worker ends before the task is done: because it is killed, or
/// because the task exits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rerun {
    /// The task fails, with [`TaskError::WorkerDied`](crate::TaskError::WorkerDied) or
    /// [`TaskError::Exited`](crate::TaskError::Exited). No task starts twice.
    #[default]
    Never,
    /// The task runs again, at most this many times: for tasks that may be cut short and started
    /// anew.
    Times(u32),
}

/// The options of a pool; see [`Pool::builder`].
///
/// ```
/// use breezeway::process::{Pool, Rerun};
///
/// let pool = Pool::builder().workers(2).max_tasks_per_worker(100).rerun(Rerun::Times(1)).build()?;
/// assert_eq!(pool.call(|x: u64| x + 1, 41)?, 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub struct PoolBuilder {
    workers: usize,
    window: Option<usize>,
    tasks: Option<u64>,
    rerun: Rerun,
    initializer: Option<Result<Initializer, SpawnError>>,
}

struct Initializer {
    call: FunctionCall,
    args: Vec<u8>,
    /// The arguments, and the endpoints in them: no worker decodes them after the last has ended.
    keep_alive: Box<dyn core::any::Any + Send>,
}

/// Fewer than the 16-bit numbers that workers have on the task ring.
const MAX_WORKERS: usize = 4096;

/// The least number of slots of the task ring: workers can do this many tasks before the pool's
/// thread must dispatch more.
const MIN_SLOTS: usize = 1024;

impl PoolBuilder {
    pub(super) fn new() -> Self {
        Self { workers: cpu_count(), window: None, tasks: None, rerun: Rerun::Never, initializer: None }
    }

    /// Sets the number of workers, 1 to 4,096. The default is [`cpu_count`].
    #[doc(alias = "processes")]
    pub fn workers(mut self, count: usize) -> Self {
        self.workers = count;
        self
    }

    /// Has each worker call `f` with `args` before its first task. If the call panics, the pool is
    /// broken: it ends, and all its tasks fail with
    /// [`TaskError::Broken`](crate::TaskError::Broken).
    pub fn initializer<A>(mut self, f: fn(A), args: A) -> Self
    where
        A: Serialize + DeserializeOwned + Send + 'static,
    {
        let mut transits = PendingTransits::default();
        let mut prepare = || {
            let call = FunctionCall::of(f).ok_or(SpawnError::NotInExecutable)?;
            let encoded = transits.collect(|| codec::to_vec(&args));
            Ok((call, encoded.map_err(|error| SpawnError::Encode { source: error.into() })?))
        };
        let prepared = prepare();
        self.initializer = Some(prepared.map(|(call, bytes)| Initializer {
            call,
            args: bytes,
            keep_alive: Box::new((transits, args)),
        }));
        self
    }

    /// Sets after how many tasks, at least 1, a worker ends and a new one takes its place. A chunk
    /// of `map` counts as one task. The default is no limit.
    #[doc(alias = "maxtasksperchild")]
    pub fn max_tasks_per_worker(mut self, count: u64) -> Self {
        self.tasks = Some(count);
        self
    }

    /// Sets what becomes of a task whose worker ends before the task is done. The default is
    /// [`Rerun::Never`]: the task fails.
    pub fn rerun(mut self, rerun: Rerun) -> Self {
        self.rerun = rerun;
        self
    }

    /// Sets how many tasks an iterator of [`map_iter`](Pool::map_iter) or
    /// [`map_iter_unordered`](Pool::map_iter_unordered) submits ahead of the results taken from it,
    /// at least 1. The default is four for each worker.
    pub fn window(mut self, tasks: usize) -> Self {
        self.window = Some(tasks);
        self
    }

    /// Creates the pool. Returns while its workers start.
    ///
    /// # Errors
    /// - [`PoolError::InvalidOption`] if an option is out of its range.
    /// - [`PoolError::Spawn`] if the initializer's arguments cannot be encoded, or the first
    ///   workers not started: a [daemon](crate::process::ProcessBuilder::daemon) may have none.
    /// - [`PoolError::Segment`] if the memory that the workers share cannot be created.
    /// - [`PoolError::Os`] if the operating system refuses a file or a thread.
    pub fn build(self) -> Result<Pool, PoolError> {
        let Self { workers, window, tasks, rerun, initializer } = self;
        let check = |is_valid: bool, option, allowed| {
            if is_valid { Ok(()) } else { Err(PoolError::InvalidOption { option, allowed }) }
        };
        check((1..=MAX_WORKERS).contains(&workers), "workers", "1 to 4096")?;
        check(tasks != Some(0), "max_tasks_per_worker", "at least 1")?;
        check(window != Some(0), "window", "at least 1")?;
        let options = match initializer.transpose().map_err(PoolError::Spawn)? {
            None => WorkerOptions { initializer: None, tasks, _keep_alive: None },
            Some(Initializer { call, args, keep_alive }) => {
                WorkerOptions { initializer: Some((call, args)), tasks, _keep_alive: Some(keep_alive) }
            }
        };
        let slots = (4 * workers).next_power_of_two().max(MIN_SLOTS);
        let task_ring = TaskRing::create(slots, workers).map_err(PoolError::Segment)?;
        let overflow = OverflowFile::create().map_err(PoolError::os("make a file in memory"))?;
        let bell = PollWaker::new().map_err(PoolError::os("make a timer to wake a thread by"))?;
        let reruns = match rerun {
            Rerun::Never => 0,
            Rerun::Times(count) => count,
        };
        let scheduler = Scheduler::new(slots, overflow, reruns);
        let shared =
            Arc::new(PoolShared::new(task_ring, scheduler, bell, workers, window.unwrap_or(4 * workers)));
        let mut supervisor = Supervisor::new(workers, options);
        let begun = supervisor.start_missing(&shared);
        // From here on the threads end the workers, also after an error.
        let start =
            |name: &str, work: Box<dyn FnOnce() + Send>| -> Result<thread::JoinHandle<()>, io::Error> {
                thread::Builder::new().name(name.to_owned()).spawn(work)
            };
        let mut pool = Pool { shared: Arc::clone(&shared), threads: Vec::new().into() };
        let supervisor_thread = {
            let shared = Arc::clone(&shared);
            start("pool workers", Box::new(move || supervisor::supervise(&shared, supervisor)))
        };
        let supervisor_thread = match supervisor_thread {
            Ok(supervisor_thread) => supervisor_thread,
            Err(error) => {
                // The closure, and with it the supervisor, is dropped: its workers end by the task
                // ring.
                shared.task_ring.stop();
                shared.mark_over();
                return Err(PoolError::os("start a thread")(error));
            }
        };
        let results = start("pool results", Box::new(move || shared.collect_results()));
        pool.add_thread(supervisor_thread);
        pool.add_thread(results.map_err(PoolError::os("start a thread"))?);
        begun.map_err(PoolError::Spawn)?;
        Ok(pool)
    }
}

impl core::fmt::Debug for PoolBuilder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PoolBuilder")
            .field("workers", &self.workers)
            .field("window", &self.window)
            .field("max_tasks_per_worker", &self.tasks)
            .field("rerun", &self.rerun)
            .finish_non_exhaustive()
    }
}
