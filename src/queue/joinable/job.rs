//! [`Job`]: a job that is leased to this process, and the lease of it.

use core::fmt;
use core::ops::Deref;
use std::sync::Arc;

use crate::error::{DoneError, PopError};
use crate::queue::held_leases::HeldLease;
use crate::queue::message::store::MessageStore;
use crate::raw::message_ring::MessageLease;
use crate::sys::fork;

/// The identity of a job and of its delivery, which
/// [`JoinableQueue::ack`](super::JoinableQueue::ack) takes.
///
/// It is valid in the process that leased the job, and in no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JobId(pub(super) MessageLease);

/// A job of a [`JoinableQueue`](super::JoinableQueue) that is leased to this process.
///
/// It counts as unfinished until it is [acknowledged](Self::ack). If it is dropped before (by a
/// panic, say), or its process dies, it goes back to the front of the queue.
#[must_use = "a job that is dropped goes back to the queue"]
pub struct Job<T> {
    value: T,
    job_lease: JobLease,
}

impl<T> Job<T> {
    pub(super) fn new(value: T, job_lease: JobLease) -> Self {
        Self { value, job_lease }
    }

    /// Acknowledges the job: takes it out of the queue, so that no worker gets it again.
    ///
    /// # Errors
    /// [`DoneError::NotHeld`] if [`JoinableQueue::ack`](super::JoinableQueue::ack) acknowledged the
    /// job already, or if this is a forked child and the job is leased to its parent;
    /// [`DoneError::NotAttached`] in a forked child that cannot register as a participant;
    /// [`DoneError::Corrupt`] if the segment is damaged.
    #[doc(alias = "task_done")]
    #[doc(alias = "done")]
    pub fn ack(self) -> Result<(), DoneError> {
        self.job_lease.ack()
    }

    /// Acknowledges the job and returns its value.
    pub(super) fn pop(self) -> Result<T, PopError> {
        match self.job_lease.ack() {
            Ok(()) => Ok(self.value),
            Err(DoneError::NotAttached) => Err(PopError::NotAttached),
            Err(DoneError::Corrupt { what }) => Err(PopError::Corrupt { what }),
            // The lease has just been taken, and its id is not known elsewhere.
            Err(DoneError::NotHeld | DoneError::Timeout) => {
                Err(PopError::Corrupt { what: "a leased job of a queue" })
            }
        }
    }

    /// Whether the job was leased before and given back: another worker may have done it in part.
    pub fn redelivered(&self) -> bool {
        self.job_lease.lease.is_redelivered()
    }

    /// The id by which [`JoinableQueue::ack`](super::JoinableQueue::ack) identifies the job.
    pub fn id(&self) -> JobId {
        JobId(self.job_lease.lease)
    }

    /// Returns the value, and the id by which [`JoinableQueue::ack`](super::JoinableQueue::ack)
    /// acknowledges the job. Until then the job is unfinished; it goes back to the queue only when
    /// this process dies or detaches from the segment.
    pub fn into_parts(self) -> (T, JobId) {
        let id = self.id();
        self.job_lease.take_apart();
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

/// A lease that gives its job back when it is dropped.
pub(super) struct JobLease {
    store: Arc<MessageStore>,
    lease: MessageLease,
    /// The fork generation of the process that the job is leased to. A forked child's copy does
    /// nothing.
    generation: u32,
    held: HeldLease,
    is_settled: bool,
}

impl JobLease {
    pub(super) fn new(store: Arc<MessageStore>, lease: MessageLease) -> Self {
        let held = store.hold(lease);
        Self { store, lease, generation: fork::generation(), held, is_settled: false }
    }

    pub(super) fn ack(mut self) -> Result<(), DoneError> {
        self.is_settled = true;
        self.held.end();
        if self.generation != fork::generation() {
            return Err(DoneError::NotHeld);
        }
        ack(&self.store, self.lease)
    }

    /// Drops the guard without giving the job back. The job stays leased.
    fn take_apart(mut self) {
        self.is_settled = true;
        let held = std::mem::take(&mut self.held);
        self.store.hold_until_ended(self.lease, held);
    }
}

impl Drop for JobLease {
    fn drop(&mut self) {
        self.held.end();
        if !self.is_settled && self.generation == fork::generation() {
            // It fails only in a damaged segment, which has no queue to give the job back to.
            let _ = self.store.give_back(self.lease);
        }
    }
}

pub(super) fn ack(store: &MessageStore, lease: MessageLease) -> Result<(), DoneError> {
    match store.ack(lease) {
        Ok(true) => Ok(()),
        Ok(false) => Err(DoneError::NotHeld),
        Err(stop) => Err(stop.of_done()),
    }
}
