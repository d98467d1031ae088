//! [`Once`]: something to be done by one process, before the others go on.

use core::fmt;
use std::time::Duration;

use crate::error::{LockError, SegmentError};
use crate::layout::fingerprint::{Fingerprint, Kind};
use crate::primitive::Ordering;
use crate::raw::kinds::once::{DONE, NEW, RUNNING};
use crate::raw::mutex::MutexState;
use crate::raw::wait::Wait;
use crate::segment::lock::{ObjectLock, RawGuard};
use crate::segment::object::{Object, Region, Shape, sealed};
use crate::segment::object_macros::{object_handle, plain_object};

/// Something that is done once for all processes.
///
/// What it is does not matter: filling the other objects of a segment, making files. The first that comes does it, and others wait
/// until it is done; from then on, [`call_once`](Self::call_once) is one load. What was done is seen by whoever comes after.
///
/// **When a process is killed at any instruction:** it is done or it is not. Where it is not, the next caller runs its function
/// instead, is told by [`OnceState::recovered`] that somebody has begun before, and should begin with a clean slate. It is done with the
/// one store behind the function.
///
/// std's `Once` between processes: a word, and a robust mutex to wait for.
///
/// ```
/// use breezeway::sync::Once;
/// use breezeway::{Array, Segment};
///
/// # let name = format!("breezeway-doc-once-{}", std::process::id());
/// # let name = name.as_str();
/// let segment = Segment::open_or_create(name, 1 << 16)?;
/// let table = segment.get_or_add::<Array<u64>>("squares", 100)?;
/// let once = segment.get_or_add::<Once>("squares are there", ())?;
/// once.call_once(|_| {
///     let mut table = table.lock().unwrap();
///     table.iter_mut().zip(0..).for_each(|(square, n)| *square = n * n);
/// })?;
/// assert_eq!(table.get(9), Some(81));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "OnceLock")]
#[derive(Clone)]
pub struct Once {
    lock: ObjectLock,
}

/// What the function of a [`Once`] is told.
#[derive(Debug)]
pub struct OnceState {
    recovered: bool,
}

impl OnceState {
    /// Whether somebody has begun before, and was killed in it or panicked.
    #[doc(alias = "is_poisoned")]
    pub fn recovered(&self) -> bool {
        self.recovered
    }
}

impl Once {
    /// Runs `f`, unless that or another process's was run to its end before. Waits for who is at it as long as it takes.
    ///
    /// # Errors
    /// [`LockError::Deadlock`] if an `f` of this `Once` calls this; [`LockError::NotAttached`] in a
    /// forked child that cannot register as a participant; [`LockError::Corrupt`] if the segment is
    /// damaged. Then `f` was not run. [`LockError::WouldBlock`] in a child that was forked in `f`:
    /// there `f` is not completed, because the parent is the one that runs it.
    ///
    /// # Panics
    /// Where `f` does. Then it is not done.
    #[doc(alias = "call_once_force")]
    #[inline]
    pub fn call_once(&self, f: impl FnOnce(&OnceState)) -> Result<(), LockError> {
        self.call_within(Wait::Forever, f)
    }

    /// The same, unless somebody is at it just now.
    ///
    /// # Errors
    /// [`LockError::WouldBlock`] if another caller is running its `f`, and the errors of
    /// [`call_once`](Self::call_once).
    ///
    /// # Panics
    /// Where `f` does.
    #[inline]
    pub fn try_call_once(&self, f: impl FnOnce(&OnceState)) -> Result<(), LockError> {
        self.call_within(Wait::NonBlocking, f)
    }

    /// The same, waiting for who is at it no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// [`LockError::Timeout`] if another caller is still running its `f` when the timeout elapses,
    /// and the errors of [`call_once`](Self::call_once).
    ///
    /// # Panics
    /// Where `f` does.
    #[inline]
    pub fn call_once_timeout(&self, timeout: Duration, f: impl FnOnce(&OnceState)) -> Result<(), LockError> {
        self.call_within(Wait::Timeout(timeout), f)
    }

    /// Whether it is done.
    #[inline]
    pub fn is_completed(&self) -> bool {
        // ORDER: Acquire pairs with the Release in `call_slow`.
        self.lock.inline_word().load(Ordering::Acquire) == DONE
    }

    #[inline(always)]
    fn call_within(&self, wait: Wait, f: impl FnOnce(&OnceState)) -> Result<(), LockError> {
        if self.is_completed() { Ok(()) } else { self.call_slow(wait, f) }
    }

    #[cold]
    fn call_slow(&self, wait: Wait, f: impl FnOnce(&OnceState)) -> Result<(), LockError> {
        let raw_guard = self.lock.lock_without_report(wait)?;
        let word = self.lock.inline_word();
        // ORDER: relaxed, this load and the next store; the lock orders them.
        let recovered = match word.load(Ordering::Relaxed) {
            NEW => false,
            RUNNING => true,
            DONE => return Ok(()),
            _ => return Err(LockError::Corrupt { what: "the state of a once" }),
        };
        word.store(RUNNING, Ordering::Relaxed);
        f(&OnceState { recovered });
        self.complete(raw_guard)
    }

    fn complete(&self, raw_guard: RawGuard<'_>) -> Result<(), LockError> {
        if !raw_guard.is_ours() {
            return Err(LockError::WouldBlock);
        }
        // ORDER: Release pairs with the Acquire in `is_completed`. The commit.
        self.lock.inline_word().store(DONE, Ordering::Release);
        Ok(())
    }
}

impl Object for Once {}

impl sealed::ObjectImpl for Once {
    type Plan = ();

    fn fingerprint() -> Fingerprint {
        Fingerprint::of::<()>(Kind::Once)
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

plain_object!(Once);
object_handle!([] Once);

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once")
            .field("segment", self.segment())
            .field("is_completed", &self.is_completed())
            .finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(Once: Send, Sync, Clone);
