//! [`Lease`]: a value that a consumer has and has not acknowledged.

use core::fmt;
use core::ops::Deref;
use std::time::Duration;

use super::Queue;
use crate::error::{DoneError, PopError, Stop};
use crate::queue::held_leases::HeldLease;
use crate::queue::queue_macros::NOT_A_VALUE;
use crate::raw::mpmc::LeasedSlot;
use crate::raw::wait::{Timeout, Wait};
use crate::shareable::Shareable;
use crate::sys::fork;

/// A value of a [`Queue`] that is leased to this process.
///
/// [`ack`](Self::ack) takes the value out of the queue. A lease that is dropped without (by a
/// panic, say), or whose process dies, gives the value back: it goes to the next consumer, before
/// all other values, and is [`redelivered`](Self::redelivered) then. So each value is processed at
/// least once.
///
/// The value keeps its slot until then. Producers pass the slot, so a long lease takes one slot of
/// the queue and no more, and returns it when the ring wraps around to it. A lease that is
/// forgotten (`mem::forget`) keeps its slot for as long as its process lives.
///
/// Consumers of a closed queue wait while a lease is out, because its value may come back. The
/// thread that has taken the lease does not wait for it, nor for its other leases; a task does.
///
/// **When a process is killed at any instruction:** the value is delivered again, unless `ack` has
/// committed, which it does by one compare-and-swap.
#[must_use = "a lease that is dropped gives the value back to the queue"]
pub struct Lease<'a, T> {
    queue: &'a Queue<T>,
    value: T,
    leased: LeasedSlot,
    /// The participant that the value is leased to.
    own_id: u32,
    /// The fork generation of the process that the value is leased to.
    generation: u32,
    held: HeldLease,
    is_settled: bool,
}

impl<T: Shareable> Queue<T> {
    /// Leases the next value to this process, waiting until there is one. If the process dies
    /// before it [acknowledges](Lease::ack) the value, another consumer gets it.
    ///
    /// ```
    /// # use breezeway::queue::Queue;
    /// let jobs = Queue::<u64>::new(16)?;
    /// jobs.push(7)?;
    /// let job = jobs.lease()?;
    /// assert_eq!(*job, 7);
    /// drop(job); // as a panic would
    /// let job = jobs.lease()?;
    /// assert!(*job == 7 && job.redelivered());
    /// job.ack()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The errors of [`pop`](Self::pop).
    pub fn lease(&self) -> Result<Lease<'_, T>, PopError> {
        self.lease_within(Wait::Forever)
    }

    /// Leases the next value to this process if there is one.
    ///
    /// # Errors
    /// [`PopError::Empty`] if there is no value, and the errors of [`pop`](Self::pop).
    pub fn try_lease(&self) -> Result<Lease<'_, T>, PopError> {
        self.lease_within(Wait::NonBlocking)
    }

    /// Leases the next value to this process, waiting for one no longer than `timeout` (on the
    /// monotonic clock).
    ///
    /// # Errors
    /// [`PopError::Timeout`] if there is no value until the timeout elapses, and the errors of
    /// [`pop`](Self::pop).
    pub fn lease_timeout(&self, timeout: Duration) -> Result<Lease<'_, T>, PopError> {
        self.lease_within(Wait::Until(&Timeout::new(timeout)))
    }

    pub(super) fn lease_within(&self, wait: Wait) -> Result<Lease<'_, T>, PopError> {
        let (value, leased, own_id) = self.lease_slot(wait).map_err(Stop::of_pop)?;
        match value {
            Some(value) => Ok(Lease {
                queue: self,
                value,
                leased,
                own_id,
                generation: fork::generation(),
                held: HeldLease::new(self.state.region(), own_id),
                is_settled: false,
            }),
            None => {
                // Given back, the bytes would fail in every consumer, so they are popped.
                self.notify_lease_ended(self.ring().ack(own_id, leased));
                Err(PopError::Corrupt { what: NOT_A_VALUE })
            }
        }
    }
}

impl<T> Queue<T> {
    /// Notifies a producer of the free slot, if the lease has `ended`.
    fn notify_lease_ended(&self, ended: bool) {
        if ended {
            self.state.space.notify(1);
            self.wake_drain_waiters();
        }
    }
}

impl<T> Lease<'_, T> {
    /// Acknowledges the value: takes it out of the queue, so that no consumer gets it again.
    ///
    /// # Errors
    /// [`DoneError::NotHeld`] if this is a forked child and the value is leased to its parent, or if
    /// the queue has taken the lease back, in which case another consumer gets the value.
    #[doc(alias = "task_done")]
    #[doc(alias = "done")]
    pub fn ack(mut self) -> Result<(), DoneError> {
        self.is_settled = true;
        self.held.end();
        let acknowledged = self.is_ours() && self.queue.ring().ack(self.own_id, self.leased);
        self.queue.notify_lease_ended(acknowledged);
        if acknowledged { Ok(()) } else { Err(DoneError::NotHeld) }
    }

    /// Whether the value was leased before and given back: another consumer may have processed it
    /// in part.
    pub fn redelivered(&self) -> bool {
        self.leased.redelivered
    }

    /// Whether the value is leased to this process, rather than to the process it was forked from.
    fn is_ours(&self) -> bool {
        self.generation == fork::generation()
    }
}

impl<T> Drop for Lease<'_, T> {
    fn drop(&mut self) {
        self.held.end();
        if !self.is_settled && self.is_ours() && self.queue.ring().give_back(self.own_id, self.leased) {
            self.queue.state.items.notify(1);
        }
    }
}

impl<T> Deref for Lease<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> fmt::Debug for Lease<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("redelivered", &self.redelivered()).finish_non_exhaustive()
    }
}
