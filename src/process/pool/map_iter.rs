//! [`MapIter`] and [`MapIterUnordered`]: results one by one, of tasks whose arguments are pulled as room comes.

use core::fmt;
#[cfg(feature = "async")]
use core::task::{Poll, Waker};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Pool;
#[cfg(feature = "async")]
use super::futures::ResultWaker;
use super::promise::ResultSink;
use super::scheduler::PoolTask;
use super::shared::PoolShared;
use super::wire;
use crate::error::TaskError;
use crate::process::call::{self, FunctionCall};
use crate::process::child::lock_unpoisoned;
#[cfg(feature = "async")]
use crate::reactor::WakerRegistration;

/// What has come back, and what it was made from.
struct ResultBuffer<A, R> {
    state: Mutex<ResultBufferState<A, R>>,
    arrival: Condvar,
    is_ordered: bool,
    #[cfg(feature = "async")]
    waker: ResultWaker,
}

struct ResultBufferState<A, R> {
    /// From the first on that was not taken, in order.
    items: VecDeque<ItemState<A, R>>,
    /// The index of the first of them.
    first: usize,
    /// Those that have come, where the order is that.
    ready: VecDeque<Result<R, TaskError>>,
}

enum ItemState<A, R> {
    /// A worker opens what is anonymous in the arguments through this process.
    InFlight(#[allow(dead_code)] A),
    Ready(Result<R, TaskError>),
    /// It has come, and is not kept here.
    Consumed,
}

impl<A: Send, R: DeserializeOwned + Send> ResultSink for ResultBuffer<A, R> {
    fn accept(&self, index: usize, outcome: Result<&[u8], TaskError>) {
        self.store(index, wire::decode(outcome));
    }
}

impl<A, R> ResultBuffer<A, R> {
    fn store(&self, index: usize, result: Result<R, TaskError>) {
        let mut state = lock_unpoisoned(&self.state);
        let at = index.wrapping_sub(state.first);
        let fresh = if self.is_ordered {
            ItemState::Ready(result)
        } else {
            state.ready.push_back(result);
            ItemState::Consumed
        };
        let args = state.items.get_mut(at).map(|item| core::mem::replace(item, fresh));
        // Those that have gone are not looked for again.
        while !self.is_ordered && matches!(state.items.front(), Some(ItemState::Consumed)) {
            state.items.pop_front();
            state.first += 1;
        }
        drop(state);
        self.arrival.notify_all();
        #[cfg(feature = "async")]
        self.waker.wake();
        drop(args);
    }

    /// The next result, as soon as it is there.
    fn take(&self) -> Result<R, TaskError> {
        let mut state = lock_unpoisoned(&self.state);
        loop {
            if let Some(result) = state.take(self.is_ordered) {
                return result;
            }
            state = self.arrival.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The next result, or the task is called when it is there.
    #[cfg(feature = "async")]
    fn poll(
        &self,
        registration: &mut Option<WakerRegistration>,
        waker: &Waker,
    ) -> Poll<Result<R, TaskError>> {
        self.waker.poll(registration, waker, || lock_unpoisoned(&self.state).take(self.is_ordered))
    }
}

impl<A, R> ResultBufferState<A, R> {
    /// The next result, if it is there.
    fn take(&mut self, is_ordered: bool) -> Option<Result<R, TaskError>> {
        if is_ordered && matches!(self.items.front(), Some(ItemState::Ready(_))) {
            self.first += 1;
            if let Some(ItemState::Ready(result)) = self.items.pop_front() {
                return Some(result);
            }
        }
        self.ready.pop_front()
    }
}

/// The part that both kinds of iterators are.
pub(super) struct TaskStream<I: Iterator, R> {
    shared: Arc<PoolShared>,
    buffer: Arc<ResultBuffer<I::Item, R>>,
    call: FunctionCall,
    /// `None` when it has no more.
    input: Option<I>,
    chunk: usize,
    /// Items pulled, and results taken.
    pulled: usize,
    taken: usize,
}

impl<I, R> TaskStream<I, R>
where
    I: Iterator,
    I::Item: Serialize + DeserializeOwned + Send + 'static,
    R: Serialize + DeserializeOwned + Send + 'static,
{
    fn start(
        shared: &Arc<PoolShared>,
        call: FunctionCall,
        input: I,
        chunk: usize,
        is_ordered: bool,
    ) -> Result<Self, TaskError> {
        shared.check_open()?;
        let state = ResultBufferState { items: VecDeque::new(), first: 0, ready: VecDeque::new() };
        let buffer = Arc::new(ResultBuffer {
            state: Mutex::new(state),
            arrival: Condvar::new(),
            is_ordered,
            #[cfg(feature = "async")]
            waker: ResultWaker::default(),
        });
        shared.count_iterator(true);
        let shared = Arc::clone(shared);
        let mut task_stream = Self { shared, buffer, call, input: Some(input), chunk, pulled: 0, taken: 0 };
        task_stream.pull();
        Ok(task_stream)
    }

    /// Pulls as many items as there is room for in the window, and hands them in.
    fn pull(&mut self) {
        let window = self.shared.window.saturating_mul(self.chunk);
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
                    Ok(()) => self.push_item(ItemState::InFlight(item)),
                    Err(error) => failed = Some(error),
                },
                Ok(None) => self.close_input(),
                Err(panic) => {
                    self.close_input();
                    failed = Some(TaskError::InputPanicked(call::message(panic)));
                }
            }
        }
        let count = self.pulled - first;
        if count > 0 {
            let sink = Arc::<ResultBuffer<I::Item, R>>::clone(&self.buffer);
            let task = PoolTask { call: self.call, items, sink, first, count, deaths: 0 };
            if let Err(error) = self.shared.submit_tasks([task], true) {
                self.close_input();
                // One says it for all of them.
                let mut state = lock_unpoisoned(&self.buffer.state);
                for _ in 1..count {
                    state.items.pop_back();
                    self.pulled -= 1;
                }
                drop(state);
                self.buffer.store(first, Err(error));
                return;
            }
        }
        if let Some(error) = failed {
            self.push_item(ItemState::Consumed);
            self.buffer.store(self.pulled - 1, Err(error));
        }
    }

    fn push_item(&mut self, item: ItemState<I::Item, R>) {
        lock_unpoisoned(&self.buffer.state).items.push_back(item);
        self.pulled += 1;
    }

    fn next(&mut self) -> Option<Result<R, TaskError>> {
        self.pull();
        if self.taken == self.pulled {
            return None;
        }
        let result = self.buffer.take();
        self.taken += 1;
        self.pull();
        Some(result)
    }

    /// The same, or the task is called when it is there.
    #[cfg(feature = "async")]
    pub(super) fn poll_next(
        &mut self,
        registration: &mut Option<WakerRegistration>,
        waker: &Waker,
    ) -> Poll<Option<Result<R, TaskError>>> {
        self.pull();
        if self.taken == self.pulled {
            return Poll::Ready(None);
        }
        self.buffer.poll(registration, waker).map(|result| {
            self.taken += 1;
            self.pull();
            Some(result)
        })
    }
}

impl<I: Iterator, R> TaskStream<I, R> {
    fn close_input(&mut self) {
        if self.input.take().is_some() {
            self.shared.count_iterator(false);
        }
    }

    pub(super) fn debug(&self, f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
        f.debug_struct(name).field("pulled", &self.pulled).field("taken", &self.taken).finish_non_exhaustive()
    }
}

impl<I: Iterator, R> Drop for TaskStream<I, R> {
    fn drop(&mut self) {
        self.close_input();
    }
}

macro_rules! results_iterator {
    ($(#[$doc:meta])* $name:ident, $is_ordered:expr) => {
        $(#[$doc])*
        ///
        /// It pulls its input as far as the pool's [window](super::PoolBuilder::window) allows, when it is made and whenever a
        /// result is taken. An error is that of one item, and others follow; but a panic of the input, or the end of the pool, is
        /// the last. Dropping it leaves the tasks that were handed in to be done.
        #[must_use = "the input is pulled as results are taken"]
        pub struct $name<I: Iterator, R>(pub(super) TaskStream<I, R>);

        impl<I, R> $name<I, R>
        where
            I: Iterator,
            I::Item: Serialize + DeserializeOwned + Send + 'static,
            R: Serialize + DeserializeOwned + Send + 'static,
        {
            pub(super) fn start(
                shared: &Arc<PoolShared>,
                call: FunctionCall,
                input: I,
                chunk: usize,
            ) -> Result<Self, TaskError> {
                TaskStream::start(shared, call, input, chunk, $is_ordered).map(Self)
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

results_iterator!(
    /// The results of a [`Pool`]'s tasks, in the order of their arguments; see [`Pool::map_iter`].
    MapIter,
    true
);
results_iterator!(
    /// The results of a [`Pool`]'s tasks, as they come; see [`Pool::map_iter_unordered`].
    MapIterUnordered,
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
    /// let squares = pool.map_iter(|x: u64| x * x, 1..)?; // without an end
    /// let sum: u64 = squares.take(10).sum::<Result<_, _>>()?;
    /// assert_eq!(sum, 385);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// `Closed`, `Terminated`, `Broken`, `NotInExecutable`, `NotOurs`. Others are items.
    #[doc(alias = "imap")]
    pub fn map_iter<I, R>(&self, f: fn(I::Item) -> R, args: I) -> Result<MapIter<I::IntoIter, R>, TaskError>
    where
        I: IntoIterator,
        I::Item: Serialize + DeserializeOwned + Send + 'static,
        R: Serialize + DeserializeOwned + Send + 'static,
    {
        self.map_iter_chunked(f, args, 1)
    }

    /// [`map_iter`](Self::map_iter) in chunks of so many arguments, at least 1. The window counts chunks.
    ///
    /// # Errors
    /// Those of [`map_iter`](Self::map_iter), and `InvalidOption`.
    pub fn map_iter_chunked<I, R>(
        &self,
        f: fn(I::Item) -> R,
        args: I,
        chunk: usize,
    ) -> Result<MapIter<I::IntoIter, R>, TaskError>
    where
        I: IntoIterator,
        I::Item: Serialize + DeserializeOwned + Send + 'static,
        R: Serialize + DeserializeOwned + Send + 'static,
    {
        super::check_chunk(chunk)?;
        let call = FunctionCall::of(f).ok_or(TaskError::NotInExecutable)?;
        MapIter::start(&self.shared, call, args.into_iter(), chunk)
    }

    /// As [`map_iter`](Self::map_iter), with the results in the order in which they come.
    ///
    /// # Errors
    /// Those of [`map_iter`](Self::map_iter).
    #[doc(alias = "imap_unordered")]
    pub fn map_iter_unordered<I, R>(
        &self,
        f: fn(I::Item) -> R,
        args: I,
    ) -> Result<MapIterUnordered<I::IntoIter, R>, TaskError>
    where
        I: IntoIterator,
        I::Item: Serialize + DeserializeOwned + Send + 'static,
        R: Serialize + DeserializeOwned + Send + 'static,
    {
        self.map_iter_unordered_chunked(f, args, 1)
    }

    /// [`map_iter_unordered`](Self::map_iter_unordered) in chunks of so many arguments, at least 1. The window counts chunks.
    ///
    /// # Errors
    /// Those of [`map_iter_chunked`](Self::map_iter_chunked).
    pub fn map_iter_unordered_chunked<I, R>(
        &self,
        f: fn(I::Item) -> R,
        args: I,
        chunk: usize,
    ) -> Result<MapIterUnordered<I::IntoIter, R>, TaskError>
    where
        I: IntoIterator,
        I::Item: Serialize + DeserializeOwned + Send + 'static,
        R: Serialize + DeserializeOwned + Send + 'static,
    {
        super::check_chunk(chunk)?;
        let call = FunctionCall::of(f).ok_or(TaskError::NotInExecutable)?;
        MapIterUnordered::start(&self.shared, call, args.into_iter(), chunk)
    }
}
