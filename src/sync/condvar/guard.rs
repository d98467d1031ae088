//! What [`Condvar`](super::Condvar) needs of a guard: to give its lock back for a while.

use crate::error::LockError;
use crate::raw::wait::Wait;
use crate::segment::lock::ObjectLock;
use crate::sync::mutex::MutexGuard;
use crate::sync::reentrant_mutex::{ReentrantMutexGuard, UnlockedReentrantMutex};

/// A guard that a [`Condvar`](super::Condvar) can wait with: [`MutexGuard`], [`ReentrantMutexGuard`]. Implemented by this crate
/// only.
pub trait WaitGuard: sealed::Sealed {}

impl WaitGuard for MutexGuard<'_> {}
impl WaitGuard for ReentrantMutexGuard<'_> {}

pub(super) mod sealed {
    use crate::error::LockError;

    /// Keeps `WaitGuard` this crate's.
    pub trait Sealed: Sized {
        /// The lock, given back.
        type Unlocked;
        /// Whether it is this process's guard, not a copy of its parent's.
        fn is_ours(&self) -> bool;
        fn unlock(self) -> Self::Unlocked;
        fn lock(unlocked: Self::Unlocked) -> Result<Self, LockError>;
        fn recovered(&self) -> bool;
        /// Keeps the news of a death for the next guard.
        fn set_death_pending(&self);
        /// Tells whoever gets this guard of a death that was met before, and is told by it.
        fn report_recovery(&mut self);
    }
}

/// The lock of a mutex, given back for a while.
#[derive(Debug)]
pub struct UnlockedMutex<'a>(&'a ObjectLock);

impl<'a> sealed::Sealed for MutexGuard<'a> {
    type Unlocked = UnlockedMutex<'a>;

    fn is_ours(&self) -> bool {
        self.raw_guard.is_ours()
    }

    fn unlock(self) -> UnlockedMutex<'a> {
        UnlockedMutex(self.raw_guard.lock())
    }

    fn lock(unlocked: UnlockedMutex<'a>) -> Result<Self, LockError> {
        Ok(Self { raw_guard: unlocked.0.lock(Wait::Forever)? })
    }

    fn recovered(&self) -> bool {
        self.raw_guard.recovered()
    }

    fn set_death_pending(&self) {
        self.raw_guard.set_death_pending();
    }

    fn report_recovery(&mut self) {
        self.raw_guard.report_recovery();
    }
}

impl<'a> sealed::Sealed for ReentrantMutexGuard<'a> {
    type Unlocked = UnlockedReentrantMutex<'a>;

    fn is_ours(&self) -> bool {
        self.is_ours()
    }

    fn unlock(self) -> UnlockedReentrantMutex<'a> {
        self.unlock_all()
    }

    fn lock(unlocked: UnlockedReentrantMutex<'a>) -> Result<Self, LockError> {
        unlocked.lock()
    }

    fn recovered(&self) -> bool {
        self.recovered()
    }

    fn set_death_pending(&self) {
        self.lock.set_death_pending();
    }

    fn report_recovery(&mut self) {
        self.lock.take_death_pending();
        self.recovered = true;
    }
}
