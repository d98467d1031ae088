//! One operation after the other, as a stream.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};

use futures_core::stream::{FusedStream, Stream};

use super::retry::RetryState;
use crate::error::PopError;
use crate::raw::wait::Wait;
use crate::segment::Segment;

/// How long to wait for an item, for the eyes of this crate only.
#[derive(Debug)]
pub struct WaitArg<'a>(pub(crate) Wait<'a>);

/// Where what a stream yields comes from.
pub trait StreamSource: Unpin {
    /// What it is made of.
    type Item;
    #[doc(hidden)]
    fn segment(&self) -> &Segment;
    /// The next item, if it comes in time.
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

/// What comes out of a queue or a pipe, item by item: a [`Stream`]. Made by their `stream` and `into_stream`.
///
/// It ends where nothing more can come: the queue is closed, or its producer gone. A message that does not decode, or that is cut
/// short, is an error after which it goes on; any other error is the last item.
///
/// Between two items it takes nothing out: dropped, it loses none.
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

    /// Where they come from.
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
        next.map(|next| match next {
            Err(error) if error.is_final() => {
                *is_over = true;
                (!error.is_end()).then_some(Err(error))
            }
            next => Some(next),
        })
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
