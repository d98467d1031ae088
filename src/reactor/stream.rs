//! [`ItemStream`]: one operation after the other, as a stream.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};

use futures_core::stream::{FusedStream, Stream};

use super::retry::RetryState;
use crate::error::PopError;
use crate::raw::wait::Wait;
use crate::segment::Segment;

/// How long to wait for an item; opaque outside this crate.
#[derive(Debug)]
pub struct WaitArg<'a>(pub(crate) Wait<'a>);

/// The source of a stream's items: a consumer of a queue, or the receiving end of a pipe.
pub trait StreamSource: Unpin {
    /// The stream's items.
    type Item;
    #[doc(hidden)]
    fn segment(&self) -> &Segment;
    /// Takes the next item, waiting for it as `wait` says.
    #[doc(hidden)]
    fn next(&mut self, wait: WaitArg<'_>) -> Result<Self::Item, PopError>;
}

impl<S: StreamSource> StreamSource for &mut S {
    type Item = S::Item;

    fn segment(&self) -> &Segment {
        (**self).segment()
    }

    fn next(&mut self, wait: WaitArg<'_>) -> Result<S::Item, PopError> {
        (**self).next(wait)
    }
}

/// A [`Stream`] of the items of a queue or a pipe; their methods `stream` and `into_stream` make
/// it.
///
/// It ends when nothing more can come: the queue is closed or its producer gone, and empty. A
/// message that does not decode, or that is truncated, is an item that is an error; so is any other
/// failure, and that item is the last.
///
/// The stream takes an item out only when it yields it, so dropping the stream loses none.
#[must_use = "streams do nothing unless they are polled"]
pub struct ItemStream<S> {
    /// Dropped first.
    retry: RetryState,
    source: S,
    is_over: bool,
}

impl<S: StreamSource> ItemStream<S> {
    pub(crate) fn new(source: S) -> Self {
        Self { retry: RetryState::default(), source, is_over: false }
    }

    /// The source of the items.
    pub fn into_inner(self) -> S {
        self.source
    }
}

impl<S: StreamSource> Stream for ItemStream<S> {
    type Item = Result<S::Item, PopError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { retry, source, is_over } = &mut *self;
        if *is_over {
            return Poll::Ready(None);
        }
        let next = retry.poll(context, source, S::segment, |source, wait| source.next(WaitArg(wait)));
        next.map(|next| PopError::next_item(next, is_over))
    }
}

impl<S: StreamSource> FusedStream for ItemStream<S> {
    fn is_terminated(&self) -> bool {
        self.is_over
    }
}

impl<S: fmt::Debug> fmt::Debug for ItemStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ItemStream").field("source", &self.source).finish_non_exhaustive()
    }
}
