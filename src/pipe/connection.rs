//! [`Connection`]: an end of a two-way pipe.

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

/// An end of a two-way [pipe](super) that sends `S` and receives `R`. It belongs to one process at
/// a time.
///
/// If it is dropped, the peer gets the end of file and a broken pipe. If it is serialised, it
/// belongs to the process that deserialises it.
///
/// **When a process is killed at any instruction:** a dead peer is the end of file, after
/// everything that it sent, and a broken pipe; see [`pipe`](super).
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Connection<S, R> {
    // Dropped first: a peer that gets the end of file gets a broken pipe, too.
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

    /// Splits the connection into its two halves, for two threads or two processes.
    pub fn split(self) -> (Sender<S>, Receiver<R>) {
        (self.tx, self.rx)
    }

    /// Closes the pipe both ways: no more messages can be sent, and those that were sent can still
    /// be received. Returns whether a way was open.
    pub fn close(&self) -> bool {
        self.tx.close() | self.rx.close()
    }

    /// Whether a live process has the receiving half of the other end now.
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
