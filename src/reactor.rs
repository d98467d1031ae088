//! What makes a future of each blocking wait: a thread that sleeps for all tasks of the process.
//!
//! - [`mod@block_on`]: a future that has a thread to itself, which sleeps for it
//! - `files`: the same for files
//! - [`waiter_thread`]: the thread, and what it sleeps on
//! - [`mod@retry`]: an operation that is tried again when there is news
//! - [`stream`]: one operation after the other, as a stream
//! - [`waker_registration`]: a task's waker cell, on the side of the task
//!
//! It is started when a task waits for the first time, and ends when none has waited for a while. The kernel lets a thread sleep on
//! 128 words; where tasks wait on more there are more threads. A forked child has none of them, and starts its own.

#![allow(unsafe_code)]

mod block_on;
#[cfg(feature = "process")]
mod files;
mod retry;
mod stream;
mod waiter_thread;
mod waker_registration;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use block_on::block_on;
#[cfg(feature = "process")]
pub(crate) use files::readable;
pub(crate) use retry::retry_until_ready;
pub use stream::ItemStream;
pub(crate) use stream::{StreamSource, WaitArg};
use waiter_thread::{Owner, WaiterThread};
pub(crate) use waker_registration::WakerRegistration;

use crate::raw::async_waiter::WaitTarget;
use crate::raw::wait::WakePolicy;
use crate::raw::wait_set;
use crate::segment::Segment;
use crate::sys::clock;
use crate::sys::per_process::PerProcess;

/// That of this process.
static REACTOR: PerProcess<Reactor> = PerProcess::new();

/// What the threads of a process sleep on for its tasks.
#[derive(Debug, Default)]
struct Reactor {
    threads: Mutex<Vec<WaiterThread>>,
}

impl Reactor {
    fn lock(&self) -> MutexGuard<'_, Vec<WaiterThread>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a task called when there is news at the bed, which lies in the segment: by the thread of this lane, or of any. `None` where the
    /// system gives no thread for it.
    fn add(
        &'static self,
        own_thread: Option<usize>,
        target: WaitTarget<'_>,
        policy: WakePolicy,
        segment: &Segment,
        registration: WakerRegistration,
    ) -> Option<ReactorTicket> {
        assert!(segment.mapping().contains(target.address()), "what is waited on lies in the segment");
        let mut threads = self.lock();
        let has_it = |thread: &WaiterThread| thread.is_shared() && thread.wait_set.has(target);
        let has_room = |thread: &WaiterThread| thread.is_shared() && thread.has_room();
        let at_home = own_thread.filter(|own_thread| {
            threads[*own_thread].wait_set.has(target) || threads[*own_thread].has_room()
        });
        let known = at_home.or_else(|| threads.iter().position(has_it));
        let index = known.or_else(|| threads.iter().position(has_room)).unwrap_or(threads.len());
        if index == threads.len() {
            threads.push(WaiterThread::default());
        }
        let thread = &mut threads[index];
        if thread.owner == Owner::Vacant {
            waiter_thread::start(self, index).ok()?;
            thread.owner = Owner::Thread;
        }
        let keep = || segment.clone();
        // SAFETY: found above to be in the segment's mapping, which the clone keeps.
        let (ticket, needs_wake) = unsafe {
            thread.wait_set.add(target, policy, keep, registration.cell(), clock::monotonic_nanos())
        };
        let unpark = thread.unpark(needs_wake);
        drop(threads);
        unpark.fire();
        Some(ReactorTicket { reactor: self, own_thread, thread: index, ticket, registration })
    }
}

/// A task's place. Dropped, it is given up: what the task was called for and has not seen to is passed on.
#[derive(Debug)]
struct ReactorTicket {
    reactor: &'static Reactor,
    /// The lane of the thread that has the task for itself, if one had when it took the ticket.
    own_thread: Option<usize>,
    thread: usize,
    ticket: wait_set::WaitTicket,
    registration: WakerRegistration,
}

impl ReactorTicket {
    /// Whether it is good for a task that waits there.
    fn is_at(&self, target: WaitTarget<'_>, own_thread: Option<usize>) -> bool {
        self.ticket.is_at(target) && self.own_thread == own_thread
    }

    /// Gives it up for a task that has what it waited for.
    fn complete(self) {
        self.registration.complete();
    }

    /// Has the task called again: one that `was_called` came to nothing by that.
    fn renew(&self, was_called: bool) {
        let mut threads = self.reactor.lock();
        let thread = &mut threads[self.thread];
        let now = clock::monotonic_nanos();
        let needs_wake = if was_called {
            thread.wait_set.add_again(self.ticket, self.registration.cell(), now)
        } else {
            thread.wait_set.mark_again(self.ticket, now)
        };
        let unpark = thread.unpark(needs_wake);
        drop(threads);
        unpark.fire();
    }
}

impl Drop for ReactorTicket {
    fn drop(&mut self) {
        if self.registration.is_ours() {
            // What keeps the memory is dropped under the lock, while the task has it as well: the last to let go is its owner.
            let mut threads = self.reactor.lock();
            let thread = &mut threads[self.thread];
            let needs_wake = thread.wait_set.remove(self.ticket);
            let unpark = thread.unpark(needs_wake);
            drop(threads);
            unpark.fire();
        }
    }
}
