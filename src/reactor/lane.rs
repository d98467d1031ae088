//! A thread that sleeps on the words of tasks, and calls them.

use core::fmt;
use std::io;
use std::thread;

use super::Reactor;
use crate::primitive::{AtomicU32, Ordering};
use crate::raw::watch::{Due, Watch};
use crate::segment::Segment;
use crate::sys::clock::{Deadline, monotonic_nanos};
use crate::sys::{barrier, futex};

/// How long the thread stays when there is nothing to sleep on, in nanoseconds.
const LINGER: u64 = 1_000_000_000;

/// What one thread sleeps on.
pub(super) struct Lane {
    pub(super) watch: Watch<Segment>,
    pub(super) served_by: Server,
    /// Whether the thread sleeps, or is about to, on what the watch was when it last saw to it.
    is_asleep: bool,
    /// What it sleeps on besides: moved where it is to look again.
    control: &'static AtomicU32,
}

/// Who sleeps for a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Server {
    Nobody,
    /// A thread that has nothing else to do.
    Thread,
    /// One that has a future to run, for itself alone.
    Caller,
}

impl Default for Lane {
    fn default() -> Self {
        // There are never fewer lanes than there were.
        let control = Box::leak(Box::new(AtomicU32::new(0)));
        Self { watch: Watch::default(), served_by: Server::Nobody, is_asleep: false, control }
    }
}

impl Lane {
    /// Whether a task of any thread may wait there.
    pub(super) fn is_shared(&self) -> bool {
        self.served_by != Server::Caller
    }

    /// Whether another word can be slept on.
    pub(super) fn has_room(&self) -> bool {
        self.watch.len() + 1 < futex::MOST_WORDS
    }

    /// What wakes the thread, where there `is_news` and it sleeps. To be rung without the lock, which the thread takes.
    pub(super) fn alarm(&mut self, is_news: bool) -> Alarm {
        if !(is_news && self.is_asleep) {
            return Alarm(None);
        }
        self.is_asleep = false;
        // ORDER: relaxed; the lock orders it, and the kernel does.
        self.control.fetch_add(1, Ordering::Relaxed);
        Alarm(Some(self.control))
    }
}

#[must_use]
pub(super) struct Alarm(Option<&'static AtomicU32>);

impl Alarm {
    pub(super) fn ring(self) {
        if let Some(control) = self.0 {
            futex::wake(control, 1);
        }
    }
}

/// Starts the thread of a lane.
pub(super) fn start(reactor: &'static Reactor, lane: usize) -> io::Result<()> {
    thread::Builder::new().name("breezeway".to_owned()).spawn(move || run(reactor, lane)).map(drop)
}

fn run(reactor: &'static Reactor, index: usize) {
    let mut sleeper = Sleeper::new(reactor, index);
    let mut idle_until = None;
    loop {
        match sleeper.see_to_tasks() {
            Next::Look => {}
            Next::Sleep { until: Some(until) } => {
                idle_until = None;
                sleeper.sleep(until);
            }
            Next::Sleep { until: None } => {
                let now = monotonic_nanos();
                if idle_until.is_some_and(|until| until <= now) {
                    if sleeper.end() {
                        return;
                    }
                    // There are tasks that were called, and are not there yet.
                    idle_until = None;
                }
                sleeper.sleep(*idle_until.get_or_insert(now + LINGER));
            }
        }
    }
}

/// A thread that sleeps for a lane.
pub(super) struct Sleeper {
    reactor: &'static Reactor,
    pub(super) lane: usize,
    control: &'static AtomicU32,
    /// What the control was when the tasks were seen to.
    expected: u32,
    words: futex::Words,
    due: Vec<Due>,
}

/// What to do next.
pub(super) enum Next {
    /// Tasks were called: see what has become of it.
    Look,
    /// Nothing: sleep, if there are tasks until then.
    Sleep { until: Option<u64> },
}

impl Sleeper {
    fn new(reactor: &'static Reactor, lane: usize) -> Self {
        let control = reactor.lock()[lane].control;
        Self { reactor, lane, control, expected: 0, words: futex::Words::default(), due: Vec::new() }
    }

    /// For a lane that had none.
    pub(super) fn of_a_free_lane(reactor: &'static Reactor) -> Self {
        let mut lanes = reactor.lock();
        let is_free = |lane: &Lane| lane.served_by == Server::Nobody && lane.watch.len() == 0;
        let index = lanes.iter().position(is_free).unwrap_or(lanes.len());
        if index == lanes.len() {
            lanes.push(Lane::default());
        }
        lanes[index].served_by = Server::Caller;
        drop(lanes);
        Self::new(reactor, index)
    }

    /// What to move, and to wake it by, when it sleeps.
    pub(super) fn control(&self) -> &'static AtomicU32 {
        self.control
    }

    /// Calls those for whom there is news, or whose time it is.
    pub(super) fn see_to_tasks(&mut self) -> Next {
        let mut lanes = self.reactor.lock();
        let lane = &mut lanes[self.lane];
        lane.is_asleep = false;
        let now = monotonic_nanos();
        lane.watch.news(now, &mut self.due);
        lane.watch.round(now, barrier::heavy, &mut self.due);
        if !self.due.is_empty() {
            drop(lanes);
            self.due.drain(..).for_each(Due::call);
            return Next::Look;
        }
        self.expected = self.control.load(Ordering::Relaxed);
        self.words.clear();
        self.words.push(self.control.as_ptr(), self.expected);
        let until = lane.watch.prepare(|word, value| self.words.push(word, value));
        lane.is_asleep = true;
        Next::Sleep { until }
    }

    pub(super) fn sleep(&self, until: u64) {
        self.words.sleep((self.control, self.expected), Deadline::at_nanos(until));
    }

    /// Gives the lane up, unless there are tasks.
    fn end(&self) -> bool {
        let lane = &mut self.reactor.lock()[self.lane];
        let is_over = lane.watch.len() == 0;
        if is_over {
            lane.served_by = Server::Nobody;
        }
        is_over
    }

    /// Gives the lane up, to a thread of its own if there are tasks.
    pub(super) fn leave(&self) {
        let lane = &mut self.reactor.lock()[self.lane];
        lane.watch.make_up();
        let is_needed = lane.watch.len() > 0;
        // Where the system gives none, the next task that waits there asks for one again.
        let is_started = is_needed && start(self.reactor, self.lane).is_ok();
        lane.served_by = if is_started { Server::Thread } else { Server::Nobody };
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane")
            .field("watch", &self.watch)
            .field("served_by", &self.served_by)
            .finish_non_exhaustive()
    }
}
