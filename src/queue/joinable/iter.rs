//! [`JobIter`]: the jobs of a queue, leased one by one.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Job, JoinableQueue};
use crate::error::PopError;

impl<T> JoinableQueue<T> {
    /// An iterator that leases job after job, waiting for each, until the queue is closed and no
    /// job is left that could come to this process.
    ///
    /// A job that does not decode is an item that is an error; so is any other failure, and that
    /// item is the last.
    pub fn iter(&self) -> JobIter<'_, T> {
        JobIter { queue: self, is_over: false }
    }
}

/// The jobs of a [`JoinableQueue`], leased one by one until it is closed and no job is left that
/// could come to this process; see [`JoinableQueue::iter`].
#[derive(Debug)]
#[must_use = "jobs are leased as they are asked for"]
pub struct JobIter<'a, T> {
    queue: &'a JoinableQueue<T>,
    is_over: bool,
}

impl<T: Serialize + DeserializeOwned> Iterator for JobIter<'_, T> {
    type Item = Result<Job<T>, PopError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        PopError::next_item(self.queue.lease(), &mut self.is_over)
    }
}

impl<'a, T: Serialize + DeserializeOwned> IntoIterator for &'a JoinableQueue<T> {
    type Item = Result<Job<T>, PopError>;
    type IntoIter = JobIter<'a, T>;

    fn into_iter(self) -> JobIter<'a, T> {
        self.iter()
    }
}
