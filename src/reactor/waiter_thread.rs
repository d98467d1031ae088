//! A thread that sleeps on the words that tasks wait on, and wakes the tasks.

use core::fmt;
use std::io;
use std::thread;

use super::tickets::Reactor;
use super::wait_set::{PendingWake, WaitSet};
use crate::primitive::{AtomicU32, Ordering};
use crate::segment::Segment;
use crate::sys::clock::{Deadline, monotonic_nanos};
use crate::sys::{barrier, futex};

/// How long the thread stays when no task waits, in nanoseconds.
const IDLE_TIMEOUT: u64 = 1_000_000_000;

/// What a waiter thread shares with the tasks that register with it.
pub(super) struct WaiterThread {
    pub(super) wait_set: WaitSet<Segment>,
    pub(super) owner: Owner,
    /// Whether the thread sleeps, or is about to, on the words of its last `dispatch_ready`.
    is_asleep: bool,
    /// A word that the thread sleeps on as well; changed to have it look again.
    control: &'static AtomicU32,
}

/// The thread that sleeps for a `WaiterThread`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Vacant,
    /// A thread started for it.
    Thread,
    /// A thread in `block_on`, which sleeps for its own future alone.
    Caller,
}

impl Default for WaiterThread {
    fn default() -> Self {
        // Leaked, as `WaiterThread`s are never removed.
        let control = Box::leak(Box::new(AtomicU32::new(0)));
        Self { wait_set: WaitSet::default(), owner: Owner::Vacant, is_asleep: false, control }
    }
}

impl WaiterThread {
    /// Whether a task of any thread may register here.
    pub(super) fn is_shared(&self) -> bool {
        self.owner != Owner::Caller
    }

    /// Whether the thread can sleep on another word.
    pub(super) fn has_room(&self) -> bool {
        self.wait_set.len() + 1 < futex::MAX_WORDS
    }

    /// Wakes the thread if `needs_wake` and it sleeps. Fire the result after the lock is released:
    /// the woken thread takes the lock.
    pub(super) fn unpark(&mut self, needs_wake: bool) -> Unpark {
        if !(needs_wake && self.is_asleep) {
            return Unpark(None);
        }
        self.is_asleep = false;
        // ORDER: relaxed; the lock and the kernel's futex call order it.
        self.control.fetch_add(1, Ordering::Relaxed);
        Unpark(Some(self.control))
    }
}

/// A wake-up of a waiter thread that is due, if any.
#[must_use]
pub(super) struct Unpark(Option<&'static AtomicU32>);

impl Unpark {
    pub(super) fn fire(self) {
        if let Some(control) = self.0 {
            futex::wake(control, 1);
        }
    }
}

/// Starts a waiter thread.
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
                    // Tasks were woken and have not polled yet.
                    idle_until = None;
                }
                thread_loop.sleep(*idle_until.get_or_insert(now + IDLE_TIMEOUT));
            }
        }
    }
}

/// The thread's side of a `WaiterThread`.
pub(super) struct ThreadLoop {
    reactor: &'static Reactor,
    pub(super) thread: usize,
    control: &'static AtomicU32,
    /// The control word's value at the last `dispatch_ready`.
    expected: u32,
    words: futex::FutexSet,
    wakes: Vec<PendingWake>,
}

/// What to do next.
pub(super) enum Next {
    /// Tasks were woken: dispatch again.
    Recheck,
    /// No task is ready: sleep, until the next task's recheck if any is registered.
    Sleep { until: Option<u64> },
}

impl ThreadLoop {
    fn new(reactor: &'static Reactor, thread: usize) -> Self {
        let control = reactor.lock()[thread].control;
        Self { reactor, thread, control, expected: 0, words: futex::FutexSet::default(), wakes: Vec::new() }
    }

    /// Claims a vacant `WaiterThread`, or a new one, for this thread.
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

    /// The word to change and to wake the thread by.
    pub(super) fn control(&self) -> &'static AtomicU32 {
        self.control
    }

    /// Wakes the tasks whose words were notified, and those whose recheck is due.
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

    /// Vacates the `WaiterThread` if no task is registered; returns whether it did.
    fn retire_if_idle(&self) -> bool {
        let thread = &mut self.reactor.lock()[self.thread];
        let is_over = thread.wait_set.len() == 0;
        if is_over {
            thread.owner = Owner::Vacant;
        }
        is_over
    }

    /// Vacates the `WaiterThread`; a thread is started for it if tasks are registered.
    pub(super) fn hand_over(&self) {
        let thread = &mut self.reactor.lock()[self.thread];
        thread.wait_set.forward_stray_wakes();
        let is_needed = thread.wait_set.len() > 0;
        // If the system refuses a thread, the next task that registers starts one.
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
