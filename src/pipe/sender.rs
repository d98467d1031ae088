//! [`Sender`]: the sending end of a pipe.

use core::fmt;
use core::marker::PhantomData;

use serde::{Deserialize, Serialize};

use super::endpoint_macros::impl_sender_methods;
use super::writer::FrameWriter;
use crate::queue::bytes::BytesProducer;

/// The sending end of a [pipe](super). It belongs to one process at a time.
///
/// If it is dropped, the receiver gets the end of file. If it is serialised, it belongs to the
/// process that deserialises it.
///
/// A sender can be made [from](Self::from) a [`BytesProducer`], for a pipe that has a name or lies
/// in a segment with other objects. The successor of a dead sender then continues after the last
/// message that the dead process has sent.
///
/// **When a process is killed at any instruction:** a dead receiver is a broken pipe
/// ([`PushError::Disconnected`](crate::PushError::Disconnected)), which returns the value; see
/// [`pipe`](super).
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Sender<T> {
    writer: FrameWriter,
    #[serde(skip)]
    of: PhantomData<fn(T)>,
}

impl<T> Sender<T> {
    pub(super) fn new(writer: FrameWriter) -> Self {
        Self { writer, of: PhantomData }
    }

    pub(super) fn writer(&mut self) -> &mut FrameWriter {
        &mut self.writer
    }

    /// Closes the pipe: no more messages can be sent, and those that were sent can still be
    /// received. Returns whether the pipe was open.
    pub fn close(&self) -> bool {
        self.writer.producer().close()
    }

    /// Whether a live process has the receiver now.
    pub fn is_connected(&self) -> bool {
        self.writer.producer().is_connected()
    }
}

impl_sender_methods!([T] Sender<T>, T);

impl<T> From<BytesProducer> for Sender<T> {
    fn from(producer: BytesProducer) -> Self {
        Self::new(FrameWriter::new(producer, u64::MAX))
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(Sender<*const ()>: Send, Sync);
static_assertions::assert_not_impl_any!(Sender<u8>: Clone);
