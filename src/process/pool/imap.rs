//! [`Imap`] and [`ImapUnordered`]: results one by one, of tasks whose arguments are pulled as room comes.

use core::fmt;
#[cfg(feature = "async")]
use core::task::{Poll, Waker};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Pool;
use super::desk::Task;
#[cfg(feature = "async")]
use super::futures::Waiting;
use super::inner::Inner;
use super::promise::Sink;
use super::wire;
use crate::error::TaskError;
use crate::process::call::{self, Call};
use crate::process::child::lock;
#[cfg(feature = "async")]
use crate::reactor::Seat;

/// What has come back, and what it was made from.
struct Stream<A, R> {
    state: Mutex<State<A, R>>,
    has_come: Condvar,
    is_ordered: bool,
    #[cfg(feature = "async")]
    task: Waiting,
}

struct State<A, R> {
    /// From the first on that was not taken, in order.
    items: VecDeque<Item<A, R>>,
    /// The index of the first of them.
    first: usize,
    /// Those that have come, where the order is that.
    ready: VecDeque<Result<R, TaskError>>,
}

enum Item<A, R> {
    /// A worker opens what is anonymous in the arguments through this process.
    Away(#[allow(dead_code)] A),
    There(Result<R, TaskError>),
    /// It has come, and is not kept here.
    Gone,
}

impl<A: Send, R: DeserializeOwned + Send> Sink for Stream<A, R> {
    fn accept(&self, index: usize, outcome: Result<&[u8], TaskError>) {
        self.keep(index, wire::decode(outcome));
    }
}

impl<A, R> Stream<A, R> {
    fn keep(&self, index: usize, result: Result<R, TaskError>) {
        let mut state = lock(&self.state);
        let at = index.wrapping_sub(state.first);
        let fresh = if self.is_ordered {
            Item::There(result)
        } else {
            state.ready.push_back(result);
            Item::Gone
        };
        let args = state.items.get_mut(at).map(|item| core::mem::replace(item, fresh));
        // Those that have gone are not looked for again.
        while !self.is_ordered && matches!(state.items.front(), Some(Item::Gone)) {
            state.items.pop_front();
            state.first += 1;
        }
        drop(state);
        self.has_come.notify_all();
        #[cfg(feature = "async")]
        self.task.call();
        drop(args);
    }

    /// The next result, as soon as it is there.
    fn take(&self) -> Result<R, TaskError> {
        let mut state = lock(&self.state);
        loop {
            if let Some(result) = state.take(self.is_ordered) {
                return result;
            }
            state = self.has_come.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The next result, or the task is called when it is there.
    #[cfg(feature = "async")]
    fn poll(&self, seat: &mut Option<Seat>, waker: &Waker) -> Poll<Result<R, TaskError>> {
        self.task.poll(seat, waker, || lock(&self.state).take(self.is_ordered))
    }
}

impl<A, R> State<A, R> {
    /// The next result, if it is there.
    fn take(&mut self, is_ordered: bool) -> Option<Result<R, TaskError>> {
        if is_ordered && matches!(self.items.front(), Some(Item::There(_))) {
            self.first += 1;
            if let Some(Item::There(result)) = self.items.pop_front() {
                return Some(result);
            }
        }
        self.ready.pop_front()
    }
}

/// The part that both kinds of iterators are.
pub(super) struct Feed<I: Iterator, R> {
    inner: Arc<Inner>,
    stream: Arc<Stream<I::Item, R>>,
    call: Call,
    /// `None` when it has no more.
    input: Option<I>,
    chunk: usize,
    /// Items pulled, and results taken.
    pulled: usize,
    taken: usize,
}

impl<I, R> Feed<I, R>
where
    I: Iterator,
    I::Item: Serialize + DeserializeOwned + Send + 'static,
    R: Serialize + DeserializeOwned + Send + 'static,
{
    fn start(
        inner: &Arc<Inner>,
        call: Call,
        input: I,
        chunk: usize,
        is_ordered: bool,
    ) -> Result<Self, TaskError> {
        inner.accepts()?;
        let state = State { items: VecDeque::new(), first: 0, ready: VecDeque::new() };
        let stream = Arc::new(Stream {
            state: Mutex::new(state),
            has_come: Condvar::new(),
            is_ordered,
            #[cfg(feature = "async")]
            task: Waiting::default(),
        });
        inner.count_source(true);
        let inner = Arc::clone(inner);
        let mut feed = Self { inner, stream, call, input: Some(input), chunk, pulled: 0, taken: 0 };
        feed.pull();
        Ok(feed)
    }

    /// Pulls as many items as there is room for in the window, and hands them in.
    fn pull(&mut self) {
        let window = self.inner.window.saturating_mul(self.chunk);
        while self.input.is_some() && self.pulled - self.taken < window {
            self.pull_chunk();
        }
    }

    fn pull_chunk(&mut self) {
        let (first, mut items) = (self.pulled, Vec::new());
        let mut failed = None;
        while self.pulled - first < self.chunk && failed.is_none() {
            let Some(input) = &mut self.input else { break };
            match catch_unwind(AssertUnwindSafe(|| input.next())) {
                Ok(Some(item)) => match wire::add_item(&mut items, &item) {
                    Ok(()) => self.push(Item::Away(item)),
                    Err(error) => failed = Some(error),
                },
                Ok(None) => self.end(),
                Err(panic) => {
                    self.end();
                    failed = Some(TaskError::InputPanicked(call::message(panic)));
                }
            }
        }
        let count = self.pulled - first;
        if count > 0 {
            let sink = Arc::<Stream<I::Item, R>>::clone(&self.stream);
            let task = Task { call: self.call, items, sink, first, count, deaths: 0 };
            if let Err(error) = self.inner.submit([task], true) {
                self.end();
                // One says it for all of them.
                let mut state = lock(&self.stream.state);
                for _ in 1..count {
                    state.items.pop_back();
                    self.pulled -= 1;
                }
                drop(state);
                self.stream.keep(first, Err(error));
                return;
            }
        }
        if let Some(error) = failed {
            self.push(Item::Gone);
            self.stream.keep(self.pulled - 1, Err(error));
        }
    }

    fn push(&mut self, item: Item<I::Item, R>) {
        lock(&self.stream.state).items.push_back(item);
        self.pulled += 1;
    }

    fn next(&mut self) -> Option<Result<R, TaskError>> {
        self.pull();
        if self.taken == self.pulled {
            return None;
        }
        let result = self.stream.take();
        self.taken += 1;
        self.pull();
        Some(result)
    }

    /// The same, or the task is called when it is there.
    #[cfg(feature = "async")]
    pub(super) fn poll_next(
        &mut self,
        seat: &mut Option<Seat>,
        waker: &Waker,
    ) -> Poll<Option<Result<R, TaskError>>> {
        self.pull();
        if self.taken == self.pulled {
            return Poll::Ready(None);
        }
        self.stream.poll(seat, waker).map(|result| {
            self.taken += 1;
            self.pull();
            Some(result)
        })
    }
}

impl<I: Iterator, R> Feed<I, R> {
    fn end(&mut self) {
        if self.input.take().is_some() {
            self.inner.count_source(false);
        }
    }

    pub(super) fn debug(&self, f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
        f.debug_struct(name).field("pulled", &self.pulled).field("taken", &self.taken).finish_non_exhaustive()
    }
}

impl<I: Iterator, R> Drop for Feed<I, R> {
    fn drop(&mut self) {
        self.end();
    }
}

macro_rules! results {
    ($(#[$doc:meta])* $name:ident, $is_ordered:expr) => {
        $(#[$doc])*
        ///
        /// It pulls its input as far as the pool's [window](super::PoolBuilder::window) allows, when it is made and whenever a
        /// result is taken. An error is that of one item, and others follow; but a panic of the input, or the end of the pool, is
        /// the last. Dropping it leaves the tasks that were handed in to be done.
        #[must_use = "the input is pulled as results are taken"]
        pub struct $name<I: Iterator, R>(pub(super) Feed<I, R>);

        impl<I, R> $name<I, R>
        where
            I: Iterator,
            I::Item: Serialize + DeserializeOwned + Send + 'static,
            R: Serialize + DeserializeOwned + Send + 'static,
        {
            pub(super) fn start(
                inner: &Arc<Inner>,
                call: Call,
                input: I,
                chunk: usize,
            ) -> Result<Self, TaskError> {
                Feed::start(inner, call, input, chunk, $is_ordered).map(Self)
            }
        }

        impl<I, R> Iterator for $name<I, R>
        where
            I: Iterator,
            I::Item: Serialize + DeserializeOwned + Send + 'static,
            R: Serialize + DeserializeOwned + Send + 'static,
        {
            type Item = Result<R, TaskError>;

            fn next(&mut self) -> Option<Self::Item> {
                self.0.next()
            }
        }

        impl<I: Iterator, R> fmt::Debug for $name<I, R> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.debug(f, stringify!($name))
            }
        }
    };
}

results!(
    /// The results of a [`Pool`]'s tasks, in the order of their arguments; see [`Pool::imap`].
    Imap,
    true
);
results!(
    /// The results of a [`Pool`]'s tasks, as they come; see [`Pool::imap_unordered`].
    ImapUnordered,
    false
);

impl Pool {
    /// Has the workers call `f` with each of the arguments, and gives the results one by one, in the order of their arguments.
    ///
    /// The arguments are pulled as results are taken: never more than the [window](super::PoolBuilder::window) ahead.
    ///
    /// ```
    /// use breezeway::process::Pool;
    ///
    /// let pool = Pool::new(2)?;
    /// let squares = pool.imap(|x: u64| x * x, 1..)?; // without an end
    /// let sum: u64 = squares.take(10).sum::<Result<_, _>>()?;
    /// assert_eq!(sum, 385);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// `Closed`, `Terminated`, `Broken`, `NotInExecutable`, `NotOurs`. Others are items.
    pub fn imap<I, R>(&self, f: fn(I::Item) -> R, args: I) -> Result<Imap<I::IntoIter, R>, TaskError>
    where
        I: IntoIterator,
        I::Item: Serialize + DeserializeOwned + Send + 'static,
        R: Serialize + DeserializeOwned + Send + 'static,
    {
        self.imap_chunked(f, args, 1)
    }

    /// [`imap`](Self::imap) in chunks of so many arguments, at least 1. The window counts chunks.
    ///
    /// # Errors
    /// Those of [`imap`](Self::imap), and `InvalidOption`.
    pub fn imap_chunked<I, R>(
        &self,
        f: fn(I::Item) -> R,
        args: I,
        chunk: usize,
    ) -> Result<Imap<I::IntoIter, R>, TaskError>
    where
        I: IntoIterator,
        I::Item: Serialize + DeserializeOwned + Send + 'static,
        R: Serialize + DeserializeOwned + Send + 'static,
    {
        super::check_chunk(chunk)?;
        let call = Call::of(f).ok_or(TaskError::NotInExecutable)?;
        Imap::start(&self.inner, call, args.into_iter(), chunk)
    }

    /// As [`imap`](Self::imap), with the results in the order in which they come.
    ///
    /// # Errors
    /// Those of [`imap`](Self::imap).
    pub fn imap_unordered<I, R>(
        &self,
        f: fn(I::Item) -> R,
        args: I,
    ) -> Result<ImapUnordered<I::IntoIter, R>, TaskError>
    where
        I: IntoIterator,
        I::Item: Serialize + DeserializeOwned + Send + 'static,
        R: Serialize + DeserializeOwned + Send + 'static,
    {
        self.imap_unordered_chunked(f, args, 1)
    }

    /// [`imap_unordered`](Self::imap_unordered) in chunks of so many arguments, at least 1. The window counts chunks.
    ///
    /// # Errors
    /// Those of [`imap_chunked`](Self::imap_chunked).
    pub fn imap_unordered_chunked<I, R>(
        &self,
        f: fn(I::Item) -> R,
        args: I,
        chunk: usize,
    ) -> Result<ImapUnordered<I::IntoIter, R>, TaskError>
    where
        I: IntoIterator,
        I::Item: Serialize + DeserializeOwned + Send + 'static,
        R: Serialize + DeserializeOwned + Send + 'static,
    {
        super::check_chunk(chunk)?;
        let call = Call::of(f).ok_or(TaskError::NotInExecutable)?;
        ImapUnordered::start(&self.inner, call, args.into_iter(), chunk)
    }
}
