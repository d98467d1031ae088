//! What makes a future of each blocking wait: a thread that sleeps for all tasks of the process.
//!
//! - [`mod@block_on`]: a future that has a thread to itself, which sleeps for it
//! - [`lane`]: the thread, and what it sleeps on
//! - [`later`]: an operation that is tried again when there is news
//! - [`steps`]: one operation after the other, as a stream
//!
//! It is started when a task waits for the first time, and ends when none has waited for a while. The kernel lets a thread sleep on
//! 128 words; where tasks wait on more there are more threads. A forked child has none of them, and starts its own.

#![allow(unsafe_code)]

mod block_on;
mod lane;
mod later;
mod steps;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use block_on::block_on;
use lane::{Lane, Server};
pub(crate) use later::later;
pub use steps::Items;
pub(crate) use steps::{Moment, Source};

use crate::primitive::{Arc, AtomicPtr, Ordering};
use crate::raw::patience::Sleepers;
use crate::raw::slot::Slot;
use crate::raw::turn::Bed;
use crate::raw::watch;
use crate::segment::Segment;
use crate::sys::{clock, fork};

/// That of this process. Those of the processes that it was forked from are left as they are: who knows who had them locked.
static REACTOR: AtomicPtr<Reactor> = AtomicPtr::new(core::ptr::null_mut());

/// What the threads of a process sleep on for its tasks.
#[derive(Debug)]
struct Reactor {
    /// The fork generation of the process.
    generation: u32,
    lanes: Mutex<Vec<Lane>>,
}

impl Reactor {
    /// That of this process.
    fn ours() -> &'static Self {
        let generation = fork::generation();
        // ORDER: Acquire pairs with the Release below: who sees it sees its fields.
        let mut seen = REACTOR.load(Ordering::Acquire);
        loop {
            // SAFETY: null, or from a box that is never freed.
            match unsafe { seen.as_ref() } {
                Some(reactor) if reactor.generation == generation => return reactor,
                _ => {}
            }
            let new = Box::into_raw(Box::new(Self { generation, lanes: Mutex::default() }));
            match REACTOR.compare_exchange(seen, new, Ordering::Release, Ordering::Acquire) {
                Ok(_) => seen = new,
                Err(found) => {
                    // SAFETY: from a box, and nobody else has seen it.
                    drop(unsafe { Box::from_raw(new) });
                    seen = found;
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Lane>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_ours(&self) -> bool {
        self.generation == fork::generation()
    }

    /// Has a task called when there is news at the bed, which lies in the segment: by the thread of this lane, or of any. `None` where the
    /// system gives no thread for it.
    fn add(
        &'static self,
        lane: Option<usize>,
        bed: Bed<'_>,
        sleepers: Sleepers,
        segment: &Segment,
        slot: &Arc<Slot>,
    ) -> Option<Ticket> {
        assert!(segment.mapping().holds(bed.place()), "what is waited on lies in the segment");
        let mut lanes = self.lock();
        let has_it = |lane: &Lane| lane.is_shared() && lane.watch.has(bed);
        let has_room = |lane: &Lane| lane.is_shared() && lane.has_room();
        let known = lane.or_else(|| lanes.iter().position(has_it));
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
            unsafe { lane.watch.add(bed, sleepers, keep, Arc::clone(slot), clock::monotonic_nanos()) };
        let alarm = lane.alarm(is_news);
        drop(lanes);
        alarm.ring();
        Some(Ticket { reactor: self, lane: index, ticket, slot: Arc::clone(slot), is_served: false })
    }
}

/// A task's place. Dropped, it is given up: what the task was called for and has not seen to is passed on.
#[derive(Debug)]
struct Ticket {
    reactor: &'static Reactor,
    lane: usize,
    ticket: watch::Ticket,
    slot: Arc<Slot>,
    /// Whether the task has what it waited for.
    is_served: bool,
}

impl Ticket {
    /// Gives it up for a task that has what it waited for.
    fn end(mut self) {
        self.is_served = true;
    }

    /// Has the task called again: one that `was_called` came to nothing by that.
    fn renew(&self, was_called: bool) {
        let mut lanes = self.reactor.lock();
        let lane = &mut lanes[self.lane];
        let now = clock::monotonic_nanos();
        let is_news = if was_called {
            lane.watch.add_again(self.ticket, Arc::clone(&self.slot), now)
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
        if !self.reactor.is_ours() {
            // A forked child's copy of its parent's: who knows who has it locked, or whose thread its waker means.
            core::mem::forget(Arc::clone(&self.slot));
            return;
        }
        // What keeps the memory is dropped under the lock, while the task has it as well: the last to let go is its owner.
        self.reactor.lock()[self.lane].watch.remove(self.ticket);
        if self.is_served {
            self.slot.end();
        } else {
            self.slot.leave();
        }
    }
}
