//! A thread that sleeps on the words of tasks, and calls them.

use core::fmt;
use std::io;
use std::thread;

use super::Reactor;
use crate::primitive::{AtomicU32, Ordering};
use crate::raw::wait_set::{PendingWake, WaitSet};
use crate::segment::Segment;
use crate::sys::clock::{Deadline, monotonic_nanos};
use crate::sys::{barrier, futex};

/// How long the thread stays when there is nothing to sleep on, in nanoseconds.
const IDLE_TIMEOUT: u64 = 1_000_000_000;

/// What one thread sleeps on.
pub(super) struct WaiterThread {
    pub(super) wait_set: WaitSet<Segment>,
    pub(super) owner: Owner,
    /// Whether the thread sleeps, or is about to, on what the watch was when it last saw to it.
    is_asleep: bool,
    /// What it sleeps on besides: moved where it is to look again.
    control: &'static AtomicU32,
}

/// Who sleeps for a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Vacant,
    /// A thread that has nothing else to do.
    Thread,
    /// One that has a future to run, for itself alone.
    Caller,
}

impl Default for WaiterThread {
    fn default() -> Self {
        // There are never fewer lanes than there were.
        let control = Box::leak(Box::new(AtomicU32::new(0)));
        Self { wait_set: WaitSet::default(), owner: Owner::Vacant, is_asleep: false, control }
    }
}

impl WaiterThread {
    /// Whether a task of any thread may wait there.
    pub(super) fn is_shared(&self) -> bool {
        self.owner != Owner::Caller
    }

    /// Whether another word can be slept on.
    pub(super) fn has_room(&self) -> bool {
        self.wait_set.len() + 1 < futex::MAX_WORDS
    }

    /// What wakes the thread, where there `needs_wake` and it sleeps. To be rung without the lock, which the thread takes.
    pub(super) fn unpark(&mut self, needs_wake: bool) -> Unpark {
        if !(needs_wake && self.is_asleep) {
            return Unpark(None);
        }
        self.is_asleep = false;
        // ORDER: relaxed; the lock orders it, and the kernel does.
        self.control.fetch_add(1, Ordering::Relaxed);
        Unpark(Some(self.control))
    }
}

#[must_use]
pub(super) struct Unpark(Option<&'static AtomicU32>);

impl Unpark {
    pub(super) fn fire(self) {
        if let Some(control) = self.0 {
            futex::wake(control, 1);
        }
    }
}

/// Starts the thread of a lane.
pub(super) fn start(reactor: &'static Reactor, thread: usize) -> io::Result<()> {
    thread::Builder::new().name("breezeway".to_owned()).spawn(move || run(reactor, thread)).map(drop)
}

fn run(reactor: &'static Reactor, index: usize) {
    let mut thread_loop = ThreadLoop::new(reactor, index);
    let mut idle_until = None;
    loop {
        match thread_loop.dispatch_ready() {
            Next::Recheck => {}
            Next::Sleep { until: Some(until) } => {
                idle_until = None;
                thread_loop.sleep(until);
            }
            Next::Sleep { until: None } => {
                let now = monotonic_nanos();
                if idle_until.is_some_and(|until| until <= now) {
                    if thread_loop.retire_if_idle() {
                        return;
                    }
                    // There are tasks that were called, and are not there yet.
                    idle_until = None;
                }
                thread_loop.sleep(*idle_until.get_or_insert(now + IDLE_TIMEOUT));
            }
        }
    }
}

/// A thread that sleeps for a lane.
pub(super) struct ThreadLoop {
    reactor: &'static Reactor,
    pub(super) thread: usize,
    control: &'static AtomicU32,
    /// What the control was when the tasks were seen to.
    expected: u32,
    words: futex::FutexSet,
    wakes: Vec<PendingWake>,
}

/// What to do next.
pub(super) enum Next {
    /// Tasks were called: see what has become of it.
    Recheck,
    /// Nothing: sleep, if there are tasks until then.
    Sleep { until: Option<u64> },
}

impl ThreadLoop {
    fn new(reactor: &'static Reactor, thread: usize) -> Self {
        let control = reactor.lock()[thread].control;
        Self { reactor, thread, control, expected: 0, words: futex::FutexSet::default(), wakes: Vec::new() }
    }

    /// For a lane that had none.
    pub(super) fn claim_free(reactor: &'static Reactor) -> Self {
        let mut threads = reactor.lock();
        let is_free = |thread: &WaiterThread| thread.owner == Owner::Vacant && thread.wait_set.len() == 0;
        let index = threads.iter().position(is_free).unwrap_or(threads.len());
        if index == threads.len() {
            threads.push(WaiterThread::default());
        }
        threads[index].owner = Owner::Caller;
        drop(threads);
        Self::new(reactor, index)
    }

    /// What to move, and to wake it by, when it sleeps.
    pub(super) fn control(&self) -> &'static AtomicU32 {
        self.control
    }

    /// Calls those for whom there is news, or whose time it is.
    pub(super) fn dispatch_ready(&mut self) -> Next {
        let mut threads = self.reactor.lock();
        let thread = &mut threads[self.thread];
        thread.is_asleep = false;
        let now = monotonic_nanos();
        thread.wait_set.collect_ready(now, &mut self.wakes);
        thread.wait_set.collect_overdue(now, barrier::heavy, &mut self.wakes);
        if !self.wakes.is_empty() {
            drop(threads);
            self.wakes.drain(..).for_each(PendingWake::wake);
            return Next::Recheck;
        }
        self.expected = self.control.load(Ordering::Relaxed);
        self.words.clear();
        self.words.push(self.control.as_ptr(), self.expected);
        let until = thread.wait_set.prepare(|word, value| self.words.push(word, value));
        thread.is_asleep = true;
        Next::Sleep { until }
    }

    pub(super) fn sleep(&self, until: u64) {
        self.words.sleep((self.control, self.expected), Deadline::at_nanos(until));
    }

    /// Gives the lane up, unless there are tasks.
    fn retire_if_idle(&self) -> bool {
        let thread = &mut self.reactor.lock()[self.thread];
        let is_over = thread.wait_set.len() == 0;
        if is_over {
            thread.owner = Owner::Vacant;
        }
        is_over
    }

    /// Gives the lane up, to a thread of its own if there are tasks.
    pub(super) fn hand_over(&self) {
        let thread = &mut self.reactor.lock()[self.thread];
        thread.wait_set.forward_stray_wakes();
        let is_needed = thread.wait_set.len() > 0;
        // Where the system gives none, the next task that waits there asks for one again.
        let is_started = is_needed && start(self.reactor, self.thread).is_ok();
        thread.owner = if is_started { Owner::Thread } else { Owner::Vacant };
    }
}

impl fmt::Debug for WaiterThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaiterThread")
            .field("wait_set", &self.wait_set)
            .field("owner", &self.owner)
            .finish_non_exhaustive()
    }
}
