//! [`TaskStream`]: tasks whose arguments are pulled from an iterator, and the buffer of their results.

use core::fmt;
#[cfg(feature = "async")]
use core::task::{Poll, Waker};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

#[cfg(feature = "async")]
use super::futures::ResultWaker;
use super::promise::ResultSink;
use super::scheduler::PoolTask;
use super::shared::PoolShared;
use super::wire;
use crate::error::TaskError;
use crate::process::call::{self, FunctionCall};
use crate::process::child::lock_unpoisoned;
use crate::queue::transit::PendingTransits;
#[cfg(feature = "async")]
use crate::reactor::WakerRegistration;

/// Where an iterator's results arrive, and the arguments of those that have not.
struct ResultBuffer<A, R> {
    state: Mutex<ResultBufferState<A, R>>,
    arrival: Condvar,
    is_ordered: bool,
    #[cfg(feature = "async")]
    waker: ResultWaker,
}

struct ResultBufferState<A, R> {
    /// In order, from the first item whose result was not taken.
    items: VecDeque<ItemState<A, R>>,
    /// The index of the first of `items`.
    first: usize,
    /// Unordered: the results that have arrived and were not taken.
    ready: VecDeque<Result<R, TaskError>>,
}

enum ItemState<A, R> {
    /// Kept because the worker opens anonymous segments in the arguments through this process.
    InFlight(#[allow(dead_code)] A),
    Ready(Result<R, TaskError>),
    /// The result has arrived, and is not kept here.
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
        // Consumed items at the front will not be looked up again.
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

    /// Waits for the next result.
    fn take(&self) -> Result<R, TaskError> {
        let mut state = lock_unpoisoned(&self.state);
        loop {
            if let Some(result) = state.take(self.is_ordered) {
                return result;
            }
            state = self.arrival.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The next result, or registers the task's waker for its arrival.
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
    /// The next result, if it has arrived.
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

/// What both kinds of iterators wrap.
pub(super) struct TaskStream<I: Iterator, R> {
    shared: Arc<PoolShared>,
    buffer: Arc<ResultBuffer<I::Item, R>>,
    call: FunctionCall,
    /// `None` once the input has ended.
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
    pub(super) fn start(
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

    /// Pulls items until the window is full, and submits them.
    fn pull(&mut self) {
        let window = self.shared.window.saturating_mul(self.chunk);
        while self.input.is_some() && self.pulled - self.taken < window {
            self.pull_chunk();
        }
    }

    fn pull_chunk(&mut self) {
        let (first, mut items, mut transits) = (self.pulled, Vec::new(), PendingTransits::default());
        let mut failed = None;
        while self.pulled - first < self.chunk && failed.is_none() {
            let Some(input) = &mut self.input else { break };
            match catch_unwind(AssertUnwindSafe(|| input.next())) {
                Ok(Some(item)) => match wire::add_item(&mut items, &mut transits, &item) {
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
            let task = PoolTask { call: self.call, items, transits, sink, first, count, deaths: 0 };
            if let Err(error) = self.shared.submit_tasks([task], true) {
                self.close_input();
                // One error stands for the whole chunk.
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

    /// Waits for the next result; `None` at the end.
    pub(super) fn next(&mut self) -> Option<Result<R, TaskError>> {
        self.pull();
        if self.taken == self.pulled {
            return None;
        }
        let result = self.buffer.take();
        self.taken += 1;
        self.pull();
        Some(result)
    }

    /// The next result, `None` at the end, or registers the task's waker for the result's arrival.
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
