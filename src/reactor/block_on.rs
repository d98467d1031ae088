//! A future that has a thread to itself: the thread sleeps on what the future waits for, and nobody else has to.

use core::cell::Cell;
use core::pin::pin;
use core::ptr;
use core::task::{Context, Poll, Waker};
use std::task::Wake;

use super::REACTOR;
use super::waiter_thread::{Next, ThreadLoop};
use crate::primitive::{Arc, AtomicU32, Ordering};
use crate::sys::fork::ForkGeneration;
use crate::sys::futex;

/// Runs a future in this thread until it is done, and sleeps while it waits.
///
/// It is for a future that is all a thread has to do: any other executor runs the futures of this crate as well. But there a thread of
/// this crate sleeps, and wakes that of the executor, which takes twice as long as to wake the one that sleeps here. What the future
/// polls by wakers of its own (a set of futures, an executor in it) is woken as under any executor.
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
/// A future that this has begun to run and that is still pending afterwards, because somebody else has it, takes a thread of its own until
/// it is dropped, or polled elsewhere.
///
/// # Panics
/// If the future does.
pub fn block_on<F: IntoFuture>(future: F) -> F::Output {
    let mut thread = BlockedThread::enter();
    // Dropped before that: what it waits for at the end needs no other thread.
    let mut future = pin!(future.into_future());
    loop {
        thread.signal.reset();
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&thread.waker)) {
            return output;
        }
        if thread.is_ours() {
            thread.sleep();
        } else {
            // The future has forked, and goes on in the child.
            thread = BlockedThread::enter();
        }
    }
}

/// The lane of the thread, where the task is the future that it runs.
pub(super) fn waiter_thread_of(task: &Waker) -> Option<usize> {
    let here = HERE.get()?;
    (here.generation.is_current() && ptr::eq(task.data(), here.signal.cast())).then_some(here.thread)
}

thread_local! {
    static HERE: Cell<Option<Here>> = const { Cell::new(None) };
}

/// What this thread runs.
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
    /// What it ran before, and will again.
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

    /// Until the future is to be polled.
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

/// | state | meaning | who moves it |
/// |---|---|---|
/// | awake | the thread polls, or is about to sleep | the thread, to "asleep"; a waker, to "rung" |
/// | rung | the future is to be polled | the thread, to "awake" |
/// | asleep | the thread sleeps, or is about to | the thread, to "awake"; a waker, to "rung", and then it moves the control and wakes the thread |
struct ThreadSignal {
    state: AtomicU32,
    control: &'static AtomicU32,
}

const AWAKE: u32 = 0;
const NOTIFIED: u32 = 1;
const ASLEEP: u32 = 2;

impl ThreadSignal {
    fn reset(&self) {
        // ORDER: Acquire pairs with the Release in `wake_by_ref`: the poll sees what the future was woken for.
        self.state.swap(AWAKE, Ordering::Acquire);
    }

    fn is_notified(&self) -> bool {
        self.state.load(Ordering::Relaxed) == NOTIFIED
    }

    /// To be called when the control has been read: a waker that comes behind this moves it.
    fn fall_asleep(&self) -> bool {
        // ORDER: Release pairs with the Acquire in `wake_by_ref`: who sees this moves the control behind our look at it.
        self.state.compare_exchange(AWAKE, ASLEEP, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    fn wake_up(&self) {
        // Fails where it was rung.
        let _ = self.state.compare_exchange(ASLEEP, AWAKE, Ordering::Relaxed, Ordering::Relaxed);
    }
}

impl Wake for ThreadSignal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // ORDER: Release pairs with the Acquire in `reset`, Acquire with the Release in `fall_asleep`.
        if self.state.swap(NOTIFIED, Ordering::AcqRel) == ASLEEP {
            self.control.fetch_add(1, Ordering::Relaxed);
            futex::wake(self.control, 1);
        }
    }
}
