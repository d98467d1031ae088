//! [`ReentrantMutex`]: one thread at a time, which may lock it again.

use core::fmt;
use core::marker::PhantomData;
use std::time::Duration;

use crate::error::{LockError, SegmentError};
use crate::layout::fingerprint::{Fingerprint, Kind};
use crate::primitive::Ordering;
use crate::raw::mutex::MutexState;
use crate::raw::wait::Wait;
use crate::segment::lock::{ObjectLock, RawGuard};
use crate::segment::object::{Object, Region, Shape, sealed};
use crate::segment::object_macros::{object_handle, plain_object};
use crate::sys::fork;

/// How often a thread may have locked a mutex at one time.
const MAX_LEVELS: u64 = u32::MAX as u64;

/// A lock between processes that the thread which holds it may lock again.
///
/// For code that locks what its caller may have locked already. It is the thread's as long as any of its guards lives; they may be
/// dropped in any order, whichever handle they are of. They stay in their thread: nobody else can give it back.
///
/// **When a process is killed at any instruction:** the next locker gets the lock at once, however often the dead one held it, and
/// its first guard's [`recovered`](ReentrantMutexGuard::recovered) says that the last holder died holding it. Never a deadlock.
///
/// A [`Mutex`](super::Mutex) and, on its line, the number of guards, which only the holder touches: a new holder begins anew,
/// whatever the last one left. Locking again costs no system call and no atomic operation but loads and stores.
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
/// // Two lines, and none of another process between them.
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

/// A locked [`ReentrantMutex`]; dropping the last one of them unlocks. It stays in the thread that locked.
#[must_use = "dropping the last guard unlocks the mutex at once"]
pub struct ReentrantMutexGuard<'a> {
    pub(super) lock: &'a ObjectLock,
    pub(super) recovered: bool,
    /// Whether it was this one's handle by which the thread came to the lock.
    is_first: bool,
    generation: u32,
    /// A pthread mutex is unlocked by the thread that locked it.
    not_send: PhantomData<*const ()>,
}

impl ReentrantMutex {
    /// Locks, waiting as long as it takes; at once where this thread holds it already.
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

    /// Locks if nobody else holds it.
    ///
    /// # Errors
    /// [`LockError::WouldBlock`] if another thread or process holds the lock, and the errors of
    /// [`lock`](Self::lock).
    #[inline]
    pub fn try_lock(&self) -> Result<ReentrantMutexGuard<'_>, LockError> {
        self.lock_within(Wait::NonBlocking)
    }

    /// Locks, waiting no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// [`LockError::Timeout`] if the lock is not free until the timeout elapses, and the errors of
    /// [`lock`](Self::lock).
    #[inline]
    pub fn lock_timeout(&self, timeout: Duration) -> Result<ReentrantMutexGuard<'_>, LockError> {
        self.lock_within(Wait::Timeout(timeout))
    }

    #[inline]
    fn lock_within(&self, wait: Wait) -> Result<ReentrantMutexGuard<'_>, LockError> {
        match self.lock.lock(wait) {
            Ok(raw_guard) => {
                self.lock.inline_word().store(1, Ordering::Relaxed);
                Ok(ReentrantMutexGuard::first(raw_guard))
            }
            // Only the holder's own attempt finds the lock held by itself.
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
            is_first: false,
            generation: fork::generation(),
            not_send: PhantomData,
        })
    }
}

impl<'a> ReentrantMutexGuard<'a> {
    /// The guard that takes the place of a hold.
    #[inline]
    fn first(raw_guard: RawGuard<'a>) -> Self {
        let guard = Self {
            lock: raw_guard.lock(),
            recovered: raw_guard.recovered(),
            is_first: true,
            generation: fork::generation(),
            not_send: PhantomData,
        };
        // The handle knows that the lock is held without one, and keeps the memory mapped.
        core::mem::forget(raw_guard);
        guard
    }

    /// Whether the last holder died holding the lock. Only the first guard of a thread can know; see
    /// [`MutexGuard::recovered`](super::MutexGuard::recovered).
    #[inline]
    pub fn recovered(&self) -> bool {
        self.recovered
    }

    /// Whether it is this process that holds the lock, not the one it was forked from.
    #[inline]
    pub(super) fn is_ours(&self) -> bool {
        self.generation == fork::generation()
    }

    /// Gives the lock back as a whole, whatever other guards there are.
    pub(super) fn unlock_all(self) -> UnlockedReentrantMutex<'a> {
        let levels = self.lock.inline_word().load(Ordering::Relaxed);
        let released = UnlockedReentrantMutex { lock: self.lock, is_first: self.is_first, levels };
        core::mem::forget(self);
        released.lock.unlock_forgotten();
        released
    }
}

/// A lock that was given back for a while, with guards of it left.
#[derive(Debug)]
pub struct UnlockedReentrantMutex<'a> {
    lock: &'a ObjectLock,
    is_first: bool,
    /// How many guards there were, and are to be.
    levels: u64,
}

impl<'a> UnlockedReentrantMutex<'a> {
    /// Takes the lock again, for all of its guards, and waits as long as that takes.
    pub(super) fn lock(self) -> Result<ReentrantMutexGuard<'a>, LockError> {
        let raw_guard = self.lock.lock(Wait::Forever)?;
        self.lock.inline_word().store(self.levels, Ordering::Relaxed);
        let mut guard = ReentrantMutexGuard::first(raw_guard);
        if self.levels > 1 && !self.is_first {
            // Its handle may be gone before the other guards are.
            self.lock.hold_mapping();
            guard.is_first = false;
        }
        Ok(guard)
    }
}

impl Drop for ReentrantMutexGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        // A forked child's copy of its parent's: the child may hold the lock by others since then.
        if !self.is_ours() {
            return;
        }
        let levels = self.lock.inline_word().load(Ordering::Relaxed);
        if levels <= 1 {
            self.lock.unlock_forgotten();
            return;
        }
        self.lock.inline_word().store(levels - 1, Ordering::Relaxed);
        if self.is_first {
            // Others are left, perhaps of other handles.
            self.lock.hold_mapping();
        }
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

    fn build((): &(), region: &Region) {
        region.init_lock();
    }

    fn attach(region: Region) -> Result<Self, SegmentError> {
        Ok(Self { lock: ObjectLock::attach(region)? })
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
