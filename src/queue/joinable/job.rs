//! A job, and the claim to it.

use core::fmt;
use core::ops::Deref;
use std::sync::Arc;

use crate::error::DoneError;
use crate::queue::message::store::MessageStore;
use crate::raw::message_slab::SlabLease;
use crate::sys::fork;

/// Which job it is, and which delivery of it: what [`JoinableQueue::task_done`](super::JoinableQueue::task_done) wants to know.
///
/// It means something in the process that got the job, and in no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JobId(pub(super) SlabLease);

/// A job to be done, from a [`JoinableQueue`](super::JoinableQueue).
///
/// It counts as unfinished until it is [`done`](Self::done). Dropped before, as by a panic, it goes back to the front of the queue,
/// and so it does when the process dies.
#[must_use = "a job that is dropped goes back to the queue"]
pub struct Job<T> {
    value: T,
    job_lease: JobLease,
}

impl<T> Job<T> {
    pub(super) fn new(value: T, job_lease: JobLease) -> Self {
        Self { value, job_lease }
    }

    /// Takes the job out of the queue for good.
    ///
    /// # Errors
    /// `NotHeld` where [`task_done`](super::JoinableQueue::task_done) did that already, or this is a forked child and the job its
    /// parent's; `NotAttached`, `Corrupt`.
    #[doc(alias = "task_done")]
    #[doc(alias = "ack")]
    pub fn done(self) -> Result<(), DoneError> {
        self.job_lease.done()
    }

    /// Whether somebody had it before, and dropped it or died: some of it may be done.
    pub fn redelivered(&self) -> bool {
        self.job_lease.lease.is_redelivered()
    }

    /// What [`task_done`](super::JoinableQueue::task_done) knows it by.
    pub fn id(&self) -> JobId {
        JobId(self.job_lease.lease)
    }

    /// The value, and the id by which [`task_done`](super::JoinableQueue::task_done) is told when it is done. Until then the job
    /// stays unfinished; it goes back only when this process dies, or lets go of the segment.
    pub fn into_parts(self) -> (T, JobId) {
        let id = self.id();
        self.job_lease.disarm();
        (self.value, id)
    }
}

impl<T> Deref for Job<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> fmt::Debug for Job<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("redelivered", &self.redelivered()).finish_non_exhaustive()
    }
}

/// A lease that is given back when it is dropped.
pub(super) struct JobLease {
    store: Arc<MessageStore>,
    lease: SlabLease,
    /// The process that has it. A forked child's copy is nothing.
    generation: u32,
    is_settled: bool,
}

impl JobLease {
    pub(super) fn new(store: Arc<MessageStore>, lease: SlabLease) -> Self {
        Self { store, lease, generation: fork::generation(), is_settled: false }
    }

    pub(super) fn done(self) -> Result<(), DoneError> {
        if self.generation != fork::generation() {
            return Err(DoneError::NotHeld);
        }
        let result = finish(&self.store, self.lease);
        self.disarm();
        result
    }

    pub(super) fn disarm(mut self) {
        self.is_settled = true;
    }
}

impl Drop for JobLease {
    fn drop(&mut self) {
        if !self.is_settled && self.generation == fork::generation() {
            // In a corrupt segment, there is nothing to give it back to.
            let _ = self.store.give_back(self.lease);
        }
    }
}

pub(super) fn finish(store: &MessageStore, lease: SlabLease) -> Result<(), DoneError> {
    match store.finish(lease) {
        Ok(true) => Ok(()),
        Ok(false) => Err(DoneError::NotHeld),
        Err(stop) => Err(stop.of_done()),
    }
}
