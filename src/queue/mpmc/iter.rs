//! [`Iter`]: the values, as they come.

use super::Queue;
use crate::shareable::Shareable;

impl<T: Shareable> Queue<T> {
    /// The values, each as it comes, until the queue is closed and empty.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { queue: self }
    }
}

/// The values of a [`Queue`], until it is closed and empty; see [`Queue::iter`].
#[derive(Debug)]
pub struct Iter<'a, T: Shareable> {
    queue: &'a Queue<T>,
}

impl<T: Shareable> Iterator for Iter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.queue.pop().ok()
    }
}

impl<'a, T: Shareable> IntoIterator for &'a Queue<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}
