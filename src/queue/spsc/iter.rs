//! [`ConsumerIter`]: the values of a queue, popped one by one.

use super::Consumer;
use crate::error::PopError;
use crate::shareable::Shareable;

impl<T: Shareable> Consumer<T> {
    /// An iterator that pops value after value, waiting for each, until the queue is closed or its
    /// producer gone, and empty.
    ///
    /// An item is an error if a pop fails for another reason; that item is the last.
    /// [`try_iter`](Self::try_iter) does not wait.
    pub fn iter(&mut self) -> ConsumerIter<'_, T> {
        ConsumerIter { consumer: self, is_over: false }
    }

    /// An iterator that pops value after value without waiting, until the queue is empty.
    ///
    /// An item is an error if a pop fails for another reason than that the queue is empty, closed
    /// or without a producer; that item is the last.
    pub fn try_iter(&mut self) -> impl Iterator<Item = Result<T, PopError>> {
        let mut is_over = false;
        core::iter::from_fn(move || {
            if is_over {
                return None;
            }
            match self.try_pop() {
                Err(PopError::Empty) => None,
                popped => PopError::next_item(popped, &mut is_over),
            }
        })
    }
}

/// The values of a queue, popped one by one until it is closed or its producer gone, and empty; see
/// [`Consumer::iter`].
#[must_use = "values are popped as they are asked for"]
pub struct ConsumerIter<'a, T> {
    consumer: &'a mut Consumer<T>,
    is_over: bool,
}

impl<T: Shareable> Iterator for ConsumerIter<'_, T> {
    type Item = Result<T, PopError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        PopError::next_item(self.consumer.pop(), &mut self.is_over)
    }
}

impl<'a, T: Shareable> IntoIterator for &'a mut Consumer<T> {
    type Item = Result<T, PopError>;
    type IntoIter = ConsumerIter<'a, T>;

    fn into_iter(self) -> ConsumerIter<'a, T> {
        self.iter()
    }
}

impl<T> core::fmt::Debug for ConsumerIter<'_, T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ConsumerIter").field("consumer", &self.consumer).finish_non_exhaustive()
    }
}
