//! What [`Condvar`](super::Condvar) needs of a guard: to give its lock back for a while.

use crate::error::LockError;
use crate::raw::patience::Patience;
use crate::segment::lock::ObjectLock;
use crate::sync::mutex::MutexGuard;
use crate::sync::reentrant_mutex::{LetGo, ReentrantMutexGuard};

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
        fn remember(&self);
        /// Tells whoever gets this guard of a death that was met before, and is told by it.
        fn tell(&mut self);
    }
}

/// The lock of a mutex, given back for a while.
#[derive(Debug)]
pub struct Unlocked<'a>(&'a ObjectLock);

impl<'a> sealed::Sealed for MutexGuard<'a> {
    type Unlocked = Unlocked<'a>;

    fn is_ours(&self) -> bool {
        self.hold.is_ours()
    }

    fn unlock(self) -> Unlocked<'a> {
        Unlocked(self.hold.lock())
    }

    fn lock(unlocked: Unlocked<'a>) -> Result<Self, LockError> {
        Ok(Self { hold: unlocked.0.lock(Patience::Forever)? })
    }

    fn recovered(&self) -> bool {
        self.hold.recovered()
    }

    fn remember(&self) {
        self.hold.remember();
    }

    fn tell(&mut self) {
        self.hold.tell();
    }
}

impl<'a> sealed::Sealed for ReentrantMutexGuard<'a> {
    type Unlocked = LetGo<'a>;

    fn is_ours(&self) -> bool {
        self.is_ours()
    }

    fn unlock(self) -> LetGo<'a> {
        self.let_go()
    }

    fn lock(unlocked: LetGo<'a>) -> Result<Self, LockError> {
        unlocked.lock()
    }

    fn recovered(&self) -> bool {
        self.recovered()
    }

    fn remember(&self) {
        self.lock.remember();
    }

    fn tell(&mut self) {
        self.lock.tell();
        self.recovered = true;
    }
}
