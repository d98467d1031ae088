//! [`ReentrantMutex`]: a lock that the thread which holds it may lock again.

use core::fmt;
use core::marker::PhantomData;
use std::time::Duration;

use crate::error::{LockError, SegmentError};
use crate::layout::fingerprint::{Fingerprint, Kind};
use crate::primitive::Ordering;
use crate::raw::mutex::MutexState;
use crate::raw::wait::{Timeout, Wait};
use crate::segment::lock::owner::ByThread;
use crate::segment::lock::{ObjectLock, RawGuard};
use crate::segment::object::{Object, Region, Shape, sealed};
use crate::segment::object_macros::{object_handle, plain_object};
use crate::sys::fork::ForkGeneration;

/// The most guards of one mutex that a thread may have at a time.
const MAX_LEVELS: u64 = u32::MAX as u64;

/// A lock between processes that the thread which holds it may lock again.
///
/// It is for code that locks what its caller may have locked already. The thread holds the lock as
/// long as any of its guards lives; they may be dropped in any order, and may be guards of
/// different handles. Guards stay in their thread: no other thread can unlock.
///
/// **When a process is killed at any instruction:** a locker that comes after the death gets the
/// lock at once, one that was parked already within milliseconds, however often the dead process
/// had locked it. The first guard's [`recovered`](ReentrantMutexGuard::recovered) says that the
/// last holder died holding the lock. No death leads to a deadlock.
///
/// It is a [`Mutex`](super::Mutex) with the number of guards on its cache line. Only the holder
/// touches that number, and a new holder begins at 1, whatever the last one left. Locking again
/// costs no system call and no read-modify-write operation that succeeds. It has no futures: levels
/// are a thread's, and a task moves between threads.
///
/// ```
/// use breezeway::sync::ReentrantMutex;
/// use breezeway::LockError;
///
/// fn print(printer: &ReentrantMutex, line: &str) -> Result<(), LockError> {
///     let guard = printer.lock()?;
///     // One line at a time.
///     Ok(())
/// }
///
/// # let name = format!("breezeway-doc-reentrant-{}", std::process::id());
/// # let name = name.as_str();
/// let printer = ReentrantMutex::open_or_create(name)?;
/// let guard = printer.lock()?;
/// // Two lines, with no other process's line between them.
/// print(&printer, "one")?;
/// print(&printer, "another")?;
/// drop(guard);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "RLock")]
#[derive(Clone)]
pub struct ReentrantMutex {
    lock: ObjectLock,
}

/// One level of a locked [`ReentrantMutex`]; dropping the thread's last guard unlocks it. The guard
/// stays in the thread that locked.
#[must_use = "dropping the last guard unlocks the mutex at once"]
pub struct ReentrantMutexGuard<'a> {
    pub(super) lock: &'a ObjectLock,
    pub(super) recovered: bool,
    generation: ForkGeneration,
    /// The levels are the thread's.
    not_send: PhantomData<*const ()>,
}

impl ReentrantMutex {
    /// Locks the mutex, waiting for it without a timeout. Returns at once if this thread holds it.
    ///
    /// # Errors
    /// [`LockError::TooDeep`] if this thread has four billion guards; [`LockError::NotAttached`] in
    /// a forked child that cannot register as a participant; [`LockError::Corrupt`] if the segment
    /// is damaged.
    #[doc(alias = "acquire")]
    #[inline]
    pub fn lock(&self) -> Result<ReentrantMutexGuard<'_>, LockError> {
        self.lock_within(Wait::Forever)
    }

    /// Locks the mutex if no other thread or process holds it, without waiting.
    ///
    /// # Errors
    /// [`LockError::WouldBlock`] if another thread or process holds the lock, and the errors of
    /// [`lock`](Self::lock).
    #[inline]
    pub fn try_lock(&self) -> Result<ReentrantMutexGuard<'_>, LockError> {
        self.lock_within(Wait::NonBlocking)
    }

    /// Locks the mutex, waiting for it no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// [`LockError::Timeout`] if the lock is not free until the timeout elapses, and the errors of
    /// [`lock`](Self::lock).
    #[inline]
    pub fn lock_timeout(&self, timeout: Duration) -> Result<ReentrantMutexGuard<'_>, LockError> {
        self.lock_within(Wait::Until(&Timeout::new(timeout)))
    }

    #[inline]
    fn lock_within(&self, wait: Wait) -> Result<ReentrantMutexGuard<'_>, LockError> {
        match self.lock.lock::<ByThread>(wait) {
            Ok(raw_guard) => {
                self.lock.inline_word().store(1, Ordering::Relaxed);
                Ok(ReentrantMutexGuard::first(raw_guard))
            }
            // Only the holder's own attempt returns this.
            Err(LockError::Deadlock) => self.lock_nested(),
            Err(error) => Err(error),
        }
    }

    fn lock_nested(&self) -> Result<ReentrantMutexGuard<'_>, LockError> {
        let levels = self.lock.inline_word().load(Ordering::Relaxed);
        if levels >= MAX_LEVELS {
            return Err(LockError::TooDeep { limit: MAX_LEVELS as usize });
        }
        self.lock.inline_word().store(levels + 1, Ordering::Relaxed);
        Ok(ReentrantMutexGuard {
            lock: &self.lock,
            recovered: false,
            generation: ForkGeneration::current(),
            not_send: PhantomData,
        })
    }
}

impl<'a> ReentrantMutexGuard<'a> {
    /// The guard that takes the place of `raw_guard`.
    #[inline]
    fn first(raw_guard: RawGuard<'a>) -> Self {
        let guard = Self {
            lock: raw_guard.lock(),
            recovered: raw_guard.recovered(),
            generation: ForkGeneration::current(),
            not_send: PhantomData,
        };
        // The levels say when to unlock.
        core::mem::forget(raw_guard);
        guard
    }

    /// Whether the last holder died holding the lock; only the first of a thread's guards says so.
    ///
    /// What that means for the data is as for
    /// [`MutexGuard::recovered`](super::MutexGuard::recovered).
    #[inline]
    pub fn recovered(&self) -> bool {
        self.recovered
    }

    /// Whether this process holds the lock; `false` in a forked child, whose parent holds it.
    #[inline]
    pub(super) fn is_ours(&self) -> bool {
        self.generation.is_current()
    }

    /// Unlocks all levels at once, even if the thread has other guards.
    pub(super) fn unlock_all(self) -> UnlockedReentrantMutex<'a> {
        let levels = self.lock.inline_word().load(Ordering::Relaxed);
        let released = UnlockedReentrantMutex { lock: self.lock, levels };
        core::mem::forget(self);
        released.lock.unlock_forgotten();
        released
    }
}

/// A lock that is unlocked for the time of a wait, while guards of it may be left.
#[derive(Debug)]
pub struct UnlockedReentrantMutex<'a> {
    lock: &'a ObjectLock,
    /// The number of guards, before the wait and after it.
    levels: u64,
}

impl<'a> UnlockedReentrantMutex<'a> {
    /// Locks all levels again, without a timeout.
    pub(super) fn lock(self) -> Result<ReentrantMutexGuard<'a>, LockError> {
        let raw_guard = self.lock.lock(Wait::Forever)?;
        self.lock.inline_word().store(self.levels, Ordering::Relaxed);
        Ok(ReentrantMutexGuard::first(raw_guard))
    }
}

impl Drop for ReentrantMutexGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        // In a forked child this is a copy of its parent's guard, and the child may hold the lock
        // by guards of its own.
        if !self.is_ours() {
            return;
        }
        let levels = self.lock.inline_word().load(Ordering::Relaxed);
        if levels <= 1 {
            self.lock.unlock_forgotten();
            return;
        }
        self.lock.inline_word().store(levels - 1, Ordering::Relaxed);
    }
}

impl Object for ReentrantMutex {}

impl sealed::ObjectImpl for ReentrantMutex {
    type Plan = ();

    fn fingerprint() -> Fingerprint {
        Fingerprint::of::<()>(Kind::ReentrantMutex)
    }

    fn shape((): &()) -> Shape {
        Shape::ONE
    }

    fn length(shape: Shape) -> Option<u64> {
        (shape == Shape::ONE).then_some(size_of::<MutexState>() as u64)
    }

    fn build((): &(), _: &Region) {
        // All zeros are a free lock.
    }

    fn attach(region: Region) -> Result<Self, SegmentError> {
        Ok(Self { lock: ObjectLock::attach(region) })
    }

    fn region(&self) -> &Region {
        self.lock.region()
    }
}

plain_object!(ReentrantMutex);
object_handle!([] ReentrantMutex);

impl fmt::Debug for ReentrantMutex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReentrantMutex").field("segment", self.segment()).finish_non_exhaustive()
    }
}

impl fmt::Debug for ReentrantMutexGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReentrantMutexGuard").field("recovered", &self.recovered()).finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(ReentrantMutex: Send, Sync, Clone);
static_assertions::assert_not_impl_any!(ReentrantMutexGuard<'static>: Send);
