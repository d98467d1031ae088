//! [`Sender`]: the end that messages go into.

use core::fmt;
use core::marker::PhantomData;

use serde::{Deserialize, Serialize};

use super::endpoint_macros::impl_sender_methods;
use super::writer::FrameWriter;
use crate::queue::bytes::BytesProducer;

/// The sending end of a [pipe](super): one process's at a time.
///
/// Dropped, it is the receiver's end of file. Serialised, it is its reader's.
///
/// One can be put over a [`BytesProducer`] of one's own, for a pipe that has a name or lies in a segment with other things; then whoever
/// opens the end of a dead process goes on behind its last message.
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

    /// Closes the pipe: nothing more can be sent, and what was sent can still be received. `false` where it was closed.
    pub fn close(&self) -> bool {
        self.writer.producer().close()
    }

    /// Whether a living process has the receiver right now.
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
