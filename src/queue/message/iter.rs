//! [`MessageIter`]: the messages of a queue, popped one by one.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::MessageQueue;
use crate::error::PopError;

impl<T> MessageQueue<T> {
    /// An iterator that pops message after message, waiting for each, until the queue is closed and
    /// empty.
    ///
    /// A message that does not decode is an item that is an error; so is any other failure, and
    /// that item is the last.
    pub fn iter(&self) -> MessageIter<'_, T> {
        MessageIter { queue: self, is_over: false }
    }
}

/// The messages of a [`MessageQueue`], popped one by one until it is closed and empty; see
/// [`MessageQueue::iter`].
#[derive(Debug)]
#[must_use = "messages are popped as they are asked for"]
pub struct MessageIter<'a, T> {
    queue: &'a MessageQueue<T>,
    is_over: bool,
}

impl<T: Serialize + DeserializeOwned> Iterator for MessageIter<'_, T> {
    type Item = Result<T, PopError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        PopError::next_item(self.queue.pop(), &mut self.is_over)
    }
}

impl<'a, T: Serialize + DeserializeOwned> IntoIterator for &'a MessageQueue<T> {
    type Item = Result<T, PopError>;
    type IntoIter = MessageIter<'a, T>;

    fn into_iter(self) -> MessageIter<'a, T> {
        self.iter()
    }
}
