//! [`Iter`]: the values of a queue, popped one by one.

use core::fmt;

use super::Queue;
use crate::error::PopError;
use crate::shareable::Shareable;

impl<T> Queue<T> {
    /// An iterator that pops value after value, waiting for each, until the queue is closed and
    /// empty.
    ///
    /// An item is an error if a pop fails for another reason; that item is the last.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { queue: self, is_over: false }
    }
}

/// The values of a [`Queue`], popped one by one until it is closed and empty; see [`Queue::iter`].
#[must_use = "values are popped as they are asked for"]
pub struct Iter<'a, T> {
    queue: &'a Queue<T>,
    is_over: bool,
}

impl<T: Shareable> Iterator for Iter<'_, T> {
    type Item = Result<T, PopError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        PopError::next_item(self.queue.pop(), &mut self.is_over)
    }
}

impl<'a, T: Shareable> IntoIterator for &'a Queue<T> {
    type Item = Result<T, PopError>;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T> fmt::Debug for Iter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Iter").field("queue", self.queue).finish_non_exhaustive()
    }
}
