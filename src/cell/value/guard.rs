//! [`ValueGuard`]: a locked section of a value.

use core::fmt;
use core::ops::{Deref, DerefMut};

use super::Value;
use crate::segment::lock::RawGuard;
use crate::segment::lock::owner::{ByTask, ByThread};
use crate::shareable::Shareable;

/// A locked section of a [`Value`]: a private copy to work on, published when the guard is dropped.
///
/// The copy is not published after [`discard`](Self::discard), if a panic unwinds through the
/// guard, if the copy was never borrowed mutably, or in a forked child. The guard stays in the
/// thread that locked, unless a future gave it: a `ValueGuard<'_, T, ByTask>` is [`Send`].
#[must_use = "dropping the guard unlocks the value at once"]
pub struct ValueGuard<'a, T: Shareable, O = ByThread> {
    copy: T,
    publish: bool,
    panicking: bool,
    value: &'a Value<T>,
    /// Dropped last: after the copy is published.
    raw_guard: RawGuard<'a, O>,
}

impl<'a, T: Shareable, O> ValueGuard<'a, T, O> {
    /// A section that works on `copy`; the lock is held.
    #[inline]
    pub(super) fn new(copy: T, value: &'a Value<T>, raw_guard: RawGuard<'a, O>) -> Self {
        Self { copy, publish: false, panicking: std::thread::panicking(), value, raw_guard }
    }

    /// Ends the section without publishing the copy: the value stays what it was.
    pub fn discard(mut self) {
        self.publish = false;
    }

    /// Whether the last holder of the lock died holding it. The value is whole in any case: the old
    /// one, or the new one that the holder had published.
    pub fn recovered(&self) -> bool {
        self.raw_guard.recovered()
    }
}

impl<T: Shareable, O> Deref for ValueGuard<'_, T, O> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.copy
    }
}

impl<T: Shareable, O> DerefMut for ValueGuard<'_, T, O> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.publish = true;
        &mut self.copy
    }
}

impl<T: Shareable, O> Drop for ValueGuard<'_, T, O> {
    #[inline]
    fn drop(&mut self) {
        // A panic that was under way when the section began (it began in a destructor) does not
        // unwind through it.
        let panicked = !self.panicking && std::thread::panicking();
        if self.publish && !panicked && self.raw_guard.is_ours() {
            self.value.publish(&self.copy);
        }
    }
}

impl<T: Shareable, O> fmt::Debug for ValueGuard<'_, T, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValueGuard").field("recovered", &self.recovered()).finish_non_exhaustive()
    }
}

static_assertions::assert_not_impl_any!(ValueGuard<'static, f64>: Send);
static_assertions::assert_impl_all!(ValueGuard<'static, f64, ByTask>: Send);
