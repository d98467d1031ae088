//! What each process has of its own. A forked child leaves its parent's as it is, for who knows who had it locked, or whose threads
//! it means.

#![allow(unsafe_code)]

use core::fmt;
use core::ops::Deref;
use core::task::Waker;

use crate::primitive::{Arc, AtomicPtr, Ordering};
use crate::raw::waker_cell::WakerCell;
use crate::sys::fork::{self, ForkGeneration};

/// Of which each process has one: made when it is first asked for, and there for good.
pub(super) struct PerProcess<T> {
    made: AtomicPtr<Made<T>>,
}

struct Made<T> {
    /// The process that made it.
    generation: ForkGeneration,
    what: T,
}

impl<T: Default + Send + Sync + 'static> PerProcess<T> {
    pub(super) const fn new() -> Self {
        Self { made: AtomicPtr::new(core::ptr::null_mut()) }
    }

    /// That of this process.
    pub(super) fn get(&'static self) -> &'static T {
        let generation = ForkGeneration::current();
        // ORDER: Acquire pairs with the Release below: who sees it sees its fields.
        let mut seen = self.made.load(Ordering::Acquire);
        loop {
            // SAFETY: null, or from a box that is never freed.
            match unsafe { seen.as_ref() } {
                Some(made) if made.generation == generation => return &made.what,
                _ => {}
            }
            fork::install_handlers();
            let new = Box::into_raw(Box::new(Made { generation, what: T::default() }));
            match self.made.compare_exchange(seen, new, Ordering::Release, Ordering::Acquire) {
                Ok(_) => seen = new,
                Err(found) => {
                    // SAFETY: from a box, and nobody else has seen it.
                    drop(unsafe { Box::from_raw(new) });
                    seen = found;
                }
            }
        }
    }
}

/// A task's [`WakerCell`], on the side of the task. Dropped, the task is not called any more.
pub(crate) struct WakerRegistration {
    generation: ForkGeneration,
    cell: Arc<WakerCell>,
}

impl WakerRegistration {
    /// Of a task that waits, and is to be woken by this waker.
    pub(crate) fn new(waker: &Waker) -> Self {
        Self { generation: ForkGeneration::current(), cell: Arc::new(WakerCell::new(waker.clone())) }
    }

    /// Whether the task took it in this process.
    pub(crate) fn is_ours(&self) -> bool {
        self.generation.is_current()
    }

    /// For who calls the task.
    pub(crate) fn cell(&self) -> Arc<WakerCell> {
        Arc::clone(&self.cell)
    }
}

impl Deref for WakerRegistration {
    type Target = WakerCell;

    fn deref(&self) -> &WakerCell {
        &self.cell
    }
}

impl Drop for WakerRegistration {
    fn drop(&mut self) {
        if self.is_ours() {
            self.cell.deregister_sync();
        } else {
            // Its waker stays, too.
            core::mem::forget(self.cell());
        }
    }
}

impl fmt::Debug for WakerRegistration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WakerRegistration").field("is_ours", &self.is_ours()).finish_non_exhaustive()
    }
}
