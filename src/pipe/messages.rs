//! [`Messages`]: the messages of a pipe as an iterator.

use core::marker::PhantomData;

use serde::de::DeserializeOwned;

use super::reader::FrameReader;
use crate::error::PopError;
use crate::raw::wait::Wait;

/// An iterator that receives the messages of a pipe; see [`Receiver::iter`](super::Receiver::iter).
///
/// It ends at the end of file and when the pipe is closed ([`PopError::Disconnected`],
/// [`PopError::Closed`]). Every other error is an item. After [`PopError::Decode`] and
/// [`PopError::Truncated`] it continues with the next message; any other error is its last item.
#[derive(Debug)]
#[must_use = "messages are received as they are asked for"]
pub struct Messages<'a, T> {
    source: MessageSource<'a>,
    of: PhantomData<fn() -> T>,
}

/// The reader that an iterator borrows or owns.
#[derive(Debug)]
enum MessageSource<'a> {
    Borrowed(&'a mut FrameReader),
    Owned(Box<FrameReader>),
    Done,
}

impl<'a, T> Messages<'a, T> {
    pub(super) fn new(reader: &'a mut FrameReader) -> Self {
        Self { source: MessageSource::Borrowed(reader), of: PhantomData }
    }
}

impl<T> Messages<'static, T> {
    pub(super) fn owned(reader: FrameReader) -> Self {
        Self { source: MessageSource::Owned(Box::new(reader)), of: PhantomData }
    }
}

impl<T: DeserializeOwned> Iterator for Messages<'_, T> {
    type Item = Result<T, PopError>;

    fn next(&mut self) -> Option<Self::Item> {
        let received = match &mut self.source {
            MessageSource::Borrowed(reader) => reader.recv(Wait::Forever),
            MessageSource::Owned(reader) => reader.recv(Wait::Forever),
            MessageSource::Done => return None,
        };
        if received.as_ref().is_err_and(PopError::is_final) {
            self.source = MessageSource::Done;
        }
        (!received.as_ref().is_err_and(PopError::is_end)).then_some(received)
    }
}
