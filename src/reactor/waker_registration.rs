//! [`WakerRegistration`]: a task's waker cell, on the side of the task.

use core::fmt;
use core::ops::Deref;
use core::task::Waker;

use super::waker_cell::WakerCell;
use crate::primitive::Arc;
use crate::sys::fork;

/// A task's [`WakerCell`], on the side of the task. Once it is dropped, no notifier wakes the task.
pub(crate) struct WakerRegistration {
    /// The fork generation of the process in which the task registered.
    generation: u32,
    cell: Arc<WakerCell>,
}

impl WakerRegistration {
    /// Registers a waiting task, which `waker` wakes.
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
            // In a forked child the waker belongs to the parent's executor: it is not dropped here.
            core::mem::forget(self.cell());
        }
    }
}

impl fmt::Debug for WakerRegistration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WakerRegistration").field("is_ours", &self.is_ours()).finish_non_exhaustive()
    }
}
