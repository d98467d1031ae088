//! [`RwLockReadGuard`] and [`RwLockWriteGuard`]: an [`RwLock`] that is locked.

use core::fmt;

use super::RwLock;
use crate::primitive::AtomicU64;
use crate::segment::lock::RawGuard;
use crate::sys::fork::ForkGeneration;

/// An [`RwLock`] locked to read; dropping the guard unlocks it.
///
/// Another thread may drop it. In a forked child it has no effect: the lock is the parent's. A
/// forgotten guard counts as a reader until its process detaches from the segment.
#[must_use = "dropping the guard unlocks at once"]
pub struct RwLockReadGuard<'a> {
    pub(super) lock: &'a RwLock,
    /// The number of this process's readers.
    pub(super) count: &'a AtomicU64,
    pub(super) generation: ForkGeneration,
    pub(super) recovered: bool,
}

/// An [`RwLock`] locked to write; dropping the guard unlocks it. The guard stays in the thread that
/// locked.
#[must_use = "dropping the guard unlocks at once"]
pub struct RwLockWriteGuard<'a> {
    pub(super) lock: &'a RwLock,
    /// Dropped last.
    pub(super) raw_guard: RawGuard<'a>,
    pub(super) recovered: bool,
}

impl RwLockReadGuard<'_> {
    /// Whether a writer died holding the lock, and no writer has locked it since. What the lock
    /// protects may be half changed.
    #[inline]
    pub fn recovered(&self) -> bool {
        self.recovered
    }
}

impl RwLockWriteGuard<'_> {
    /// Whether a writer died holding the lock, and no writer has locked it since.
    ///
    /// What the lock protects may be half changed. The guards that follow report this death again
    /// only if this process dies before it drops this guard.
    #[inline]
    pub fn recovered(&self) -> bool {
        self.recovered
    }
}

impl Drop for RwLockReadGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.generation.is_current() {
            self.lock.raw_lock().leave(self.count);
        }
    }
}

impl Drop for RwLockWriteGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.raw_guard.is_ours() {
            self.lock.raw_lock().finish();
        }
    }
}

impl fmt::Debug for RwLockReadGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RwLockReadGuard").field("recovered", &self.recovered()).finish_non_exhaustive()
    }
}

impl fmt::Debug for RwLockWriteGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RwLockWriteGuard").field("recovered", &self.recovered()).finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(RwLockReadGuard<'static>: Send, Sync);
static_assertions::assert_not_impl_any!(RwLockWriteGuard<'static>: Send);
