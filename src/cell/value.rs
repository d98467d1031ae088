//! [`Value`]: one value that is written under a lock and read without it.

mod guard;

use core::fmt;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use std::time::Duration;

use crate::error::{LockError, SegmentError};
use crate::layout::fingerprint::{Fingerprint, Kind};
use crate::primitive::Ordering;
use crate::raw::atomic_copy::{self, WORD};
use crate::raw::mutex::MutexState;
use crate::raw::reader_pass::ReaderPass;
use crate::raw::seqlock::Versioned;
use crate::raw::wait::{Timeout, Wait};
use crate::segment::lock::owner::{ByThread, LockOwner};
use crate::segment::lock::{ObjectLock, RawGuard};
use crate::segment::object::{Initial, Object, Region, Shape, sealed};
use crate::segment::object_macros::{object_handle, single_object};
use crate::shareable::{self, AnyBits, Shareable};

pub use guard::ValueGuard;

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
/// version number. (It is the sequence lock of Boehm, MSPC 2012, over four slots, so that the
/// current slot is never written to.)
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

/// The reads that writers may spoil before the reader asks for the lock.
const OPTIMISTIC_READS: u32 = 64;

impl<T: Shareable> Value<T> {
    const IS_SMALL: bool = size_of::<T>() <= WORD;
    /// The copy of a long value survives two writes that happen meanwhile.
    const SLOTS: usize = 4;
    const SLOT_WORDS: usize = size_of::<T>().div_ceil(WORD);
    /// The slots, and the word of [`ReaderPass`].
    const BODY_WORDS: usize = if Self::IS_SMALL { 0 } else { Self::SLOTS * Self::SLOT_WORDS + 1 };

    /// The slots, with a length that the compiler knows.
    #[inline(always)]
    fn versioned(&self) -> Versioned<'_, 4> {
        Versioned::new(self.lock.inline_word(), &self.lock.body()[..Self::SLOTS * Self::SLOT_WORDS])
    }

    #[inline(always)]
    fn reader_pass(&self) -> ReaderPass<'_> {
        ReaderPass(&self.lock.body()[Self::BODY_WORDS - 1])
    }

    /// Copies the value, in one attempt; `false` if writers spoiled the copy.
    #[inline(always)]
    fn try_copy(&self, bytes: &mut [MaybeUninit<u8>]) -> bool {
        if Self::IS_SMALL {
            // ORDER: Acquire pairs with the Release in `publish`: what was written before the value
            // is seen with it.
            atomic_copy::bytes_of_word(self.lock.inline_word().load(Ordering::Acquire), bytes);
            return true;
        }
        self.versioned().try_read(bytes)
    }

    /// Copies the value. The caller holds the lock, or is content with a mixture.
    #[inline(always)]
    fn copy_locked(&self, bytes: &mut [MaybeUninit<u8>]) {
        if Self::IS_SMALL {
            atomic_copy::bytes_of_word(self.lock.inline_word().load(Ordering::Relaxed), bytes);
        } else {
            self.versioned().read_locked(bytes);
        }
    }

    /// Copies the value, also while others write.
    ///
    /// # Errors
    /// If writers spoil the copies, the errors of [`ObjectLock::lock_without_report`]. The bytes are a
    /// mixture then.
    #[inline(always)]
    fn copy(&self, bytes: &mut [MaybeUninit<u8>]) -> Result<(), LockError> {
        if self.try_copy(bytes) { Ok(()) } else { self.copy_contended(bytes) }
    }

    #[cold]
    fn copy_contended(&self, bytes: &mut [MaybeUninit<u8>]) -> Result<(), LockError> {
        let mut asked = None;
        let copied = loop {
            if (0..OPTIMISTIC_READS).any(|_| self.try_copy(bytes)) {
                break Ok(());
            }
            // Without waiting: the holder may not be writing, and then the next attempts succeed.
            match self.lock.lock_without_report::<ByThread>(Wait::NonBlocking) {
                Err(LockError::WouldBlock) => {
                    asked = Some(self.reader_pass().ask());
                    std::thread::yield_now();
                }
                Ok(_raw_guard) => {
                    self.copy_locked(bytes);
                    break Ok(());
                }
                // This thread holds the lock, and no other process writes.
                Err(LockError::Deadlock) => {
                    self.copy_locked(bytes);
                    break Ok(());
                }
                Err(error) => {
                    self.copy_locked(bytes);
                    break Err(error);
                }
            }
        };
        if let Some(until) = asked {
            self.reader_pass().finish(until);
        }
        copied
    }

    /// Takes the lock for a change that has no guard to deliver a death report with.
    #[inline(always)]
    fn lock_without_report(&self) -> Result<RawGuard<'_>, LockError> {
        if !Self::IS_SMALL {
            self.reader_pass().wait_for_reader();
        }
        self.lock.lock_without_report(Wait::Forever)
    }

    /// Makes `value` the current one. The caller holds the lock.
    #[inline(always)]
    fn publish(&self, value: &T) {
        let bytes = bytemuck::bytes_of(value);
        if Self::IS_SMALL {
            // ORDER: Release pairs with the Acquire in `try_copy`. The commit.
            self.lock.inline_word().store(atomic_copy::word_of(bytes), Ordering::Release);
        } else {
            self.versioned().publish(bytes);
        }
    }

    /// Copies the value and checks that its bytes are a `T`, for types of which not every bit
    /// pattern is one (`bool`, `char`, enums). Takes no lock and never waits for a writer to
    /// finish.
    ///
    /// # Errors
    /// [`LockError::Corrupt`] if the bytes are no `T`, because another process wrote them as
    /// another type. If writers spoil 64 copies in a row, also [`LockError::NotAttached`] in a
    /// forked child that cannot register as a participant, and `Corrupt` if the lock is damaged.
    #[inline]
    pub fn get_checked(&self) -> Result<T, LockError> {
        let mut copied = Ok(());
        let value = shareable::read(|bytes| copied = self.copy(bytes));
        copied?;
        value.ok_or(LockError::Corrupt { what: "a value" })
    }

    /// Copies the value. Takes no lock and never waits for a writer to finish.
    ///
    /// Writers spoil a copy of more than 8 bytes only if three of them publish while it is made.
    /// After 64 spoiled copies the reader asks writers not to begin for up to a millisecond, and
    /// goes on. Of writers that lock without a timeout it then waits for at most one more write of
    /// each; those that lock by `try_lock`, with a timeout, or as tasks do not hold back for it.
    ///
    /// It is for types of which every bit pattern is a value; [`get_checked`](Self::get_checked)
    /// reads the others. If a program has damaged the segment, the value is what the bytes there
    /// say. Where [`get_checked`](Self::get_checked) returns an error of the lock, this copies the
    /// value word by word, and writers may make that a mixture.
    #[doc(alias = "load")]
    #[inline]
    pub fn get(&self) -> T
    where
        T: AnyBits,
    {
        shareable::read_bits(|bytes| {
            // The bytes are filled in any case.
            let _ = self.copy(bytes);
        })
    }

    /// Replaces the value, waiting for the lock without a timeout.
    ///
    /// # Errors
    /// [`LockError::Deadlock`] if this thread holds the lock already; [`LockError::NotAttached`] in
    /// a forked child that cannot register as a participant; [`LockError::Corrupt`] if the segment
    /// is damaged.
    #[inline]
    pub fn set(&self, value: T) -> Result<(), LockError> {
        let _raw_guard = self.lock_without_report()?;
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
        Ok(change(&mut *self.guard(self.lock_without_report()?)?))
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
        let mut guard = self.guard(self.lock_without_report()?)?;
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
        self.lock_within(Wait::Until(&Timeout::new(timeout)))
    }

    #[inline]
    pub(super) fn lock_within<O: LockOwner>(&self, wait: Wait) -> Result<ValueGuard<'_, T, O>, LockError> {
        if !Self::IS_SMALL && matches!(wait, Wait::Forever) {
            self.reader_pass().wait_for_reader();
        }
        self.guard(self.lock.lock(wait)?)
    }

    #[inline]
    fn guard<'a, O>(&'a self, raw_guard: RawGuard<'a, O>) -> Result<ValueGuard<'a, T, O>, LockError> {
        let copy =
            shareable::read(|bytes| self.copy_locked(bytes)).ok_or_else(|| raw_guard.corrupt("a value"))?;
        Ok(ValueGuard::new(copy, self, raw_guard))
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

static_assertions::assert_impl_all!(Value<f64>: Send, Sync, Clone);
