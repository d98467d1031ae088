//! What makes a future of each blocking wait: a thread that sleeps for all tasks of the process.
//!
//! - [`mod@block_on`]: a future that has a thread to itself, which sleeps for it
//! - `files`: the same for files
//! - [`lane`]: the thread, and what it sleeps on
//! - [`mod@later`]: an operation that is tried again when there is news
//! - [`own`]: what each process has of its own
//! - [`steps`]: one operation after the other, as a stream
//!
//! It is started when a task waits for the first time, and ends when none has waited for a while. The kernel lets a thread sleep on
//! 128 words; where tasks wait on more there are more threads. A forked child has none of them, and starts its own.

#![allow(unsafe_code)]

mod block_on;
#[cfg(feature = "process")]
mod files;
mod lane;
mod later;
mod own;
mod steps;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use block_on::block_on;
#[cfg(feature = "process")]
pub(crate) use files::readable;
use lane::{Lane, Server};
pub(crate) use later::later;
use own::Own;
pub(crate) use own::Seat;
pub use steps::Items;
pub(crate) use steps::{Moment, Source};

use crate::raw::patience::Sleepers;
use crate::raw::turn::Bed;
use crate::raw::watch;
use crate::segment::Segment;
use crate::sys::clock;

/// That of this process.
static REACTOR: Own<Reactor> = Own::new();

/// What the threads of a process sleep on for its tasks.
#[derive(Debug, Default)]
struct Reactor {
    lanes: Mutex<Vec<Lane>>,
}

impl Reactor {
    fn lock(&self) -> MutexGuard<'_, Vec<Lane>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a task called when there is news at the bed, which lies in the segment: by the thread of this lane, or of any. `None` where the
    /// system gives no thread for it.
    fn add(
        &'static self,
        home: Option<usize>,
        bed: Bed<'_>,
        sleepers: Sleepers,
        segment: &Segment,
        seat: Seat,
    ) -> Option<Ticket> {
        assert!(segment.mapping().holds(bed.place()), "what is waited on lies in the segment");
        let mut lanes = self.lock();
        let has_it = |lane: &Lane| lane.is_shared() && lane.watch.has(bed);
        let has_room = |lane: &Lane| lane.is_shared() && lane.has_room();
        let at_home = home.filter(|home| lanes[*home].watch.has(bed) || lanes[*home].has_room());
        let known = at_home.or_else(|| lanes.iter().position(has_it));
        let index = known.or_else(|| lanes.iter().position(has_room)).unwrap_or(lanes.len());
        if index == lanes.len() {
            lanes.push(Lane::default());
        }
        let lane = &mut lanes[index];
        if lane.served_by == Server::Nobody {
            lane::start(self, index).ok()?;
            lane.served_by = Server::Thread;
        }
        let keep = || segment.clone();
        // SAFETY: found above to be in the segment's mapping, which the clone keeps.
        let (ticket, is_news) =
            unsafe { lane.watch.add(bed, sleepers, keep, seat.slot(), clock::monotonic_nanos()) };
        let alarm = lane.alarm(is_news);
        drop(lanes);
        alarm.ring();
        Some(Ticket { reactor: self, home, lane: index, ticket, seat })
    }
}

/// A task's place. Dropped, it is given up: what the task was called for and has not seen to is passed on.
#[derive(Debug)]
struct Ticket {
    reactor: &'static Reactor,
    /// The lane of the thread that has the task for itself, if one had when it took the ticket.
    home: Option<usize>,
    lane: usize,
    ticket: watch::Ticket,
    seat: Seat,
}

impl Ticket {
    /// Whether it is good for a task that waits there.
    fn is_at(&self, bed: Bed<'_>, home: Option<usize>) -> bool {
        self.ticket.is_at(bed) && self.home == home
    }

    /// Gives it up for a task that has what it waited for.
    fn end(self) {
        self.seat.end();
    }

    /// Has the task called again: one that `was_called` came to nothing by that.
    fn renew(&self, was_called: bool) {
        let mut lanes = self.reactor.lock();
        let lane = &mut lanes[self.lane];
        let now = clock::monotonic_nanos();
        let is_news = if was_called {
            lane.watch.add_again(self.ticket, self.seat.slot(), now)
        } else {
            lane.watch.mark_again(self.ticket, now)
        };
        let alarm = lane.alarm(is_news);
        drop(lanes);
        alarm.ring();
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.seat.is_ours() {
            // What keeps the memory is dropped under the lock, while the task has it as well: the last to let go is its owner.
            let mut lanes = self.reactor.lock();
            let lane = &mut lanes[self.lane];
            let is_news = lane.watch.remove(self.ticket);
            let alarm = lane.alarm(is_news);
            drop(lanes);
            alarm.ring();
        }
    }
}
