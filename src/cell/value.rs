//! [`Value`]: one value that is written under a lock and read without it.

use core::fmt;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ops::{Deref, DerefMut};
use std::time::Duration;

use crate::error::{LockError, SegmentError};
use crate::layout::fingerprint::{Fingerprint, Kind};
use crate::primitive::{AtomicU64, Ordering};
use crate::raw::atomic_copy::{self, WORD};
use crate::raw::mutex::MutexState;
use crate::raw::seqlock::Versioned;
use crate::raw::wait::Wait;
use crate::segment::lock::owner::{ByTask, ByThread, LockOwner};
use crate::segment::lock::{ObjectLock, RawGuard};
use crate::segment::object::{Initial, Object, Region, Shape, sealed};
use crate::segment::object_macros::{object_handle, single_object};
use crate::shareable::{self, AnyBits, Shareable};

/// A value that processes share.
///
/// Each write takes the value's lock, so no write comes in between during a locked section. Reads
/// take no lock: [`get`](Self::get) copies the value published last, whole, even if a writer is
/// about to replace it.
///
/// **When a process is killed at any instruction:** the value is the old one or the new one, never
/// a mixture. Readers never wait for a writer, dead or alive. The lock passes on; since no reader
/// can see half a write, there is no poisoning.
///
/// The commit of a write is one store: of the value itself if it has up to 8 bytes, else of a
/// version number. (It is the sequence lock of Boehm, MSPC 2012, over two slots, or four for more
/// than 64 bytes, so that the current slot is never written to.)
///
/// ```
/// use breezeway::Value;
///
/// # let name = format!("breezeway-doc-value-{}", std::process::id());
/// # let name = name.as_str();
/// let here = Value::create(name, 20.0)?;
/// let there = Value::<f64>::open(name)?; // in any process of this user
///
/// there.set(50.0)?;
/// *there.lock()? += 1.0;
/// there.update(|v| *v *= 2.0)?;
/// assert_eq!(here.get(), 102.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Value<T> {
    lock: ObjectLock,
    of: PhantomData<fn(T) -> T>,
}

/// A locked section of a [`Value`]: a private copy to work on, published when the guard is dropped.
///
/// The copy is not published after [`discard`](Self::discard), if a panic unwinds through the
/// guard, if the copy was never borrowed mutably, or in a forked child. The guard stays in the
/// thread that locked, unless a future gave it: a `ValueGuard<'_, T, ByTask>` is [`Send`].
#[must_use = "dropping the guard unlocks the value at once"]
pub struct ValueGuard<'a, T: Shareable, O = ByThread> {
    copy: T,
    publish: bool,
    panicking: bool,
    value: &'a Value<T>,
    /// Dropped last: after the copy is published.
    raw_guard: RawGuard<'a, O>,
}

/// The reads that writers may spoil before the reader asks for the lock.
const OPTIMISTIC_READS: u32 = 64;

impl<T: Shareable> Value<T> {
    const IS_SMALL: bool = size_of::<T>() <= WORD;
    const SLOT_WORDS: usize = size_of::<T>().div_ceil(WORD);
    /// With four slots, the copy of a long value survives two writes that happen meanwhile.
    const HAS_FOUR_SLOTS: bool = size_of::<T>() > 64;
    const BODY_WORDS: usize = match (Self::IS_SMALL, Self::HAS_FOUR_SLOTS) {
        (true, _) => 0,
        (false, false) => 2 * Self::SLOT_WORDS,
        (false, true) => 4 * Self::SLOT_WORDS,
    };

    /// The slots, with a length that the compiler knows.
    #[inline(always)]
    fn slots(&self) -> &[AtomicU64] {
        &self.lock.body()[..Self::BODY_WORDS]
    }

    /// Copies the value, in one attempt; `false` if writers spoiled the copy.
    #[inline(always)]
    fn try_copy(&self, bytes: &mut [MaybeUninit<u8>]) -> bool {
        let version = self.lock.inline_word();
        if Self::IS_SMALL {
            // ORDER: Acquire pairs with the Release in `publish`: what was written before the value
            // is seen with it.
            atomic_copy::bytes_of_word(version.load(Ordering::Acquire), bytes);
            true
        } else if Self::HAS_FOUR_SLOTS {
            Versioned::<4>::new(version, self.slots()).try_read(bytes)
        } else {
            Versioned::<2>::new(version, self.slots()).try_read(bytes)
        }
    }

    /// Copies the value. The caller holds the lock.
    #[inline(always)]
    fn copy_locked(&self, bytes: &mut [MaybeUninit<u8>]) {
        let version = self.lock.inline_word();
        if Self::IS_SMALL {
            atomic_copy::bytes_of_word(version.load(Ordering::Relaxed), bytes);
        } else if Self::HAS_FOUR_SLOTS {
            Versioned::<4>::new(version, self.slots()).read_locked(bytes);
        } else {
            Versioned::<2>::new(version, self.slots()).read_locked(bytes);
        }
    }

    /// Copies the value, also while others write.
    #[inline(always)]
    fn copy(&self, bytes: &mut [MaybeUninit<u8>]) {
        if !self.try_copy(bytes) {
            self.copy_contended(bytes);
        }
    }

    #[cold]
    fn copy_contended(&self, bytes: &mut [MaybeUninit<u8>]) {
        loop {
            if (0..OPTIMISTIC_READS).any(|_| self.try_copy(bytes)) {
                return;
            }
            // Without waiting: the holder may not be writing, and then the next attempts succeed.
            match self.lock.lock_without_report::<ByThread>(Wait::NonBlocking) {
                // If the error is `Deadlock`, this thread holds the lock, and no other process
                // writes.
                _held @ (Ok(_) | Err(LockError::Deadlock)) => return self.copy_locked(bytes),
                // Another writer holds the lock, or this forked child cannot register.
                Err(_) => std::thread::yield_now(),
            }
        }
    }

    /// Makes `value` the current one. The caller holds the lock.
    #[inline(always)]
    fn publish(&self, value: &T) {
        let bytes = bytemuck::bytes_of(value);
        let version = self.lock.inline_word();
        if Self::IS_SMALL {
            // ORDER: Release pairs with the Acquire in `try_copy`. The commit.
            version.store(atomic_copy::word_of(bytes), Ordering::Release);
        } else if Self::HAS_FOUR_SLOTS {
            Versioned::<4>::new(version, self.slots()).publish(bytes);
        } else {
            Versioned::<2>::new(version, self.slots()).publish(bytes);
        }
    }

    /// Copies the value and checks that its bytes are a `T`, for types of which not every bit
    /// pattern is one (`bool`, `char`, enums). Takes no lock and never waits for a writer to
    /// finish.
    ///
    /// # Errors
    /// [`LockError::Corrupt`] if the bytes are no `T`, because another process wrote them as
    /// another type.
    #[inline]
    pub fn get_checked(&self) -> Result<T, LockError> {
        shareable::read(|bytes| self.copy(bytes)).ok_or(LockError::Corrupt { what: "a value" })
    }

    /// Copies the value. Takes no lock and never waits for a writer to finish.
    ///
    /// It is for types of which every bit pattern is a value; [`get_checked`](Self::get_checked)
    /// reads the others. If a program has damaged the segment, the value is what the bytes there
    /// say.
    #[doc(alias = "load")]
    #[inline]
    pub fn get(&self) -> T
    where
        T: AnyBits,
    {
        shareable::read_bits(|bytes| self.copy(bytes))
    }

    /// Replaces the value, waiting for the lock without a timeout.
    ///
    /// # Errors
    /// [`LockError::Deadlock`] if this thread holds the lock already; [`LockError::NotAttached`] in
    /// a forked child that cannot register as a participant; [`LockError::Corrupt`] if the segment
    /// is damaged.
    #[inline]
    pub fn set(&self, value: T) -> Result<(), LockError> {
        let _raw_guard = self.lock.lock_without_report::<ByThread>(Wait::Forever)?;
        self.publish(&value);
        Ok(())
    }

    /// Changes the value in a locked section and returns what `change` returns. If `change` panics,
    /// the value stays what it was.
    ///
    /// # Errors
    /// The errors of [`set`](Self::set). Then `change` was not called.
    ///
    /// # Panics
    /// If `change` panics.
    #[inline]
    pub fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> Result<R, LockError> {
        Ok(change(&mut *self.guard(self.lock.lock_without_report::<ByThread>(Wait::Forever)?)?))
    }

    /// Replaces the value and returns the old one.
    ///
    /// # Errors
    /// The errors of [`set`](Self::set).
    #[doc(alias = "swap")]
    #[inline]
    pub fn replace(&self, value: T) -> Result<T, LockError> {
        self.update(|current| core::mem::replace(current, value))
    }

    /// Replaces the value if it equals `current`, and returns the old value.
    ///
    /// After `?`, the result is that of std's atomics: the old value, as `Ok` if it was replaced
    /// and as `Err` if it was not.
    ///
    /// # Errors
    /// The errors of [`set`](Self::set).
    #[doc(alias = "compare_and_swap")]
    pub fn compare_exchange(&self, current: T, new: T) -> Result<Result<T, T>, LockError>
    where
        T: PartialEq,
    {
        let mut guard = self.guard(self.lock.lock_without_report::<ByThread>(Wait::Forever)?)?;
        if *guard != current {
            return Ok(Err(*guard));
        }
        Ok(Ok(core::mem::replace(&mut *guard, new)))
    }

    /// Begins a locked section, waiting for the lock without a timeout.
    ///
    /// # Errors
    /// The errors of [`set`](Self::set).
    #[doc(alias = "get_lock")]
    #[inline]
    pub fn lock(&self) -> Result<ValueGuard<'_, T>, LockError> {
        self.lock_within(Wait::Forever)
    }

    /// Begins a locked section if no other thread or process is in one, without waiting.
    ///
    /// # Errors
    /// [`LockError::WouldBlock`] if another thread or process holds the lock, and the errors of
    /// [`set`](Self::set).
    #[inline]
    pub fn try_lock(&self) -> Result<ValueGuard<'_, T>, LockError> {
        self.lock_within(Wait::NonBlocking)
    }

    /// Begins a locked section, waiting for the lock no longer than `timeout` (on the monotonic
    /// clock).
    ///
    /// # Errors
    /// [`LockError::Timeout`] if the lock is not free until the timeout elapses, and the errors of
    /// [`set`](Self::set).
    #[inline]
    pub fn lock_timeout(&self, timeout: Duration) -> Result<ValueGuard<'_, T>, LockError> {
        self.lock_within(Wait::Timeout(timeout))
    }

    #[inline]
    pub(super) fn lock_within<O: LockOwner>(&self, wait: Wait) -> Result<ValueGuard<'_, T, O>, LockError> {
        self.guard(self.lock.lock(wait)?)
    }

    #[inline]
    fn guard<'a, O>(&'a self, raw_guard: RawGuard<'a, O>) -> Result<ValueGuard<'a, T, O>, LockError> {
        let copy =
            shareable::read(|bytes| self.copy_locked(bytes)).ok_or_else(|| raw_guard.corrupt("a value"))?;
        Ok(ValueGuard { copy, publish: false, panicking: std::thread::panicking(), value: self, raw_guard })
    }
}

impl<T: Shareable, O> ValueGuard<'_, T, O> {
    /// Ends the section without publishing the copy: the value stays what it was.
    pub fn discard(mut self) {
        self.publish = false;
    }

    /// Whether the last holder of the lock died holding it. The value is whole in any case: the old
    /// one, or the new one that the holder had published.
    pub fn recovered(&self) -> bool {
        self.raw_guard.recovered()
    }
}

impl<T: Shareable, O> Deref for ValueGuard<'_, T, O> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.copy
    }
}

impl<T: Shareable, O> DerefMut for ValueGuard<'_, T, O> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.publish = true;
        &mut self.copy
    }
}

impl<T: Shareable, O> Drop for ValueGuard<'_, T, O> {
    #[inline]
    fn drop(&mut self) {
        // A panic that was under way when the section began (it began in a destructor) does not
        // unwind through it.
        let panicked = !self.panicking && std::thread::panicking();
        if self.publish && !panicked && self.raw_guard.is_ours() {
            self.value.publish(&self.copy);
        }
    }
}

impl<T: Shareable> Object for Value<T> {}

impl<T: Shareable> sealed::ObjectImpl for Value<T> {
    type Plan = T;

    fn fingerprint() -> Fingerprint {
        Fingerprint::of::<T>(Kind::Value)
    }

    fn shape(_: &T) -> Shape {
        Shape::ONE
    }

    fn length(shape: Shape) -> Option<u64> {
        let body = (Self::BODY_WORDS as u64).checked_mul(WORD as u64)?;
        if shape == Shape::ONE { body.checked_add(size_of::<MutexState>() as u64) } else { None }
    }

    fn build(plan: &T, region: &Region) {
        let bytes = bytemuck::bytes_of(plan);
        if Self::IS_SMALL {
            region.state::<MutexState>().inline_word.store(atomic_copy::word_of(bytes), Ordering::Relaxed);
        } else {
            // Version 0 is current: it lies in the first slot.
            atomic_copy::store(region.words_from(size_of::<MutexState>() as u64), bytes);
        }
    }

    fn attach(region: Region) -> Result<Self, SegmentError> {
        Ok(Self { lock: ObjectLock::attach(region), of: PhantomData })
    }

    fn region(&self) -> &Region {
        self.lock.region()
    }
}

impl<T: Shareable> Initial<Value<T>> for T {}

impl<T: Shareable> sealed::IntoPlan<Value<T>> for T {
    fn plan(self) -> T {
        self
    }
}

single_object!([T] Value<T> where T: Shareable);
object_handle!([T: Shareable] Value<T>);

impl<T> Clone for Value<T> {
    fn clone(&self) -> Self {
        Self { lock: self.lock.clone(), of: PhantomData }
    }
}

impl<T> fmt::Debug for Value<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Value").field("segment", self.lock.region().segment()).finish_non_exhaustive()
    }
}

impl<T: Shareable, O> fmt::Debug for ValueGuard<'_, T, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValueGuard").field("recovered", &self.recovered()).finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(Value<f64>: Send, Sync, Clone);
static_assertions::assert_not_impl_any!(ValueGuard<'static, f64>: Send);
static_assertions::assert_impl_all!(ValueGuard<'static, f64, ByTask>: Send);
