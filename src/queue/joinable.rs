//! [`JoinableQueue`]: jobs, which come back when their worker dies, and can be waited for.
//!
//! - [`job`]: a job, and the claim to it

#[cfg(feature = "async")]
mod futures;
mod job;

use core::fmt;
use core::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use job::JobLease;
pub use job::{Job, JobId};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::message::store::MessageStore;
use super::message::{Limits, codec};
use crate::error::{DoneError, PopError, PushError};
use crate::queue::queue_macros::message_queue_object;
use crate::raw::wait::Wait;

/// A queue of jobs of any type that serde knows. Who gets a job says when it is done, and who pushed it can wait for that.
///
/// Any number of processes push and get, first in, first out. A job stays in the queue, and counts against its [`Limits`], until it
/// is done.
///
/// **When a process is killed at any instruction:** every push that returned is delivered at least once. A job that its dead holder
/// has not called done is delivered again, before the others and marked [`redelivered`](Job::redelivered); a stopped process
/// is alive, and keeps its jobs. [`join`](Self::join) counts what is true, so no death makes it return early or never.
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
/// let job = worker.get()?;
/// assert_eq!(*job, "sweep the breezeway");
/// job.done()?; // dropped instead, it would be somebody's again
///
/// boss.join()?; // all is done
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct JoinableQueue<T> {
    store: Arc<MessageStore>,
    of: PhantomData<fn(T) -> T>,
}

impl<T: Serialize + DeserializeOwned> JoinableQueue<T> {
    /// Puts a job in, waiting for room as long as it takes.
    ///
    /// # Errors
    /// `Closed`; `Encode` and `TooLarge`, in which case the queue was not touched; `NotAttached`, `Corrupt`. The value comes back.
    #[doc(alias = "put")]
    pub fn push(&self, value: T) -> Result<(), PushError<T>> {
        codec::push(&self.store, value, Wait::Forever)
    }

    /// Puts a job in if there is room.
    ///
    /// # Errors
    /// `Full`, and those of [`push`](Self::push).
    #[doc(alias = "put_nowait")]
    pub fn try_push(&self, value: T) -> Result<(), PushError<T>> {
        codec::push(&self.store, value, Wait::NonBlocking)
    }

    /// Puts a job in, waiting for room no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// `Timeout`, and those of [`push`](Self::push).
    pub fn push_timeout(&self, value: T, timeout: Duration) -> Result<(), PushError<T>> {
        codec::push(&self.store, value, Wait::Timeout(timeout))
    }

    /// Gets the oldest job, waiting for one as long as it takes.
    ///
    /// # Errors
    /// `Closed` where the queue is, and nothing is left that could come here: other processes' jobs might come back, so it waits
    /// for those. `Decode` where the job is none of this type: it counts as done. `NotAttached`, `Corrupt`.
    #[doc(alias = "pop")]
    pub fn get(&self) -> Result<Job<T>, PopError> {
        self.get_within(Wait::Forever)
    }

    /// Gets the oldest job if there is one.
    ///
    /// # Errors
    /// `Empty`, and those of [`get`](Self::get).
    #[doc(alias = "get_nowait")]
    pub fn try_get(&self) -> Result<Job<T>, PopError> {
        self.get_within(Wait::NonBlocking)
    }

    /// Gets the oldest job, waiting for one no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// `Timeout`, and those of [`get`](Self::get).
    pub fn get_timeout(&self, timeout: Duration) -> Result<Job<T>, PopError> {
        self.get_within(Wait::Timeout(timeout))
    }

    fn get_within(&self, wait: Wait) -> Result<Job<T>, PopError> {
        let (lease, message) = self.store.lease(wait).map_err(|stop| stop.of_pop())?;
        // Before decoding, which may panic.
        let job_lease = JobLease::new(Arc::clone(&self.store), lease);
        match codec::decode(&message) {
            Ok(value) => Ok(Job::new(value, job_lease)),
            Err(error) => {
                // Given back, it would be the next again. It is ours, so this fails only where nothing can succeed.
                let _ = job_lease.done();
                Err(error)
            }
        }
    }

    /// Takes a job of this process's out of the queue for good: one whose [`Job`] was taken apart.
    ///
    /// # Errors
    /// `NotHeld` where that is one time too many, or the job went back to the queue; `NotAttached`, `Corrupt`.
    pub fn task_done(&self, id: JobId) -> Result<(), DoneError> {
        job::finish(&self.store, id.0)
    }

    /// Waits until every job that was pushed is done, as long as it takes.
    ///
    /// # Errors
    /// `NotAttached`, `Corrupt`.
    pub fn join(&self) -> Result<(), DoneError> {
        self.wait_until_idle(Wait::Forever)
    }

    /// Waits until every job that was pushed is done, no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// `Timeout`, and those of [`join`](Self::join).
    pub fn join_timeout(&self, timeout: Duration) -> Result<(), DoneError> {
        self.wait_until_idle(Wait::Timeout(timeout))
    }

    fn wait_until_idle(&self, wait: Wait) -> Result<(), DoneError> {
        self.store.wait_until_idle(wait).map_err(|stop| stop.of_done())
    }

    /// How many jobs are not done, those included that somebody works on.
    pub fn unfinished(&self) -> usize {
        self.store.counts().1
    }

    /// Closes the queue for all processes: pushes fail from now on, and nobody waits for a job when all are done. `false` where it was closed.
    pub fn close(&self) -> bool {
        self.store.close()
    }

    /// Whether it is closed.
    pub fn is_closed(&self) -> bool {
        self.store.is_closed()
    }

    /// How many jobs wait to be got.
    #[doc(alias = "qsize")]
    pub fn len(&self) -> usize {
        self.store.counts().0
    }

    /// Whether no jobs wait to be got.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many unfinished jobs there is room for, if they are not too large together.
    #[doc(alias = "maxsize")]
    pub fn capacity(&self) -> usize {
        self.store.layout().slots()
    }

    /// How many bytes the encoding of a job may have: so many fit when the queue is empty.
    pub fn max_message(&self) -> usize {
        self.store.layout().max_message()
    }
}

message_queue_object!(JoinableQueue);

impl<T> fmt::Debug for JoinableQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinableQueue")
            .field("capacity", &self.store.layout().slots())
            .field("segment", self.store.region().segment())
            .finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(JoinableQueue<*const ()>: Send, Sync, Clone);
