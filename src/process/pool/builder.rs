//! [`PoolBuilder`]: how to make a pool.

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
use crate::error::{PoolError, SpawnError};
use crate::process::call::FunctionCall;
use crate::process::cpu_count;
use crate::sys::eventfd::EventFd;

/// What becomes of a task whose worker ends before the task does: killed, or by an exit of the task's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rerun {
    /// It fails, with `WorkerDied` or `Exited`. So no task is ever begun twice.
    #[default]
    Never,
    /// It is run again, at most so many times: for tasks that do no harm when they are cut short and begun anew.
    Times(u32),
}

/// How to make a pool; see [`Pool::builder`].
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
    keep_alive: Box<dyn core::any::Any + Send>,
}

/// Workers have numbers of 16 bits on the task ring, of which this leaves some.
const MAX_WORKERS: usize = 4096;

/// Slots of the task ring: so many tasks are there before the pool's thread has to bring more.
const MIN_SLOTS: usize = 1024;

impl PoolBuilder {
    pub(super) fn new() -> Self {
        Self { workers: cpu_count(), window: None, tasks: None, rerun: Rerun::Never, initializer: None }
    }

    /// How many workers there are, 1 to 4,096; as many as this process may use CPUs unless said otherwise.
    #[doc(alias = "processes")]
    pub fn workers(mut self, count: usize) -> Self {
        self.workers = count;
        self
    }

    /// Has each worker call `f` with `args` before its first task. One that panics there breaks the pool: it ends, and all its tasks
    /// fail with [`Broken`](crate::TaskError::Broken).
    pub fn initializer<A>(mut self, f: fn(A), args: A) -> Self
    where
        A: Serialize + DeserializeOwned + Send + 'static,
    {
        let prepare = || {
            let call = FunctionCall::of(f).ok_or(SpawnError::NotInExecutable)?;
            let bytes =
                postcard::to_allocvec(&args).map_err(|error| SpawnError::Encode { source: error.into() })?;
            Ok((call, bytes))
        };
        let prepared = prepare();
        self.initializer =
            Some(prepared.map(|(call, bytes)| Initializer { call, args: bytes, keep_alive: Box::new(args) }));
        self
    }

    /// After so many tasks, at least 1, a worker ends and a fresh one takes its place. (A chunk of `map` is one task.)
    #[doc(alias = "maxtasksperchild")]
    pub fn max_tasks_per_worker(mut self, count: u64) -> Self {
        self.tasks = Some(count);
        self
    }

    /// What becomes of a task whose worker ends before the task does; it fails unless said otherwise.
    pub fn rerun(mut self, rerun: Rerun) -> Self {
        self.rerun = rerun;
        self
    }

    /// How many tasks `map_iter` and `map_iter_unordered` are ahead of who takes their results, at least 1; four for each worker unless said
    /// otherwise.
    pub fn window(mut self, tasks: usize) -> Self {
        self.window = Some(tasks);
        self
    }

    /// Makes the pool. Its workers begin meanwhile.
    ///
    /// # Errors
    /// `InvalidOption`, `Spawn` (a [daemon](crate::process::Builder::daemon) may have no workers), `Segment`, `Os`.
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
        let bell = EventFd::new().map_err(PoolError::os("make an event descriptor"))?;
        let reruns = match rerun {
            Rerun::Never => 0,
            Rerun::Times(count) => count,
        };
        let scheduler = Scheduler::new(slots, overflow, reruns);
        let shared =
            Arc::new(PoolShared::new(task_ring, scheduler, bell, workers, window.unwrap_or(4 * workers)));
        let mut supervisor = Supervisor::new(workers, options);
        let begun = supervisor.start_missing(&shared);
        // From here on the threads end what there is.
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
                // The supervisor is gone with the closure; its workers end by the task ring.
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
