//! [`Receiver`]: the end that messages come out of.

use core::fmt;
use core::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::forms::receiving_forms;
use super::reader::Reader;
use crate::error::PopError;
use crate::queue::bytes::Consumer;
use crate::raw::patience::Patience;

/// The receiving end of a [pipe](super): one process's at a time.
///
/// Dropped, it is the sender's broken pipe. Serialised, it is its reader's, with what has come of a message.
///
/// One can be put over a [`Consumer`] of one's own, for a pipe that has a name or lies in a segment with other things; then whoever
/// opens the end of a dead process goes on behind the last message that the dead has begun to receive.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Receiver<T> {
    reader: Reader,
    #[serde(skip)]
    of: PhantomData<fn() -> T>,
}

impl<T> Receiver<T> {
    pub(super) fn new(reader: Reader) -> Self {
        Self { reader, of: PhantomData }
    }

    pub(super) fn reader(&mut self) -> &mut Reader {
        &mut self.reader
    }

    pub(super) fn consumer(&self) -> &Consumer {
        self.reader.consumer()
    }

    /// Closes the pipe: nothing more can be sent, and what was sent can still be received. `false` where it was closed.
    pub fn close(&self) -> bool {
        self.consumer().close()
    }

    /// Whether a living process has the sender right now.
    pub fn is_connected(&self) -> bool {
        self.consumer().is_connected()
    }
}

receiving_forms!([T] Receiver<T>, T);

impl<T> From<Consumer> for Receiver<T> {
    fn from(consumer: Consumer) -> Self {
        Self::new(Reader::new(consumer, u64::MAX))
    }
}

/// The messages of a pipe, received one by one until the end of file, which is the end.
///
/// A message that does not decode, or that is cut short, is an error, after which it goes on; any other error is the last item.
#[derive(Debug)]
#[must_use = "messages are received as they are asked for"]
pub struct Messages<'a, T> {
    end: End<'a>,
    of: PhantomData<fn() -> T>,
}

/// The receiving end that an iterator has.
#[derive(Debug)]
enum End<'a> {
    Lent(&'a mut Reader),
    Given(Box<Reader>),
    Done,
}

impl<'a, T> Messages<'a, T> {
    pub(super) fn new(reader: &'a mut Reader) -> Self {
        Self { end: End::Lent(reader), of: PhantomData }
    }
}

impl<T: DeserializeOwned> Iterator for Messages<'_, T> {
    type Item = Result<T, PopError>;

    fn next(&mut self) -> Option<Self::Item> {
        let received = match &mut self.end {
            End::Lent(reader) => reader.recv(Patience::Forever),
            End::Given(reader) => reader.recv(Patience::Forever),
            End::Done => return None,
        };
        if received.as_ref().is_err_and(PopError::is_final) {
            self.end = End::Done;
        }
        (!received.as_ref().is_err_and(PopError::is_end)).then_some(received)
    }
}

impl<T: DeserializeOwned> IntoIterator for Receiver<T> {
    type Item = Result<T, PopError>;
    type IntoIter = Messages<'static, T>;

    fn into_iter(self) -> Messages<'static, T> {
        Messages { end: End::Given(Box::new(self.reader)), of: PhantomData }
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
