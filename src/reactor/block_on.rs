//! [`fn@block_on`]: a future whose thread sleeps on the words that the future waits for.

use core::cell::Cell;
use core::pin::pin;
use core::ptr;
use core::task::{Context, Poll, Waker};
use std::task::Wake;

use super::tickets::REACTOR;
use super::waiter_thread::{Next, ThreadLoop};
use crate::primitive::{Arc, AtomicU32, Ordering};
use crate::sys::fork::ForkGeneration;
use crate::sys::futex;

/// Runs a future in this thread until it completes; the thread sleeps while the future waits.
///
/// Any executor runs the futures of this crate. Under another executor, a thread of this crate
/// sleeps and then wakes the executor's, which takes twice as long as waking the thread that sleeps
/// here. Futures that this one polls with wakers of its own (a set of futures, an executor in it)
/// are woken as under any executor.
///
/// ```
/// use breezeway::block_on;
/// use breezeway::queue::Queue;
///
/// let jobs = Queue::<u64>::new(16)?;
/// jobs.push(7)?;
/// assert_eq!(block_on(jobs.pop_async())?, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// If a future that was polled here is still pending when this returns, because another owner has
/// it, a thread is started for it until it is dropped or polled elsewhere.
///
/// # Panics
/// If the future panics.
pub fn block_on<F: IntoFuture>(future: F) -> F::Output {
    let mut thread = BlockedThread::enter();
    // Dropped before `thread`, so that no thread is started for its last wait.
    let mut future = pin!(future.into_future());
    loop {
        thread.signal.reset();
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&thread.waker)) {
            return output;
        }
        if thread.is_ours() {
            thread.sleep();
        } else {
            // The future forked, and this is the child.
            thread = BlockedThread::enter();
        }
    }
}

/// The index of this thread among the waiter threads, if the task is the future that it runs.
pub(super) fn waiter_thread_of(task: &Waker) -> Option<usize> {
    let here = HERE.get()?;
    (here.generation.is_current() && ptr::eq(task.data(), here.signal.cast())).then_some(here.thread)
}

thread_local! {
    static HERE: Cell<Option<Here>> = const { Cell::new(None) };
}

/// The future that this thread runs.
#[derive(Clone, Copy)]
struct Here {
    generation: ForkGeneration,
    thread: usize,
    signal: *const ThreadSignal,
}

/// A thread that sleeps for its future.
struct BlockedThread {
    generation: ForkGeneration,
    thread_loop: ThreadLoop,
    signal: Arc<ThreadSignal>,
    waker: Waker,
    /// The future of an outer `block_on` in this thread.
    outer: Option<Here>,
}

impl BlockedThread {
    fn enter() -> Self {
        let thread_loop = ThreadLoop::claim_free(REACTOR.get());
        let signal = Arc::new(ThreadSignal { state: AtomicU32::new(AWAKE), control: thread_loop.control() });
        let generation = ForkGeneration::current();
        let outer =
            HERE.replace(Some(Here { generation, thread: thread_loop.thread, signal: Arc::as_ptr(&signal) }));
        Self { generation, thread_loop, waker: Waker::from(Arc::clone(&signal)), signal, outer }
    }

    fn is_ours(&self) -> bool {
        self.generation.is_current()
    }

    /// Sleeps until the future is to be polled.
    fn sleep(&mut self) {
        while !self.signal.is_notified() {
            if let Next::Sleep { until } = self.thread_loop.dispatch_ready()
                && self.signal.fall_asleep()
            {
                self.thread_loop.sleep(until.unwrap_or(u64::MAX));
                self.signal.wake_up();
            }
        }
    }
}

impl Drop for BlockedThread {
    fn drop(&mut self) {
        if self.is_ours() {
            HERE.set(self.outer);
            self.thread_loop.hand_over();
        }
    }
}

/// The state of a thread that runs a future.
///
/// | state | meaning | transitions |
/// |---|---|---|
/// | `AWAKE` | the thread polls, or is about to sleep | the thread, to `ASLEEP`; a waker, to `NOTIFIED` |
/// | `NOTIFIED` | the future is to be polled | the thread, to `AWAKE` |
/// | `ASLEEP` | the thread sleeps, or is about to | the thread, to `AWAKE`; a waker, to `NOTIFIED`, after which it changes the control word and wakes the thread |
struct ThreadSignal {
    state: AtomicU32,
    control: &'static AtomicU32,
}

const AWAKE: u32 = 0;
const NOTIFIED: u32 = 1;
const ASLEEP: u32 = 2;

impl ThreadSignal {
    fn reset(&self) {
        // ORDER: Acquire pairs with the Release in `wake_by_ref`: the poll sees what the future was
        // woken for.
        self.state.swap(AWAKE, Ordering::Acquire);
    }

    fn is_notified(&self) -> bool {
        self.state.load(Ordering::Relaxed) == NOTIFIED
    }

    /// Marks the thread as asleep; `false` if it was notified. Call it after the control word was
    /// read: a waker that comes after this changes the word.
    fn fall_asleep(&self) -> bool {
        // ORDER: Release pairs with the Acquire in `wake_by_ref`: a waker that sees this changes
        // the control word after this thread has read it.
        self.state.compare_exchange(AWAKE, ASLEEP, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    fn wake_up(&self) {
        // It fails if the thread was notified meanwhile.
        let _ = self.state.compare_exchange(ASLEEP, AWAKE, Ordering::Relaxed, Ordering::Relaxed);
    }
}

impl Wake for ThreadSignal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // ORDER: Release pairs with the Acquire in `reset`, Acquire with the Release in
        // `fall_asleep`.
        if self.state.swap(NOTIFIED, Ordering::AcqRel) == ASLEEP {
            self.control.fetch_add(1, Ordering::Relaxed);
            futex::wake(self.control, 1);
        }
    }
}
