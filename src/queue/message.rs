//! [`MessageQueue`]: messages of any type and size, with many producers and many consumers.
//!
//! - [`codec`]: messages as bytes
//! - [`iter`]: the messages, popped one by one
//! - [`limits`]: how much a queue holds
//! - [`store`]: the messages and their waiters

pub(crate) mod codec;
#[cfg(feature = "async")]
mod futures;
mod iter;
pub(super) mod limits;
pub(super) mod store;

use core::fmt;
use core::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

pub use iter::MessageIter;
pub use limits::Limits;
use serde::Serialize;
use serde::de::DeserializeOwned;
use store::MessageStore;

use crate::error::{PopError, PushError};
use crate::queue::queue_macros::message_queue_object;
use crate::raw::wait::{Timeout, Wait};

/// A queue of messages of any type that serde knows, whatever their size: strings, vectors, enums,
/// handles of this crate.
///
/// Any number of processes push and pop, first in, first out. The producer encodes a value before it
/// touches shared memory, and the consumer decodes it.
///
/// **What is pushed comes out equal, or the push is refused.** The encoding names fields and
/// variants, and says what each value is: serde's attributes (`skip`, `skip_serializing_if`,
/// `untagged`, `tag`, `flatten`) and types like `serde_json::Value` work as in JSON. If a field was
/// skipped, the push makes sure that the message can be decoded. Values nested more than 128 deep are
/// refused on both sides. Vectors of numbers are copied in one piece. (What a type's own
/// implementations do not tell is not known here: two variants of an untagged enum that look alike,
/// a skipped field whose default is another value.)
///
/// A queue is created for a number of messages, or with [`Limits`].
///
/// **When a process is killed at any instruction:** every push that returned is delivered exactly
/// once to a live consumer. A push that is killed leaves nothing, or a message that is delivered; a
/// pop that is killed leaves the message to the next consumer (before all others and out of its
/// order, if it is longer than 1 KiB), or the message was the dead process's. No lock is held:
/// nothing is rebuilt after a death, the room of a message that was not pushed comes back within
/// 200 ms, and a process that is stopped holds up others only while the message that it writes is
/// the next one. A consumer that cannot lose a popped message uses a
/// [`JoinableQueue`](super::JoinableQueue).
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
    /// Pushes a message, waiting until there is room.
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

    /// Pushes a message if there is room.
    ///
    /// # Errors
    /// [`PushError::Full`] if there is no room, and the errors of [`push`](Self::push).
    #[doc(alias = "put_nowait")]
    pub fn try_push(&self, value: T) -> Result<(), PushError<T>> {
        codec::push(&self.store, value, Wait::NonBlocking)
    }

    /// Pushes a message, waiting for room no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// [`PushError::Timeout`] if there is no room until the timeout elapses, and the errors of
    /// [`push`](Self::push).
    pub fn push_timeout(&self, value: T, timeout: Duration) -> Result<(), PushError<T>> {
        codec::push(&self.store, value, Wait::Until(&Timeout::new(timeout)))
    }

    /// Pops the oldest message, waiting until there is one.
    ///
    /// # Errors
    /// [`PopError::Closed`] if the queue is closed and empty; [`PopError::Decode`] if the
    /// message's bytes are not a `T`, in which case the message is popped;
    /// [`PopError::NotAttached`] in a forked child that cannot register as a participant;
    /// [`PopError::Corrupt`] if the segment is damaged.
    #[doc(alias = "get")]
    #[doc(alias = "recv")]
    pub fn pop(&self) -> Result<T, PopError> {
        self.pop_within(Wait::Forever)
    }

    /// Pops the oldest message if there is one.
    ///
    /// # Errors
    /// [`PopError::Empty`] if there is no message, and the errors of [`pop`](Self::pop).
    #[doc(alias = "get_nowait")]
    pub fn try_pop(&self) -> Result<T, PopError> {
        self.pop_within(Wait::NonBlocking)
    }

    /// Pops the oldest message, waiting for one no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// [`PopError::Timeout`] if there is no message until the timeout elapses, and the errors of
    /// [`pop`](Self::pop).
    pub fn pop_timeout(&self, timeout: Duration) -> Result<T, PopError> {
        self.pop_within(Wait::Until(&Timeout::new(timeout)))
    }

    fn pop_within(&self, wait: Wait) -> Result<T, PopError> {
        codec::decode(self.store.pop(wait).map_err(|stop| stop.of_pop())?)
    }

    /// Closes the queue for all processes: later pushes fail, and pops fail once the queue is
    /// empty. Returns `false` if it was closed already.
    pub fn close(&self) -> bool {
        self.store.close()
    }

    /// Whether the queue is closed.
    pub fn is_closed(&self) -> bool {
        self.store.is_closed()
    }

    /// The number of messages in the queue.
    #[doc(alias = "qsize")]
    pub fn len(&self) -> usize {
        self.store.len()
    }

    /// Whether the queue is empty.
    #[doc(alias = "empty")]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of messages there is room for, unless they are too large together.
    #[doc(alias = "maxsize")]
    pub fn capacity(&self) -> usize {
        self.store.geometry().messages()
    }

    /// The largest number of bytes that the encoding of a message may have; it fits into the empty
    /// queue.
    pub fn max_message(&self) -> usize {
        self.store.geometry().max_message()
    }
}

message_queue_object!(MessageQueue);

impl<T> fmt::Debug for MessageQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageQueue")
            .field("capacity", &self.store.geometry().messages())
            .field("segment", self.store.region().segment())
            .finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(MessageQueue<*const ()>: Send, Sync, Clone);
