//! [`JoinableQueue`]: jobs that are delivered again if their worker dies, and that can be joined.
//!
//! - [`iter`]: the jobs, leased one by one
//! - [`job`]: a job, and the lease of it

#[cfg(feature = "async")]
mod futures;
mod iter;
mod job;

use core::fmt;
use core::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

pub use iter::JobIter;
use job::JobLease;
pub use job::{Job, JobId};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::message::store::MessageStore;
use super::message::{Limits, codec};
use crate::error::{DoneError, PopError, PushError};
use crate::queue::queue_macros::message_queue_object;
use crate::raw::wait::{Timeout, Wait};

/// A queue of jobs of any type that serde knows. A worker acknowledges each job that it has done,
/// and a producer can wait until all jobs are done.
///
/// Any number of processes push and lease, first in, first out. A job makes room for another as soon
/// as it is leased, so that a worker can feed its own queue; until it is acknowledged, it counts as
/// [unfinished](Self::unfinished) and against the [bytes](Limits::bytes). No lock is held, so a
/// process that is stopped holds up nobody but who waits for its job.
///
/// As many jobs can be leased at a time as the queue holds, and 32 at least. A lease beyond waits
/// for an acknowledgement.
///
/// **When a process is killed at any instruction:** every push that returned is delivered at least
/// once. A job that its dead holder has not acknowledged is delivered again, before all other jobs
/// and marked [`redelivered`](Job::redelivered), within 200 ms, also where the queue is never empty;
/// a stopped peer is alive, and keeps its jobs.
/// [`join`](Self::join) counts the jobs in the segment, so no death makes it return early or wait
/// for a job that is gone.
///
/// ```
/// use breezeway::queue::JoinableQueue;
///
/// # let name = format!("breezeway-doc-joinable-{}", std::process::id());
/// # let name = name.as_str();
/// let boss = JoinableQueue::<String>::create(name, 100)?;
/// let worker = JoinableQueue::<String>::open(name)?; // in any process of this user
///
/// boss.push("sweep the breezeway".to_owned())?;
///
/// let job = worker.lease()?;
/// assert_eq!(*job, "sweep the breezeway");
/// job.ack()?; // dropped instead, it would be delivered again
///
/// boss.join()?; // all jobs are done
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct JoinableQueue<T> {
    store: Arc<MessageStore>,
    of: PhantomData<fn(T) -> T>,
}

impl<T: Serialize + DeserializeOwned> JoinableQueue<T> {
    /// Pushes a job, waiting until there is room.
    ///
    /// # Errors
    /// Each returns the value. [`PushError::Closed`] if the queue was closed before the value was
    /// in; [`PushError::Encode`] if the value cannot be encoded, and [`PushError::TooLarge`] if it
    /// is longer than the queue's largest message, in which cases the queue was not touched;
    /// [`PushError::NotAttached`] in a forked child that cannot register as a participant;
    /// [`PushError::Corrupt`] if the segment is damaged.
    #[doc(alias = "put")]
    #[doc(alias = "send")]
    pub fn push(&self, value: T) -> Result<(), PushError<T>> {
        codec::push(&self.store, value, Wait::Forever)
    }

    /// Pushes a job if there is room.
    ///
    /// # Errors
    /// [`PushError::Full`] if there is no room, and the errors of [`push`](Self::push).
    #[doc(alias = "put_nowait")]
    pub fn try_push(&self, value: T) -> Result<(), PushError<T>> {
        codec::push(&self.store, value, Wait::NonBlocking)
    }

    /// Pushes a job, waiting for room no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// [`PushError::Timeout`] if there is no room until the timeout elapses, and the errors of
    /// [`push`](Self::push).
    pub fn push_timeout(&self, value: T, timeout: Duration) -> Result<(), PushError<T>> {
        codec::push(&self.store, value, Wait::Until(&Timeout::new(timeout)))
    }

    /// Leases the oldest job to this process, waiting until there is one. If the process dies
    /// before it [acknowledges](Job::ack) the job, another worker gets it.
    ///
    /// # Errors
    /// [`PopError::Closed`] if the queue is closed and no job is left that could come back: it waits
    /// for jobs that any process or thread has leased, except those that the calling thread has
    /// leased itself;
    /// [`PopError::Decode`] if the job's bytes are not a `T`, in which case the job is
    /// acknowledged; [`PopError::NotAttached`] in a forked child that cannot register as a
    /// participant; [`PopError::Corrupt`] if the segment is damaged.
    #[doc(alias = "get")]
    pub fn lease(&self) -> Result<Job<T>, PopError> {
        self.lease_within(Wait::Forever)
    }

    /// Leases the oldest job to this process if there is one.
    ///
    /// # Errors
    /// [`PopError::Empty`] if there is no job, and the errors of [`lease`](Self::lease).
    #[doc(alias = "get_nowait")]
    pub fn try_lease(&self) -> Result<Job<T>, PopError> {
        self.lease_within(Wait::NonBlocking)
    }

    /// Leases the oldest job to this process, waiting for one no longer than `timeout` (on the
    /// monotonic clock).
    ///
    /// # Errors
    /// [`PopError::Timeout`] if there is no job until the timeout elapses, and the errors of
    /// [`lease`](Self::lease).
    pub fn lease_timeout(&self, timeout: Duration) -> Result<Job<T>, PopError> {
        self.lease_within(Wait::Until(&Timeout::new(timeout)))
    }

    fn lease_within(&self, wait: Wait) -> Result<Job<T>, PopError> {
        let (lease, message) = self.store.lease(wait).map_err(|stop| stop.of_pop())?;
        // Guarded before the decoder runs, which may panic.
        let job_lease = JobLease::new(Arc::clone(&self.store), lease);
        match codec::decode(message) {
            Ok(value) => Ok(Job::new(value, job_lease)),
            Err(error) => {
                // Given back, the job would be the next one again. Acknowledging it fails only if
                // the segment is damaged, in which case every later operation fails too.
                let _ = job_lease.ack();
                Err(error)
            }
        }
    }

    /// Pops the oldest job, waiting until there is one: leases it and acknowledges it at once.
    ///
    /// The job counts as done when it is popped, so [`join`](Self::join) does not wait for what the
    /// caller does with it, and it is not delivered again if the caller dies. To have both,
    /// [`lease`](Self::lease) it. A process that is killed during a pop leaves the job to the next
    /// worker, or the job was the dead process's.
    ///
    /// # Errors
    /// The errors of [`lease`](Self::lease).
    #[doc(alias = "recv")]
    pub fn pop(&self) -> Result<T, PopError> {
        self.pop_within(Wait::Forever)
    }

    /// Pops the oldest job if there is one: leases it and acknowledges it at once.
    ///
    /// # Errors
    /// [`PopError::Empty`] if there is no job, and the errors of [`lease`](Self::lease).
    pub fn try_pop(&self) -> Result<T, PopError> {
        self.pop_within(Wait::NonBlocking)
    }

    /// Pops the oldest job, waiting for one no longer than `timeout` (on the monotonic clock):
    /// leases it and acknowledges it at once.
    ///
    /// # Errors
    /// [`PopError::Timeout`] if there is no job until the timeout elapses, and the errors of
    /// [`lease`](Self::lease).
    pub fn pop_timeout(&self, timeout: Duration) -> Result<T, PopError> {
        self.pop_within(Wait::Until(&Timeout::new(timeout)))
    }

    fn pop_within(&self, wait: Wait) -> Result<T, PopError> {
        self.lease_within(wait)?.pop()
    }

    /// Acknowledges a job that is leased to this process and whose [`Job`] was taken
    /// [apart](Job::into_parts): takes it out of the queue.
    ///
    /// # Errors
    /// [`DoneError::NotHeld`] if the job was acknowledged already or was given back;
    /// [`DoneError::NotAttached`] in a forked child that cannot register as a participant;
    /// [`DoneError::Corrupt`] if the segment is damaged.
    #[doc(alias = "task_done")]
    pub fn ack(&self, id: JobId) -> Result<(), DoneError> {
        job::ack(&self.store, id.0)
    }

    /// Waits until every job that was pushed is acknowledged, as long as it takes.
    ///
    /// # Errors
    /// [`DoneError::NotAttached`] in a forked child that cannot register as a participant;
    /// [`DoneError::Corrupt`] if the segment is damaged.
    pub fn join(&self) -> Result<(), DoneError> {
        self.wait_until_idle(Wait::Forever)
    }

    /// Waits until every job that was pushed is acknowledged, no longer than `timeout` (on the
    /// monotonic clock).
    ///
    /// # Errors
    /// [`DoneError::Timeout`] if a job is unfinished when the timeout elapses, and the errors of
    /// [`join`](Self::join).
    pub fn join_timeout(&self, timeout: Duration) -> Result<(), DoneError> {
        self.wait_until_idle(Wait::Until(&Timeout::new(timeout)))
    }

    fn wait_until_idle(&self, wait: Wait) -> Result<(), DoneError> {
        self.store.wait_until_idle(wait).map_err(|stop| stop.of_done())
    }

    /// The number of jobs that are not acknowledged, leased ones included.
    pub fn unfinished(&self) -> usize {
        self.store.unfinished()
    }

    /// Closes the queue for all processes: later pushes fail, and leases and pops fail once the
    /// queue is empty and no job is leased that may be given back. Returns `false` if it was closed
    /// already.
    pub fn close(&self) -> bool {
        self.store.close()
    }

    /// Whether the queue is closed.
    pub fn is_closed(&self) -> bool {
        self.store.is_closed()
    }

    /// The number of jobs that wait to be leased.
    #[doc(alias = "qsize")]
    pub fn len(&self) -> usize {
        self.store.len()
    }

    /// Whether no jobs wait to be leased.
    #[doc(alias = "empty")]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of jobs there is room for that nobody has leased, unless they are too large
    /// together.
    #[doc(alias = "maxsize")]
    pub fn capacity(&self) -> usize {
        self.store.geometry().messages()
    }

    /// The largest number of bytes that the encoding of a job may have; it fits into the empty
    /// queue.
    pub fn max_message(&self) -> usize {
        self.store.geometry().max_message()
    }
}

message_queue_object!(JoinableQueue);

impl<T> fmt::Debug for JoinableQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinableQueue")
            .field("capacity", &self.store.geometry().messages())
            .field("segment", self.store.region().segment())
            .finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(JoinableQueue<*const ()>: Send, Sync, Clone);
