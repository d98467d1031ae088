//! [`Lease`]: a value in somebody's hands.

use core::fmt;
use core::ops::Deref;
use std::time::Duration;

use super::Queue;
use crate::error::{PopError, Stop};
use crate::queue::queue_macros::NOT_A_VALUE;
use crate::raw::mpmc::LeasedSlot;
use crate::raw::wait::Wait;
use crate::shareable::Shareable;
use crate::sys::fork;

/// A value of a [`Queue`] in this process's hands.
///
/// [`ack`](Self::ack) says that it was dealt with. A lease that is dropped without (by a panic, say), or whose process dies,
/// gives the value back: it goes to the next consumer, before all others, and is [`redelivered`](Self::redelivered) then. So each
/// value is dealt with at least once.
///
/// The value keeps its slot until then. Producers go past it, so a long lease takes one place of the queue and no more, and gives it
/// back when the ring comes round to it. A lease that is forgotten (`mem::forget`) keeps it for as long as its process lives.
///
/// **When a process is killed at any instruction:** the value is delivered again, unless `ack` has committed, which it does by one
/// compare-and-swap.
#[must_use = "a lease that is dropped gives the value back to the queue"]
pub struct Lease<'a, T: Shareable> {
    queue: &'a Queue<T>,
    value: T,
    leased: LeasedSlot,
    /// The participant in whose hands it is.
    own_id: u32,
    generation: u32,
}

impl<T: Shareable> Queue<T> {
    /// Takes the next value into this process's hands, waiting for one as long as it takes. Others get it if this process dies
    /// before it [acknowledges](Lease::ack) it.
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
    /// job.ack();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`pop`](Self::pop).
    pub fn lease(&self) -> Result<Lease<'_, T>, PopError> {
        self.lease_until(Wait::Forever)
    }

    /// The same without waiting.
    ///
    /// # Errors
    /// `Empty`, and those of [`pop`](Self::pop).
    pub fn try_lease(&self) -> Result<Lease<'_, T>, PopError> {
        self.lease_until(Wait::NonBlocking)
    }

    /// The same, waiting no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// `Timeout`, and those of [`pop`](Self::pop).
    pub fn lease_timeout(&self, timeout: Duration) -> Result<Lease<'_, T>, PopError> {
        self.lease_until(Wait::Timeout(timeout))
    }

    pub(super) fn lease_until(&self, wait: Wait) -> Result<Lease<'_, T>, PopError> {
        let (value, leased, own_id) = self.lease_slot(wait).map_err(Stop::of_pop)?;
        match value {
            Some(value) => Ok(Lease { queue: self, value, leased, own_id, generation: fork::generation() }),
            None => {
                // Nobody could make anything of it.
                self.notify_lease_ended(self.ring().ack(own_id, leased));
                Err(PopError::Corrupt { what: NOT_A_VALUE })
            }
        }
    }

    /// Tells those who wait that a slot is free.
    fn notify_lease_ended(&self, ended: bool) {
        if ended {
            self.state().space.notify(1);
            self.wake_drain_waiters();
        }
    }
}

impl<T: Shareable> Lease<'_, T> {
    /// The value has been dealt with: nobody gets it again.
    #[doc(alias = "task_done")]
    pub fn ack(self) {
        let lease = core::mem::ManuallyDrop::new(self);
        if lease.is_ours() {
            lease.queue.notify_lease_ended(lease.queue.ring().ack(lease.own_id, lease.leased));
        }
    }

    /// Whether somebody else had the value in its hands before, and may have dealt with it in part.
    pub fn redelivered(&self) -> bool {
        self.leased.redelivered
    }

    /// Whether it is in this process's hands, not in those of the one it was forked from.
    fn is_ours(&self) -> bool {
        self.generation == fork::generation()
    }
}

impl<T: Shareable> Drop for Lease<'_, T> {
    fn drop(&mut self) {
        if self.is_ours() && self.queue.ring().give_back(self.own_id, self.leased) {
            self.queue.state().items.notify(1);
        }
    }
}

impl<T: Shareable> Deref for Lease<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Shareable> fmt::Debug for Lease<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("redelivered", &self.redelivered()).finish_non_exhaustive()
    }
}
