//! A future that has a thread to itself: the thread sleeps on what the future waits for, and nobody else has to.

use core::cell::Cell;
use core::pin::pin;
use core::ptr;
use core::task::{Context, Poll, Waker};
use std::task::Wake;

use super::REACTOR;
use super::lane::{Next, Sleeper};
use crate::primitive::{Arc, AtomicU32, Ordering};
use crate::sys::{fork, futex};

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
    let mut thread = Thread::enter();
    // Dropped before that: what it waits for at the end needs no other thread.
    let mut future = pin!(future.into_future());
    loop {
        thread.bell.silence();
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&thread.waker)) {
            return output;
        }
        if thread.is_ours() {
            thread.sleep();
        } else {
            // The future has forked, and goes on in the child.
            thread = Thread::enter();
        }
    }
}

/// The lane of the thread, where the task is the future that it runs.
pub(super) fn lane_of(task: &Waker) -> Option<usize> {
    let here = HERE.get()?;
    (here.generation == fork::generation() && ptr::eq(task.data(), here.bell.cast())).then_some(here.lane)
}

thread_local! {
    static HERE: Cell<Option<Here>> = const { Cell::new(None) };
}

/// What this thread runs.
#[derive(Clone, Copy)]
struct Here {
    generation: u32,
    lane: usize,
    bell: *const Bell,
}

/// A thread that sleeps for its future.
struct Thread {
    generation: u32,
    sleeper: Sleeper,
    bell: Arc<Bell>,
    waker: Waker,
    /// What it ran before, and will again.
    outside: Option<Here>,
}

impl Thread {
    fn enter() -> Self {
        let sleeper = Sleeper::of_a_free_lane(REACTOR.get());
        let bell = Arc::new(Bell { state: AtomicU32::new(AWAKE), control: sleeper.control() });
        let generation = fork::generation();
        let outside = HERE.replace(Some(Here { generation, lane: sleeper.lane, bell: Arc::as_ptr(&bell) }));
        Self { generation, sleeper, waker: Waker::from(Arc::clone(&bell)), bell, outside }
    }

    fn is_ours(&self) -> bool {
        self.generation == fork::generation()
    }

    /// Until the future is to be polled.
    fn sleep(&mut self) {
        while !self.bell.is_rung() {
            if let Next::Sleep { until } = self.sleeper.see_to_tasks()
                && self.bell.fall_asleep()
            {
                self.sleeper.sleep(until.unwrap_or(u64::MAX));
                self.bell.wake_up();
            }
        }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        if self.is_ours() {
            HERE.set(self.outside);
            self.sleeper.leave();
        }
    }
}

/// | state | meaning | who moves it |
/// |---|---|---|
/// | awake | the thread polls, or is about to sleep | the thread, to "asleep"; a waker, to "rung" |
/// | rung | the future is to be polled | the thread, to "awake" |
/// | asleep | the thread sleeps, or is about to | the thread, to "awake"; a waker, to "rung", and then it moves the control and wakes the thread |
struct Bell {
    state: AtomicU32,
    control: &'static AtomicU32,
}

const AWAKE: u32 = 0;
const RUNG: u32 = 1;
const ASLEEP: u32 = 2;

impl Bell {
    fn silence(&self) {
        // ORDER: Acquire pairs with the Release in `wake_by_ref`: the poll sees what the future was woken for.
        self.state.swap(AWAKE, Ordering::Acquire);
    }

    fn is_rung(&self) -> bool {
        self.state.load(Ordering::Relaxed) == RUNG
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

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // ORDER: Release pairs with the Acquire in `silence`, Acquire with the Release in `fall_asleep`.
        if self.state.swap(RUNG, Ordering::AcqRel) == ASLEEP {
            self.control.fetch_add(1, Ordering::Relaxed);
            futex::wake(self.control, 1);
        }
    }
}
