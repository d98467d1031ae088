//! [`Once`]: an initialisation that one process does, before the others go on.

use core::fmt;
use std::time::Duration;

use crate::error::{LockError, SegmentError};
use crate::layout::fingerprint::{Fingerprint, Kind};
use crate::primitive::Ordering;
use crate::raw::kinds::once::{DONE, NEW, RUNNING};
use crate::raw::mutex::MutexState;
use crate::raw::wait::{Timeout, Wait};
use crate::segment::lock::owner::ByThread;
use crate::segment::lock::{ObjectLock, RawGuard};
use crate::segment::object::{Object, Region, Shape, sealed};
use crate::segment::object_macros::{object_handle, plain_object};

/// An initialisation that is done once for all processes.
///
/// It may be anything: filling the other objects of a segment, making files. The first caller runs
/// its function, and the others wait until it has run; from then on [`call_once`](Self::call_once)
/// is one load. All callers see what the function did.
///
/// **When a process is killed at any instruction:** the initialisation is done or it is not. If it
/// is not, the next caller runs its function instead: [`OnceState::recovered`] tells it that an
/// earlier caller began, and it should start from a clean state. The one store after the function
/// makes the initialisation done.
///
/// It is std's `Once` between processes: a word, and a lock to wait for.
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

/// What the function of a [`Once`] learns of earlier callers.
#[derive(Debug)]
pub struct OnceState {
    recovered: bool,
}

impl OnceState {
    /// Whether an earlier caller's function was killed, or panicked, before its end.
    #[doc(alias = "is_poisoned")]
    pub fn recovered(&self) -> bool {
        self.recovered
    }
}

impl Once {
    /// Runs `f`, unless a caller's function has run to its end before. If another caller is running
    /// its function, waits for it without a timeout.
    ///
    /// If `f` panics, the initialisation is not done.
    ///
    /// # Errors
    /// [`LockError::Deadlock`] if an `f` of this `Once` calls this; [`LockError::NotAttached`] in a
    /// forked child that cannot register as a participant; [`LockError::Corrupt`] if the segment is
    /// damaged. Then `f` was not run. [`LockError::WouldBlock`] in a child that was forked in `f`:
    /// there `f` is not completed, because the parent is the one that runs it.
    ///
    /// # Panics
    /// If `f` panics.
    #[doc(alias = "call_once_force")]
    #[inline]
    pub fn call_once(&self, f: impl FnOnce(&OnceState)) -> Result<(), LockError> {
        self.call_within(Wait::Forever, f)
    }

    /// Runs `f` as [`call_once`](Self::call_once) does, without waiting for another caller.
    ///
    /// # Errors
    /// [`LockError::WouldBlock`] if another caller is running its `f`, and the errors of
    /// [`call_once`](Self::call_once).
    ///
    /// # Panics
    /// If `f` panics.
    #[inline]
    pub fn try_call_once(&self, f: impl FnOnce(&OnceState)) -> Result<(), LockError> {
        self.call_within(Wait::NonBlocking, f)
    }

    /// Runs `f` as [`call_once`](Self::call_once) does, and waits for another caller no longer than
    /// `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// [`LockError::Timeout`] if another caller is still running its `f` when the timeout elapses,
    /// and the errors of [`call_once`](Self::call_once).
    ///
    /// # Panics
    /// If `f` panics.
    #[inline]
    pub fn call_once_timeout(&self, timeout: Duration, f: impl FnOnce(&OnceState)) -> Result<(), LockError> {
        self.call_within(Wait::Until(&Timeout::new(timeout)), f)
    }

    /// Whether a caller's function has run to its end.
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
        let raw_guard = self.lock.lock::<ByThread>(wait)?;
        let word = self.lock.inline_word();
        // ORDER: relaxed, this load and the next store; the lock orders them.
        let recovered = match word.load(Ordering::Relaxed) {
            NEW => false,
            RUNNING => true,
            // Another caller was first, while this one waited for the lock.
            DONE => return Ok(()),
            _ => return Err(LockError::Corrupt { what: "the state of a once" }),
        };
        word.store(RUNNING, Ordering::Relaxed);
        f(&OnceState { recovered });
        self.complete(raw_guard)
    }

    fn complete(&self, raw_guard: RawGuard<'_>) -> Result<(), LockError> {
        // `f` may have forked, and the parent is the one that completes.
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
