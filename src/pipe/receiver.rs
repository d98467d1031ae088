//! [`Receiver`]: the receiving end of a pipe.

use core::fmt;
use core::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::endpoint_macros::impl_receiver_methods;
use super::messages::Messages;
use super::reader::FrameReader;
use crate::error::PopError;
use crate::queue::bytes::BytesConsumer;

/// The receiving end of a [pipe](super). It belongs to one process at a time.
///
/// If it is dropped, the sender gets a broken pipe. If it is serialised, it belongs to the process
/// that deserialises it, with the part of a message that it has received so far.
///
/// A receiver can be made [from](Self::from) a [`BytesConsumer`], for a pipe that has a name or
/// lies in a segment with other objects. The successor of a dead receiver then continues after the
/// last message that the dead process has begun to receive.
///
/// **When a process is killed at any instruction:** a dead sender is the end of file
/// ([`PopError::Disconnected`]), after everything that it sent; see [`pipe`](super).
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Receiver<T> {
    reader: FrameReader,
    #[serde(skip)]
    of: PhantomData<fn() -> T>,
}

impl<T> Receiver<T> {
    pub(super) fn new(reader: FrameReader) -> Self {
        Self { reader, of: PhantomData }
    }

    pub(super) fn reader(&mut self) -> &mut FrameReader {
        &mut self.reader
    }

    pub(super) fn consumer(&self) -> &BytesConsumer {
        self.reader.consumer()
    }

    /// Closes the pipe: no more messages can be sent, and those that were sent can still be
    /// received. Returns whether the pipe was open.
    pub fn close(&self) -> bool {
        self.consumer().close()
    }

    /// Whether a live process has the sender now.
    pub fn is_connected(&self) -> bool {
        self.consumer().is_connected()
    }
}

impl_receiver_methods!([T] Receiver<T>, T);

impl<T> From<BytesConsumer> for Receiver<T> {
    fn from(consumer: BytesConsumer) -> Self {
        Self::new(FrameReader::new(consumer, u64::MAX))
    }
}

impl<T: DeserializeOwned> IntoIterator for Receiver<T> {
    type Item = Result<T, PopError>;
    type IntoIter = Messages<'static, T>;

    fn into_iter(self) -> Messages<'static, T> {
        Messages::owned(self.reader)
    }
}

impl<'a, T: DeserializeOwned> IntoIterator for &'a mut Receiver<T> {
    type Item = Result<T, PopError>;
    type IntoIter = Messages<'a, T>;

    fn into_iter(self) -> Messages<'a, T> {
        self.iter()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(Receiver<*const ()>: Send, Sync);
static_assertions::assert_not_impl_any!(Receiver<u8>: Clone);
