//! [`Connection`]: an end of a pipe that goes both ways.

use core::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::endpoint_macros::{impl_receiver_methods, impl_sender_methods};
use super::messages::Messages;
use super::reader::FrameReader;
use super::receiver::Receiver;
use super::sender::Sender;
use super::writer::FrameWriter;
use crate::error::PopError;
use crate::queue::bytes::BytesConsumer;

/// An end of a [pipe](super) that sends `S` and receives `R`: one process's at a time.
///
/// Dropped, it is the peer's end of file and broken pipe. Serialised, it is its reader's.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Connection<S, R> {
    // Dropped first: who finds the end of file finds a broken pipe, too.
    rx: Receiver<R>,
    tx: Sender<S>,
}

impl<S, R> Connection<S, R> {
    pub(super) fn new(tx: Sender<S>, rx: Receiver<R>) -> Self {
        Self { rx, tx }
    }

    pub(super) fn writer(&mut self) -> &mut FrameWriter {
        self.tx.writer()
    }

    pub(super) fn reader(&mut self) -> &mut FrameReader {
        self.rx.reader()
    }

    pub(super) fn consumer(&self) -> &BytesConsumer {
        self.rx.consumer()
    }

    /// Its two halves, for two threads or two processes.
    pub fn split(self) -> (Sender<S>, Receiver<R>) {
        (self.tx, self.rx)
    }

    /// Closes the pipe both ways: nothing more can be sent, and what was sent can still be received. `false` where it was closed.
    pub fn close(&self) -> bool {
        self.tx.close() | self.rx.close()
    }

    /// Whether a living process has what receives at the other end right now.
    pub fn is_connected(&self) -> bool {
        self.tx.is_connected()
    }
}

impl_sender_methods!([S, R] Connection<S, R>, S);
impl_receiver_methods!([S, R] Connection<S, R>, R);

impl<'a, S, R: DeserializeOwned> IntoIterator for &'a mut Connection<S, R> {
    type Item = Result<R, PopError>;
    type IntoIter = Messages<'a, R>;

    fn into_iter(self) -> Messages<'a, R> {
        self.iter()
    }
}

impl<S, R> fmt::Debug for Connection<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(Connection<*const (), *const ()>: Send, Sync);
static_assertions::assert_not_impl_any!(Connection<u8, u8>: Clone);
