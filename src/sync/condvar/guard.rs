//! [`WaitGuard`]: a guard that a [`Condvar`](super::Condvar) unlocks for the time of a wait.

use crate::error::LockError;
use crate::raw::wait::Wait;
use crate::segment::lock::ObjectLock;
use crate::sync::mutex::MutexGuard;
use crate::sync::reentrant_mutex::{ReentrantMutexGuard, UnlockedReentrantMutex};

/// A guard that a [`Condvar`](super::Condvar) can wait with: [`MutexGuard`] or
/// [`ReentrantMutexGuard`]. Only this crate implements it.
#[diagnostic::on_unimplemented(
    message = "a `Condvar` cannot wait with `{Self}`",
    label = "not the guard of a mutex",
    note = "wait with the guard of a `sync::Mutex` or a `sync::ReentrantMutex`"
)]
pub trait WaitGuard: sealed::Sealed {}

impl WaitGuard for MutexGuard<'_> {}
impl WaitGuard for ReentrantMutexGuard<'_> {}

pub(super) mod sealed {
    use crate::error::LockError;

    /// What a [`Condvar`](crate::sync::Condvar) does with a guard, and what keeps others from
    /// implementing `WaitGuard`.
    pub trait Sealed: Sized {
        /// The lock, unlocked for the time of a wait.
        type Unlocked;
        /// Whether this process holds the lock; `false` in a forked child, whose parent holds it.
        fn is_ours(&self) -> bool;
        fn unlock(self) -> Self::Unlocked;
        fn lock(unlocked: Self::Unlocked) -> Result<Self, LockError>;
        fn recovered(&self) -> bool;
        /// Keeps the death report for the next guard.
        fn set_report(&self);
        /// Has this guard deliver a death report that an earlier guard received.
        fn report_recovery(&mut self);
    }
}

/// The lock of a mutex, unlocked for the time of a wait.
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

    fn set_report(&self) {
        self.raw_guard.set_report();
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

    fn set_report(&self) {
        self.lock.set_report();
    }

    fn report_recovery(&mut self) {
        self.lock.take_report();
        self.recovered = true;
    }
}
