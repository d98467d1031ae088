//! The thread that starts a pool's workers, notices that one has ended, and starts another in its
//! place.

use std::sync::{Arc, Once};
use std::time::Duration;

use super::callbacks::catch_panic;
use super::scheduler::{PoolPhase, SettledBatch, TaskFailure};
use super::shared::PoolShared;
use super::worker::{self, WorkerConfig, WorkerStage};
use crate::error::SpawnError;
use crate::primitive::{AtomicU32, Ordering};
use crate::process::builder::{Launched, ProcessBuilder};
use crate::process::call::FunctionCall;
use crate::process::child::{Child, lock_unpoisoned};
use crate::sys::child::at_exit;
use crate::sys::clock::Deadline;
use crate::sys::pidfd::ProcessExit;
use crate::sys::poll;

/// Workers that start at a time, at most: until it has started, each takes descriptors of the
/// pool's process.
const MAX_STARTING: usize = 32;

/// The longest sleep between looks at the workers.
const RECHECK_INTERVAL: Duration = Duration::from_millis(100);

/// How long to wait before retrying what the system has refused.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// Not 0 once this process exits: its daemons are ended then, and must not be replaced.
static IS_EXITING: AtomicU32 = AtomicU32::new(0);

extern "C" fn on_process_exit() {
    IS_EXITING.store(1, Ordering::Relaxed);
}

/// A worker, in its place in the pool.
struct WorkerProcess {
    /// The worker's number among all workers that the pool has started.
    number: u64,
    child: Child,
    /// `Some` while the worker starts.
    launched: Option<Launched>,
}

/// What the workers of a pool have in common.
pub(super) struct WorkerOptions {
    pub(super) initializer: Option<(FunctionCall, Vec<u8>)>,
    pub(super) tasks: Option<u64>,
    /// The initializer's arguments: workers open anonymous segments in them through this process.
    pub(super) _keep_alive: Option<Box<dyn core::any::Any + Send>>,
}

pub(super) struct Supervisor {
    worker_slots: Vec<Option<WorkerProcess>>,
    options: WorkerOptions,
    next_number: u64,
    /// How many workers in a row have ended before their first task.
    failed_starts: usize,
    /// Why the last of them has ended.
    last_error: Option<String>,
}

impl Supervisor {
    pub(super) fn new(workers: usize, options: WorkerOptions) -> Self {
        let worker_slots = core::iter::repeat_with(|| None).take(workers).collect();
        Self { worker_slots, options, next_number: 0, failed_starts: 0, last_error: None }
    }

    /// Starts workers in the empty places, as many as may start at a time.
    pub(super) fn start_missing(&mut self, shared: &PoolShared) -> Result<(), SpawnError> {
        let mut starting = self.workers().filter(|worker| worker.launched.is_some()).count();
        for index in 0..self.worker_slots.len() {
            if starting >= MAX_STARTING || IS_EXITING.load(Ordering::Relaxed) != 0 {
                break;
            }
            if self.worker_slots[index].is_none() {
                self.worker_slots[index] = Some(self.start(shared, index as u32)?);
                starting += 1;
            }
        }
        // After the first start: exit handlers run in reverse order, so this one runs before the
        // one that ends the daemons.
        static REGISTERED: Once = Once::new();
        REGISTERED.call_once(|| {
            at_exit(on_process_exit);
        });
        Ok(())
    }

    fn start(&mut self, shared: &PoolShared, worker: u32) -> Result<WorkerProcess, SpawnError> {
        let number = self.next_number;
        self.next_number += 1;
        shared.task_ring.set_stage(worker, 0);
        let config = WorkerConfig {
            task_ring: shared.task_ring.array(),
            slots: shared.task_ring.slots(),
            workers: self.worker_slots.len(),
            worker,
            overflow: lock_unpoisoned(&shared.scheduler).overflow(),
            number,
            initializer: self.options.initializer.clone(),
            tasks: self.options.tasks,
        };
        let call = FunctionCall::of(worker::run_worker).ok_or(SpawnError::NotInExecutable)?;
        // The task ring outlives the workers, so nothing here has to wait until the worker has its
        // arguments.
        let name = format!("PoolWorker-{}", number + 1);
        let launched = ProcessBuilder::new().daemon(true).name(name).launch(call, &config)?;
        Ok(WorkerProcess { number, child: launched.child().clone(), launched: Some(launched) })
    }

    fn workers(&self) -> impl Iterator<Item = &WorkerProcess> {
        self.worker_slots.iter().flatten()
    }

    fn kill(&self) {
        // Does nothing to a worker that has ended.
        self.workers().for_each(|worker| drop(worker.child.kill()));
    }

    /// Waits until a worker has started or ended, the bell is signalled, or the deadline has
    /// passed.
    fn wait(&self, shared: &PoolShared, until: Option<Deadline>) {
        let mut watched = Vec::from_iter(shared.bell.current());
        for worker in self.workers() {
            watched.push(worker.child.sentinel());
            watched.extend(worker.launched.as_ref().and_then(Launched::ready_fd));
        }
        // Bounded, because the program may have closed descriptors: a signal at the bell is lost
        // then, and a number may have become another file's right before the sleep.
        let recheck = Deadline::after(RECHECK_INTERVAL);
        let until = until.map_or(recheck, |until| until.min(recheck));
        if poll::wait_any(watched, Some(until)).is_err() {
            // There are too many for the system to poll: the caller looks at each worker.
            std::thread::sleep(RETRY_INTERVAL);
        }
        shared.bell.drain();
    }

    /// Finds the workers that have started and those that have ended, and reaps the latter.
    fn reap_exited(&mut self, shared: &PoolShared) {
        for index in 0..self.worker_slots.len() {
            let Some(worker) = &mut self.worker_slots[index] else { continue };
            // After an error the system is asked again in the next round.
            let exit = worker.child.try_wait().unwrap_or(None);
            if let Some(launched) = worker.launched.take_if(|at| exit.is_some() || at.is_ready())
                && let Err(error) = launched.wait()
            {
                self.last_error = Some(error.to_string());
            }
            let Some(exit) = exit else { continue };
            let number = worker.number;
            self.reap_worker(shared, index as u32, number, exit);
            self.worker_slots[index] = None;
        }
    }

    fn reap_worker(&mut self, shared: &PoolShared, worker: u32, number: u64, exit: ProcessExit) {
        let mut batch = SettledBatch::default();
        let stage = WorkerStage::of(shared.task_ring.stage_of(worker));
        let mut scheduler = lock_unpoisoned(&shared.scheduler);
        match stage {
            WorkerStage::Working => self.failed_starts = 0,
            WorkerStage::Starting => self.failed_starts = self.failed_starts.saturating_add(1),
            WorkerStage::Failed { len } => {
                self.last_error = Some(scheduler.startup_error(number, len));
                self.failed_starts = usize::MAX;
            }
        }
        scheduler.reap_worker(&shared.task_ring, worker, number, exit, &mut batch);
        if self.failed_starts > 2 * self.worker_slots.len() + 16
            && matches!(scheduler.phase, PoolPhase::Open | PoolPhase::Closed)
        {
            let why =
                self.last_error.take().unwrap_or_else(|| format!("they end before they begin ({exit:?})"));
            scheduler.phase = PoolPhase::Broken(why.as_str().into());
            scheduler.fail_all(&TaskFailure::Broken(why.into()), &mut batch);
        }
        let dispatched = scheduler.dispatch(&shared.task_ring, &mut batch);
        drop(scheduler);
        shared.task_ring.wake_workers(dispatched);
        shared.deliver(&mut batch);
    }
}

/// Keeps the pool's places filled until the pool is finished, then waits until all of them are
/// empty.
pub(super) fn supervise(shared: &Arc<PoolShared>, mut supervisor: Supervisor) {
    let mut has_killed = false;
    loop {
        let (is_finished, is_killing) = {
            let mut scheduler = lock_unpoisoned(&shared.scheduler);
            let is_finished = scheduler.is_finished();
            scheduler.is_stopped |= is_finished;
            (is_finished, matches!(scheduler.phase, PoolPhase::Terminated | PoolPhase::Broken(_)))
        };
        let mut until = None;
        if is_finished {
            shared.task_ring.stop();
            if is_killing && !has_killed {
                supervisor.kill();
                has_killed = true;
            }
            if supervisor.workers().next().is_none() {
                break;
            }
        } else if let Err(error) = supervisor.start_missing(shared) {
            supervisor.last_error = Some(error.to_string());
            // The workers that have started do the work meanwhile.
            until = Some(Deadline::after(RETRY_INTERVAL));
        } else if IS_EXITING.load(Ordering::Relaxed) != 0 {
            until = Some(Deadline::after(RETRY_INTERVAL));
        }
        supervisor.wait(shared, until);
        supervisor.reap_exited(shared);
    }
    catch_panic(|| drop(supervisor));
    shared.mark_over();
}
