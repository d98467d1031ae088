//! What a pool's handle, its threads and its iterators have in common.

use core::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::board::Board;
use super::callbacks::Callbacks;
use super::desk::{Batch, Desk, Fate, Phase, Task};
use crate::error::TaskError;
use crate::primitive::{AtomicU32, Ordering};
use crate::process::child::lock;
use crate::sys::bell::Bell;

pub(super) struct Inner {
    /// The process whose pool it is.
    pub(super) owner: u32,
    pub(super) board: Board,
    pub(super) desk: Mutex<Desk>,
    /// Not 0 when the workers have ended.
    pub(super) is_over: AtomicU32,
    /// It has become so, under the desk's lock.
    over: Condvar,
    /// Rung when the crew's thread is to look at the desk.
    pub(super) bell: Bell,
    pub(super) callbacks: Arc<Callbacks>,
    pub(super) workers: usize,
    /// How many tasks an iterator is ahead of who takes its results.
    pub(super) window: usize,
}

impl Inner {
    pub(super) fn new(board: Board, desk: Desk, bell: Bell, workers: usize, window: usize) -> Self {
        Self {
            owner: std::process::id(),
            board,
            desk: Mutex::new(desk),
            is_over: AtomicU32::new(0),
            over: Condvar::new(),
            bell,
            callbacks: Arc::default(),
            workers,
            window,
        }
    }

    /// Whether this is the process whose pool it is: a forked child has none of the threads.
    pub(super) fn is_ours(&self) -> bool {
        self.owner == std::process::id()
    }

    /// Whether tasks are taken now.
    pub(super) fn accepts(&self) -> Result<(), TaskError> {
        if !self.is_ours() {
            return Err(TaskError::NotOurs);
        }
        lock(&self.desk).accepts(false)
    }

    /// Hands tasks in.
    pub(super) fn submit(
        &self,
        tasks: impl IntoIterator<Item = Task>,
        is_source: bool,
    ) -> Result<(), TaskError> {
        if !self.is_ours() {
            return Err(TaskError::NotOurs);
        }
        let mut batch = Batch::default();
        let mut desk = lock(&self.desk);
        desk.accepts(is_source)?;
        desk.take_in(tasks);
        let posted = desk.post(&self.board, &mut batch);
        drop(desk);
        self.board.call_workers(posted);
        self.deliver(&mut batch);
        Ok(())
    }

    /// Tells the sinks of a batch.
    pub(super) fn deliver(&self, batch: &mut Batch) {
        let count = batch.deliver();
        if count > 0 {
            let mut desk = lock(&self.desk);
            desk.unsettled = desk.unsettled.saturating_sub(count);
            let is_finished = desk.is_finished();
            drop(desk);
            if is_finished {
                self.bell.ring();
            }
        }
    }

    /// Takes results from the board, for as long as any may come.
    pub(super) fn collect(&self) {
        let mut batch = Batch::default();
        let is_over = || self.is_over.load(Ordering::Relaxed) != 0;
        while !is_over() {
            self.board.wait_for_results(is_over);
            let mut desk = lock(&self.desk);
            self.board.take_done(|slot| desk.collect(&self.board, slot, &mut batch));
            let posted = desk.post(&self.board, &mut batch);
            drop(desk);
            self.board.call_workers(posted);
            self.deliver(&mut batch);
        }
    }

    /// No more tasks are taken.
    pub(super) fn close(&self) {
        let mut desk = lock(&self.desk);
        if matches!(desk.phase, Phase::Open) {
            desk.phase = Phase::Closed;
        }
        drop(desk);
        self.bell.ring();
    }

    /// Ends the pool at once.
    pub(super) fn terminate(&self) {
        let mut batch = Batch::default();
        let mut desk = lock(&self.desk);
        if matches!(desk.phase, Phase::Open | Phase::Closed) {
            desk.phase = Phase::Terminated;
        }
        desk.give_up(&Fate::Terminated, &mut batch);
        drop(desk);
        self.bell.ring();
        self.deliver(&mut batch);
    }

    /// Not 0 when the workers have ended.
    pub(super) fn end(&self) {
        let desk = lock(&self.desk);
        self.is_over.store(1, Ordering::Relaxed);
        drop(desk);
        self.over.notify_all();
        self.board.call_pool();
    }

    /// Waits until the workers have ended.
    pub(super) fn wait_until_over(&self) {
        let mut desk: MutexGuard<'_, Desk> = lock(&self.desk);
        desk.joiners += 1;
        self.bell.ring();
        while self.is_over.load(Ordering::Relaxed) == 0 {
            desk = self.over.wait(desk).unwrap_or_else(PoisonError::into_inner);
        }
        desk.joiners -= 1;
    }

    /// An iterator may bring tasks, or (`false`) will no more.
    pub(super) fn count_source(&self, comes: bool) {
        let mut desk = lock(&self.desk);
        desk.sources = if comes { desk.sources + 1 } else { desk.sources.saturating_sub(1) };
        drop(desk);
        if !comes {
            self.bell.ring();
        }
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let desk = lock(&self.desk);
        f.debug_struct("Pool")
            .field("workers", &self.workers)
            .field("unsettled", &desk.unsettled)
            .field("phase", &desk.phase)
            .finish_non_exhaustive()
    }
}
