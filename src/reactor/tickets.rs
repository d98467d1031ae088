//! The waiter threads of a process, and the tasks' registrations with them.

#![allow(unsafe_code)]

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::wait_set;
use super::waiter_thread::{self, Owner, WaiterThread};
use super::waker_registration::WakerRegistration;
use crate::raw::event_count::EventCount;
use crate::raw::wait::WakePolicy;
use crate::segment::Segment;
use crate::sys::clock;
use crate::sys::per_process::PerProcess;

/// The reactor of this process.
pub(super) static REACTOR: PerProcess<Reactor> = PerProcess::new();

/// The waiter threads of a process.
#[derive(Debug, Default)]
pub(super) struct Reactor {
    threads: Mutex<Vec<WaiterThread>>,
}

impl Reactor {
    pub(super) fn lock(&self) -> MutexGuard<'_, Vec<WaiterThread>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a task to be woken when the target, which lies in the segment, is notified: with
    /// the waiter thread `own_thread`, or with any. `None` if the system refuses to start a thread.
    pub(super) fn add(
        &'static self,
        own_thread: Option<usize>,
        event: &EventCount,
        policy: WakePolicy,
        segment: &Segment,
        registration: WakerRegistration,
    ) -> Option<ReactorTicket> {
        assert!(segment.mapping().contains(event.address()), "the target lies in the segment");
        let mut threads = self.lock();
        let has_target = |thread: &WaiterThread| thread.is_shared() && thread.wait_set.has(event);
        let has_room = |thread: &WaiterThread| thread.is_shared() && thread.has_room();
        let preferred = own_thread
            .filter(|own_thread| threads[*own_thread].wait_set.has(event) || threads[*own_thread].has_room());
        let known = preferred.or_else(|| threads.iter().position(has_target));
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
            thread.wait_set.add(event, policy, keep, registration.cell(), clock::monotonic_nanos())
        };
        let unpark = thread.unpark(needs_wake);
        drop(threads);
        unpark.fire();
        Some(ReactorTicket { reactor: self, own_thread, thread: index, ticket, registration })
    }
}

/// A task's registration with a waiter thread. Dropping it deregisters the task; a wake-up that the
/// task has not handled is forwarded to another waiter.
#[derive(Debug)]
pub(super) struct ReactorTicket {
    reactor: &'static Reactor,
    /// The waiter thread that ran the task alone when it registered, if one did.
    own_thread: Option<usize>,
    thread: usize,
    ticket: wait_set::WaitTicket,
    pub(super) registration: WakerRegistration,
}

impl ReactorTicket {
    /// Whether the ticket is for this target and this waiter thread.
    pub(super) fn is_at(&self, event: &EventCount, own_thread: Option<usize>) -> bool {
        self.ticket.is_at(event) && self.own_thread == own_thread
    }

    /// Deregisters the waker once the task has its result.
    pub(super) fn complete(self) {
        self.registration.complete();
    }

    /// Registers the task again: its last attempt failed, after a wake-up if it `was_called`.
    pub(super) fn renew(&self, was_called: bool) {
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
            // The wait set's clone of the segment is dropped under the lock, while the task still
            // has its own: the last clone is never dropped here.
            let mut threads = self.reactor.lock();
            let thread = &mut threads[self.thread];
            thread.wait_set.remove(self.ticket);
        }
    }
}
