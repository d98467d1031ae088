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
    pub(super) is_running: bool,
    /// Whether the thread sleeps, or is about to, on what the watch was when it last saw to it.
    is_asleep: bool,
    /// What it sleeps on besides: moved where it is to look again.
    control: &'static AtomicU32,
}

impl Default for Lane {
    fn default() -> Self {
        // There are never fewer lanes than there were.
        let control = Box::leak(Box::new(AtomicU32::new(0)));
        Self { watch: Watch::default(), is_running: false, is_asleep: false, control }
    }
}

impl Lane {
    /// Whether the thread can sleep on another word.
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
    let mut words = futex::Words::default();
    let mut due: Vec<Due> = Vec::new();
    let mut idle_until = None;
    loop {
        let mut lanes = reactor.lock();
        let lane = &mut lanes[index];
        lane.is_asleep = false;
        let now = monotonic_nanos();
        lane.watch.news(now, &mut due);
        lane.watch.round(now, barrier::heavy, &mut due);
        if !due.is_empty() {
            drop(lanes);
            due.drain(..).for_each(Due::call);
            continue;
        }
        let control = (lane.control, lane.control.load(Ordering::Relaxed));
        words.clear();
        words.push(core::ptr::from_ref(control.0).cast(), control.1);
        let until = match lane.watch.prepare(|word, value| words.push(word, value)) {
            Some(until) => {
                idle_until = None;
                until
            }
            // Tasks that were called are not there yet.
            None if lane.watch.len() != 0 => {
                idle_until = None;
                now + LINGER
            }
            None => *idle_until.get_or_insert(now + LINGER),
        };
        if idle_until.is_some_and(|idle_until| idle_until <= now) {
            lane.is_running = false;
            return;
        }
        lane.is_asleep = true;
        drop(lanes);
        words.sleep(control, Deadline::at_nanos(until));
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane")
            .field("watch", &self.watch)
            .field("is_running", &self.is_running)
            .finish_non_exhaustive()
    }
}
