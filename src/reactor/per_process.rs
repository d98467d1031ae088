//! [`PerProcess`]: a value of which each process has its own, and [`WakerRegistration`].
//!
//! A forked child does not touch its parent's value: a thread of the parent may have had it locked,
//! and the threads it refers to do not exist in the child.

#![allow(unsafe_code)]

use core::fmt;
use core::ops::Deref;
use core::task::Waker;

use crate::primitive::{Arc, AtomicPtr, Ordering};
use crate::raw::waker_cell::WakerCell;
use crate::sys::fork;

/// A value of which each process has its own, made when it is first asked for and never dropped.
pub(super) struct PerProcess<T> {
    made: AtomicPtr<Made<T>>,
}

struct Made<T> {
    /// The fork generation of the process.
    generation: u32,
    what: T,
}

impl<T: Default + Send + Sync + 'static> PerProcess<T> {
    pub(super) const fn new() -> Self {
        Self { made: AtomicPtr::new(core::ptr::null_mut()) }
    }

    /// The value of this process.
    pub(super) fn get(&'static self) -> &'static T {
        let generation = fork::generation();
        // ORDER: Acquire pairs with the Release below: a thread that sees the pointer sees the
        // fields.
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
                    // SAFETY: from a box, and no other thread has seen the pointer.
                    drop(unsafe { Box::from_raw(new) });
                    seen = found;
                }
            }
        }
    }
}

/// A task's side of its [`WakerCell`]. After it is dropped, the task is not woken any more.
pub(crate) struct WakerRegistration {
    generation: u32,
    cell: Arc<WakerCell>,
}

impl WakerRegistration {
    /// The registration of a waiting task that this waker wakes.
    pub(crate) fn new(waker: &Waker) -> Self {
        Self { generation: fork::generation(), cell: Arc::new(WakerCell::new(waker.clone())) }
    }

    /// Whether the task registered in this process.
    pub(crate) fn is_ours(&self) -> bool {
        self.generation == fork::generation()
    }

    /// The cell, for the notifier.
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
            // The parent's waker is leaked: dropping it might touch the parent's executor.
            core::mem::forget(self.cell());
        }
    }
}

impl fmt::Debug for WakerRegistration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WakerRegistration").field("is_ours", &self.is_ours()).finish_non_exhaustive()
    }
}
