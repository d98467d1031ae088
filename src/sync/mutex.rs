//! [`Mutex`]: a lock that one thread of one process holds at a time.

use core::fmt;
use std::time::Duration;

use crate::error::{LockError, SegmentError};
use crate::layout::fingerprint::{Fingerprint, Kind};
use crate::raw::mutex::MutexState;
use crate::raw::wait::{Timeout, Wait};
use crate::segment::lock::owner::{ByTask, ByThread, LockOwner};
use crate::segment::lock::{ObjectLock, RawGuard};
use crate::segment::object::{Object, Region, Shape, sealed};
use crate::segment::object_macros::{object_handle, plain_object};

/// A lock between processes, which one thread of one process holds at a time.
///
/// It protects what its users agree on: a file, a device, several objects of a segment at once.
/// Data that lives in shared memory is better kept in a [`Value`](crate::Value) or an
/// [`Array`](crate::Array), each of which has a lock of its own.
///
/// **When a process is killed at any instruction:** a locker that comes after the death gets the
/// lock at once, one that was parked already within milliseconds. Its guard's
/// [`recovered`](MutexGuard::recovered) says that the last holder died holding the lock. No death
/// leads to a deadlock. A process that is stopped is alive, and keeps the lock.
///
/// The lock is one word that names its holder, by its registration with the segment and its thread;
/// whether the holder lives is asked of the kernel. A locker spins for some microseconds, asks,
/// then parks for at most 5 ms at a time, and asks again after each. A [`try_lock`](Self::try_lock)
/// that fails makes no system call, except that a handle asks at most once a millisecond. The lock
/// is not fair, and not reentrant: a thread that locks it twice gets [`LockError::Deadlock`].
///
/// ```
/// use breezeway::sync::Mutex;
///
/// # let name = format!("breezeway-doc-mutex-{}", std::process::id());
/// # let name = name.as_str();
/// let printer = Mutex::open_or_create(name)?;
/// let guard = printer.lock()?;
/// if guard.recovered() {
///     // The last holder was killed: check what it left.
/// }
/// // Only this process prints now.
/// drop(guard);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "Lock")]
#[derive(Clone)]
pub struct Mutex {
    lock: ObjectLock,
}

/// A locked [`Mutex`]; dropping the guard unlocks it.
///
/// A guard of [`lock`](Mutex::lock) and its kin stays in the thread that locked. A guard of a
/// future is a `MutexGuard<'_, ByTask>`, which belongs to the task and is [`Send`]. A guard that is
/// forgotten instead of dropped keeps the lock until its process detaches from the segment, or, if
/// its thread has ended, until the same process locks again.
#[must_use = "dropping the guard unlocks the mutex at once"]
pub struct MutexGuard<'a, O = ByThread> {
    pub(super) raw_guard: RawGuard<'a, O>,
}

impl Mutex {
    /// Locks the mutex, waiting for it without a timeout.
    ///
    /// # Errors
    /// [`LockError::Deadlock`] if this thread holds the lock already; [`LockError::NotAttached`] in
    /// a forked child that cannot register as a participant; [`LockError::Corrupt`] if the segment
    /// is damaged.
    #[doc(alias = "acquire")]
    #[doc(alias = "pthread_mutex_lock")]
    #[inline]
    pub fn lock(&self) -> Result<MutexGuard<'_>, LockError> {
        self.lock_within(Wait::Forever)
    }

    /// Locks the mutex if no other thread or process holds it, without waiting.
    ///
    /// # Errors
    /// [`LockError::WouldBlock`] if another thread or process holds the lock, and the errors of
    /// [`lock`](Self::lock).
    #[doc(alias = "pthread_mutex_trylock")]
    #[inline]
    pub fn try_lock(&self) -> Result<MutexGuard<'_>, LockError> {
        self.lock_within(Wait::NonBlocking)
    }

    /// Locks the mutex, waiting for it no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// [`LockError::Timeout`] if the lock is not free until the timeout elapses, and the errors of
    /// [`lock`](Self::lock).
    #[doc(alias = "pthread_mutex_timedlock")]
    #[inline]
    pub fn lock_timeout(&self, timeout: Duration) -> Result<MutexGuard<'_>, LockError> {
        self.lock_within(Wait::Until(&Timeout::new(timeout)))
    }

    #[inline]
    pub(super) fn lock_within<O: LockOwner>(&self, wait: Wait) -> Result<MutexGuard<'_, O>, LockError> {
        Ok(MutexGuard { raw_guard: self.lock.lock(wait)? })
    }

    /// Locks for a caller to which a death report cannot be delivered: it stays pending for the
    /// next guard.
    #[cfg(feature = "raw_sync")]
    pub(super) fn lock_without_report(&self, wait: Wait) -> Result<MutexGuard<'_>, LockError> {
        Ok(MutexGuard { raw_guard: self.lock.lock_without_report(wait)? })
    }

    /// A guard in the place of the one that this thread forgot; `None` if it forgot none.
    #[cfg(feature = "raw_sync")]
    pub(super) fn forgotten_guard(&self) -> Option<MutexGuard<'_>> {
        Some(MutexGuard { raw_guard: self.lock.forgotten_raw_guard()? })
    }
}

impl<O> MutexGuard<'_, O> {
    /// Whether the last holder died holding the lock.
    ///
    /// What the lock protects may then be half changed. Once this guard is dropped, the death
    /// counts as dealt with; the next guard reports it again only if this process dies before that.
    #[inline]
    pub fn recovered(&self) -> bool {
        self.raw_guard.recovered()
    }
}

impl Object for Mutex {}

impl sealed::ObjectImpl for Mutex {
    type Plan = ();

    fn fingerprint() -> Fingerprint {
        Fingerprint::of::<()>(Kind::Mutex)
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

plain_object!(Mutex);
object_handle!([] Mutex);

impl fmt::Debug for Mutex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex").field("segment", self.segment()).finish_non_exhaustive()
    }
}

impl<O> fmt::Debug for MutexGuard<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MutexGuard").field("recovered", &self.recovered()).finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(Mutex: Send, Sync, Clone);
static_assertions::assert_not_impl_any!(MutexGuard<'static>: Send);
static_assertions::assert_impl_all!(MutexGuard<'static, ByTask>: Send, Sync);
