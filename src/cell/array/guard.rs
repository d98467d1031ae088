//! [`ArrayGuard`]: a locked section of an array.

use core::fmt;
use core::ops::{Deref, DerefMut};

use super::store::ArrayStore;
use crate::segment::lock::RawGuard;
use crate::segment::lock::owner::{ByTask, ByThread};
use crate::shareable::Shareable;

/// A locked section of an [`Array`](crate::Array): a private copy of its elements to work on as a
/// slice, published when the guard is dropped.
///
/// The copy is not published after [`discard`](Self::discard), if a panic unwinds through the
/// guard, if the slice was never borrowed mutably, or in a forked child. The guard stays in the
/// thread that locked, unless a future gave it: an `ArrayGuard<'_, T, ByTask>` is [`Send`].
#[must_use = "dropping the guard unlocks the array at once"]
pub struct ArrayGuard<'a, T: Shareable, O = ByThread> {
    copy: Vec<T>,
    start: usize,
    publish: bool,
    panicking: bool,
    store: &'a ArrayStore<T>,
    /// Dropped last: after the copy is published.
    raw_guard: RawGuard<'a, O>,
}

impl<'a, T: Shareable, O> ArrayGuard<'a, T, O> {
    pub(super) fn new(
        store: &'a ArrayStore<T>,
        start: usize,
        copy: Vec<T>,
        raw_guard: RawGuard<'a, O>,
    ) -> Self {
        Self { copy, start, publish: false, panicking: std::thread::panicking(), store, raw_guard }
    }

    /// Ends the section without publishing the copy: the elements stay what they were.
    pub fn discard(mut self) {
        self.publish = false;
    }

    /// Whether the last holder of the lock died in its section.
    ///
    /// Elements that the section changed may be new or old. In a [`Journaled`](crate::Journaled)
    /// array they are all old, or, if the section was published to its end, all new.
    pub fn recovered(&self) -> bool {
        self.raw_guard.recovered()
    }
}

impl<T: Shareable, O> Deref for ArrayGuard<'_, T, O> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.copy
    }
}

impl<T: Shareable, O> DerefMut for ArrayGuard<'_, T, O> {
    fn deref_mut(&mut self) -> &mut [T] {
        self.publish = true;
        &mut self.copy
    }
}

impl<T: Shareable, O> Drop for ArrayGuard<'_, T, O> {
    fn drop(&mut self) {
        // A panic that was under way when the section began (it began in a destructor) does not
        // unwind through it.
        let panicked = !self.panicking && std::thread::panicking();
        if self.publish && !panicked && self.raw_guard.is_ours() {
            self.store.publish(self.start, &self.copy);
        }
    }
}

impl<T: Shareable, O> fmt::Debug for ArrayGuard<'_, T, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArrayGuard")
            .field("len", &self.len())
            .field("recovered", &self.recovered())
            .finish_non_exhaustive()
    }
}

static_assertions::assert_not_impl_any!(ArrayGuard<'static, f32>: Send);
static_assertions::assert_impl_all!(ArrayGuard<'static, f32, ByTask>: Send);
