//! [`MessageQueue`]: messages of any type and size, from many to many.
//!
//! - [`codec`]: messages as bytes
//! - [`limits`]: how much there may be
//! - [`store`]: the depot of messages, its lock and its sleepers

pub(crate) mod codec;
#[cfg(feature = "async")]
mod futures;
pub(super) mod limits;
pub(super) mod store;

use core::fmt;
use core::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

pub use limits::Limits;
use serde::Serialize;
use serde::de::DeserializeOwned;
use store::MessageStore;

use crate::error::{PopError, PushError};
use crate::queue::queue_macros::message_queue_object;
use crate::raw::wait::Wait;

/// A queue of messages of any type that serde knows, whatever their size: strings, vectors, enums, handles of this crate.
///
/// Any number of processes push and pop, first in, first out. A value is encoded (as `postcard` does) by who pushes it, before
/// anything is touched that others see, and decoded by who pops it. It is made for a number of messages, or for [`Limits`].
///
/// **When a process is killed at any instruction:** every push that returned is delivered exactly once to a live popper. A push
/// that is killed leaves nothing, or a message that is delivered; a pop that is killed leaves the message to the next popper, or
/// the message was the dead process's. A [`JoinableQueue`](super::JoinableQueue) is for those who cannot lose a popped message.
///
/// ```
/// use breezeway::queue::MessageQueue;
///
/// # let name = format!("breezeway-doc-message-{}", std::process::id());
/// # let name = name.as_str();
/// let here = MessageQueue::<(u32, String)>::create(name, 100)?;
/// let there = MessageQueue::<(u32, String)>::open(name)?; // in any process of this user
///
/// here.push((42, "breeze".to_owned()))?;
/// here.close();
/// for message in &there {
///     assert_eq!(message?, (42, "breeze".to_owned()));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MessageQueue<T> {
    store: Arc<MessageStore>,
    of: PhantomData<fn(T) -> T>,
}

impl<T: Serialize + DeserializeOwned> MessageQueue<T> {
    /// Puts a message in, waiting for room as long as it takes.
    ///
    /// # Errors
    /// `Closed`; `Encode` and `TooLarge`, in which case the queue was not touched; `NotAttached`, `Corrupt`. The value comes back.
    #[doc(alias = "put")]
    #[doc(alias = "send")]
    pub fn push(&self, value: T) -> Result<(), PushError<T>> {
        codec::push(&self.store, value, Wait::Forever)
    }

    /// Puts a message in if there is room.
    ///
    /// # Errors
    /// `Full`, and those of [`push`](Self::push).
    #[doc(alias = "put_nowait")]
    pub fn try_push(&self, value: T) -> Result<(), PushError<T>> {
        codec::push(&self.store, value, Wait::NonBlocking)
    }

    /// Puts a message in, waiting for room no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// `Timeout`, and those of [`push`](Self::push).
    pub fn push_timeout(&self, value: T, timeout: Duration) -> Result<(), PushError<T>> {
        codec::push(&self.store, value, Wait::Timeout(timeout))
    }

    /// Takes the oldest message out, waiting for one as long as it takes.
    ///
    /// # Errors
    /// `Closed` where the queue is, and is empty; `Decode` where the message is none of this type: it is taken out all the same;
    /// `NotAttached`, `Corrupt`.
    #[doc(alias = "get")]
    #[doc(alias = "recv")]
    pub fn pop(&self) -> Result<T, PopError> {
        self.pop_within(Wait::Forever)
    }

    /// Takes the oldest message out if there is one.
    ///
    /// # Errors
    /// `Empty`, and those of [`pop`](Self::pop).
    #[doc(alias = "get_nowait")]
    pub fn try_pop(&self) -> Result<T, PopError> {
        self.pop_within(Wait::NonBlocking)
    }

    /// Takes the oldest message out, waiting for one no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// `Timeout`, and those of [`pop`](Self::pop).
    pub fn pop_timeout(&self, timeout: Duration) -> Result<T, PopError> {
        self.pop_within(Wait::Timeout(timeout))
    }

    fn pop_within(&self, wait: Wait) -> Result<T, PopError> {
        codec::decode(&self.store.pop(wait).map_err(|stop| stop.of_pop())?)
    }

    /// Closes the queue for all processes: pushes fail from now on, pops do when it is empty. `false` where it was closed.
    pub fn close(&self) -> bool {
        self.store.close()
    }

    /// Whether it is closed.
    pub fn is_closed(&self) -> bool {
        self.store.is_closed()
    }

    /// How many messages are in it.
    #[doc(alias = "qsize")]
    pub fn len(&self) -> usize {
        self.store.counts().0
    }

    /// Whether no messages are in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many messages there is room for, if they are not too large together.
    #[doc(alias = "maxsize")]
    pub fn capacity(&self) -> usize {
        self.store.layout().slots()
    }

    /// How many bytes the encoding of a message may have: so many fit when the queue is empty.
    pub fn max_message(&self) -> usize {
        self.store.layout().max_message()
    }

    /// Pops until the queue is closed and empty.
    pub fn iter(&self) -> MessageIter<'_, T> {
        MessageIter { queue: Some(self) }
    }
}

/// The messages of a [`MessageQueue`], popped one by one until it is closed and empty.
///
/// A message that does not decode is an error, after which it goes on; any other error is the last item.
#[derive(Debug)]
#[must_use = "messages are popped as they are asked for"]
pub struct MessageIter<'a, T> {
    queue: Option<&'a MessageQueue<T>>,
}

impl<T: Serialize + DeserializeOwned> Iterator for MessageIter<'_, T> {
    type Item = Result<T, PopError>;

    fn next(&mut self) -> Option<Self::Item> {
        let popped = self.queue?.pop();
        if popped.as_ref().is_err_and(PopError::is_final) {
            self.queue = None;
        }
        (!popped.as_ref().is_err_and(PopError::is_end)).then_some(popped)
    }
}

impl<'a, T: Serialize + DeserializeOwned> IntoIterator for &'a MessageQueue<T> {
    type Item = Result<T, PopError>;
    type IntoIter = MessageIter<'a, T>;

    fn into_iter(self) -> MessageIter<'a, T> {
        self.iter()
    }
}

message_queue_object!(MessageQueue);

impl<T> fmt::Debug for MessageQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageQueue")
            .field("capacity", &self.store.layout().slots())
            .field("segment", self.store.region().segment())
            .finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(MessageQueue<*const ()>: Send, Sync, Clone);
