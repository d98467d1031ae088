//! The state that a pool's handle, its threads and its iterators share.

use core::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::callbacks::Callbacks;
use super::scheduler::{PoolPhase, PoolTask, Scheduler, SettledBatch, TaskFailure};
use super::task_ring::TaskRing;
use crate::error::TaskError;
use crate::primitive::{AtomicU32, Ordering};
use crate::process::child::lock_unpoisoned;
use crate::sys::poll_waker::PollWaker;

pub(super) struct PoolShared {
    /// The id of the process that created the pool.
    pub(super) owner: u32,
    pub(super) task_ring: TaskRing,
    pub(super) scheduler: Mutex<Scheduler>,
    /// Not 0 once the workers have ended.
    pub(super) is_over: AtomicU32,
    /// Notified, under the scheduler's lock, when `is_over` is set.
    shutdown: Condvar,
    /// Signalled when the supervisor's thread must look at the scheduler.
    pub(super) bell: PollWaker,
    pub(super) callbacks: Arc<Callbacks>,
    pub(super) workers: usize,
    /// How many tasks an iterator submits ahead of the results taken from it.
    pub(super) window: usize,
}

impl PoolShared {
    pub(super) fn new(
        task_ring: TaskRing,
        scheduler: Scheduler,
        bell: PollWaker,
        workers: usize,
        window: usize,
    ) -> Self {
        Self {
            owner: std::process::id(),
            task_ring,
            scheduler: Mutex::new(scheduler),
            is_over: AtomicU32::new(0),
            shutdown: Condvar::new(),
            bell,
            callbacks: Arc::default(),
            workers,
            window,
        }
    }

    /// Whether this process created the pool: a forked child has none of its threads.
    pub(super) fn is_ours(&self) -> bool {
        self.owner == std::process::id()
    }

    /// Checks that the pool takes tasks.
    pub(super) fn check_open(&self) -> Result<(), TaskError> {
        if !self.is_ours() {
            return Err(TaskError::NotOurs);
        }
        lock_unpoisoned(&self.scheduler).check_open(false)
    }

    /// Submits tasks.
    pub(super) fn submit_tasks(
        &self,
        tasks: impl IntoIterator<Item = PoolTask>,
        is_from_iterator: bool,
    ) -> Result<(), TaskError> {
        if !self.is_ours() {
            return Err(TaskError::NotOurs);
        }
        let mut batch = SettledBatch::default();
        let mut scheduler = lock_unpoisoned(&self.scheduler);
        scheduler.check_open(is_from_iterator)?;
        scheduler.enqueue(tasks);
        let dispatched = scheduler.dispatch(&self.task_ring, &mut batch);
        drop(scheduler);
        self.task_ring.wake_workers(dispatched);
        self.deliver(&mut batch);
        Ok(())
    }

    /// Delivers the outcomes of a batch to their sinks.
    pub(super) fn deliver(&self, batch: &mut SettledBatch) {
        let count = batch.deliver();
        if count > 0 {
            let mut scheduler = lock_unpoisoned(&self.scheduler);
            scheduler.unsettled = scheduler.unsettled.saturating_sub(count);
            let is_finished = scheduler.is_finished();
            drop(scheduler);
            if is_finished {
                self.bell.signal();
            }
        }
    }

    /// Takes results from the task ring until the workers have ended. The results thread runs it.
    pub(super) fn collect_results(&self) {
        let mut batch = SettledBatch::default();
        let is_over = || self.is_over.load(Ordering::Relaxed) != 0;
        while !is_over() {
            self.task_ring.wait_for_results(is_over);
            let mut scheduler = lock_unpoisoned(&self.scheduler);
            self.task_ring.drain_done(|slot| scheduler.collect_result(&self.task_ring, slot, &mut batch));
            let dispatched = scheduler.dispatch(&self.task_ring, &mut batch);
            drop(scheduler);
            self.task_ring.wake_workers(dispatched);
            self.deliver(&mut batch);
        }
    }

    /// Closes the pool: it takes no more tasks.
    pub(super) fn close(&self) {
        let mut scheduler = lock_unpoisoned(&self.scheduler);
        if matches!(scheduler.phase, PoolPhase::Open) {
            scheduler.phase = PoolPhase::Closed;
        }
        drop(scheduler);
        self.bell.signal();
    }

    /// Ends the pool at once, and fails every task that is not settled.
    pub(super) fn terminate(&self) {
        let mut batch = SettledBatch::default();
        let mut scheduler = lock_unpoisoned(&self.scheduler);
        if matches!(scheduler.phase, PoolPhase::Open | PoolPhase::Closed) {
            scheduler.phase = PoolPhase::Terminated;
        }
        scheduler.fail_all(&TaskFailure::Terminated, &mut batch);
        drop(scheduler);
        self.bell.signal();
        self.deliver(&mut batch);
    }

    /// Records that the workers have ended, and wakes the threads that wait for it.
    pub(super) fn mark_over(&self) {
        let scheduler = lock_unpoisoned(&self.scheduler);
        self.is_over.store(1, Ordering::Relaxed);
        drop(scheduler);
        self.shutdown.notify_all();
        self.task_ring.wake_pool();
    }

    /// Waits until the workers have ended.
    pub(super) fn wait_until_over(&self) {
        let mut scheduler: MutexGuard<'_, Scheduler> = lock_unpoisoned(&self.scheduler);
        scheduler.joiners += 1;
        self.bell.signal();
        while self.is_over.load(Ordering::Relaxed) == 0 {
            scheduler = self.shutdown.wait(scheduler).unwrap_or_else(PoisonError::into_inner);
        }
        scheduler.joiners -= 1;
    }

    /// Counts an iterator that may submit tasks, or (`false`) one that no longer does.
    pub(super) fn count_iterator(&self, comes: bool) {
        let mut scheduler = lock_unpoisoned(&self.scheduler);
        scheduler.open_iterators =
            if comes { scheduler.open_iterators + 1 } else { scheduler.open_iterators.saturating_sub(1) };
        drop(scheduler);
        if !comes {
            self.bell.signal();
        }
    }
}

impl fmt::Debug for PoolShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheduler = lock_unpoisoned(&self.scheduler);
        f.debug_struct("Pool")
            .field("workers", &self.workers)
            .field("unsettled", &scheduler.unsettled)
            .field("phase", &scheduler.phase)
            .finish_non_exhaustive()
    }
}
