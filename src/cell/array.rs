//! [`Array`]: a fixed number of elements under one lock.

#![allow(unsafe_code)]

use core::fmt;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ops::{Bound, Range, RangeBounds};
use std::time::Duration;

use bytemuck::AnyBitPattern;

use super::array_guard::ArrayGuard;
use super::elements::{ArrayPlan, Elements};
use crate::error::{LockError, SegmentError};
use crate::layout::fingerprint::{Fingerprint, Kind};
use crate::raw::elements::{self, Elements as Shared};
use crate::raw::journal::{Journal, record_words};
use crate::raw::mutex::State;
use crate::raw::words::WORD;
use crate::segment::lock::{Hold, ObjectLock, Patience};
use crate::segment::object::{Object, Region, Shape, handle_forms, sealed, short_forms};
use crate::shareable::{self, Shareable};

/// A fixed number of elements that processes share.
///
/// Every write takes the array's lock, so a locked section is never interleaved with anybody's write. Elements of up to 8
/// bytes are read without a lock, each whole (though while somebody's section is being published, neighbours may already be
/// new or still be old); larger ones, ranges and the whole are read under the lock.
///
/// **When a process is killed at any instruction:** each element is the old one or the new one. The lock passes on, and the
/// next section's guard says [`recovered`](ArrayGuard::recovered): elements that the dead one's section changed may be new or
/// old. In an array made as [`Journaled`](crate::Journaled), the section is rolled back as a whole.
///
/// ```
/// use breezeway::Array;
///
/// # let name = format!("breezeway-doc-array-{}", std::process::id());
/// # let name = name.as_str();
/// let here = Array::<i32>::create(name, 0..10)?; // or a length, which is zeroed, or a slice, or a vector
/// let there = Array::<i32>::open(name)?; // in any process of this user
///
/// there.set(0, 5)?;
/// there.update(1, |x| *x += 10)?;
/// for x in there.lock()?.iter_mut() {
///     *x *= 2;
/// }
/// assert_eq!(here.to_vec(), [10, 22, 4, 6, 8, 10, 12, 14, 16, 18]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Array<T: Shareable> {
    lock: ObjectLock,
    layout: Layout,
    of: PhantomData<fn(T) -> T>,
}

/// Where things lie behind the lock, from the number of elements: records of the journal, then the elements.
#[derive(Clone, Copy, Debug)]
struct Layout {
    len: usize,
    journaled: bool,
    record_words: usize,
    element_words: usize,
}

const FLAG_JOURNALED: u64 = 1;

/// The elements start on a cache line.
const LINE_WORDS: usize = 8;

impl Layout {
    /// The layout of `shape.count` elements of `size` bytes; `None` where they are more than there is memory.
    fn new(shape: Shape, size: usize) -> Option<Self> {
        let journaled = match shape.flags {
            0 => false,
            FLAG_JOURNALED => true,
            _ => return None,
        };
        let len = usize::try_from(shape.count).ok()?;
        // A large element needs one record to be replaced whole; a section needs one an element.
        let records = match (journaled, elements::is_small(size)) {
            (true, _) => len,
            (false, false) => 1,
            (false, true) => 0,
        };
        let record_words = records.checked_mul(record_words(size))?.checked_next_multiple_of(LINE_WORDS)?;
        let element_words = len.checked_mul(elements::stride(size))?.div_ceil(WORD);
        Some(Self { len, journaled, record_words, element_words })
    }

    fn length(self) -> Option<u64> {
        let words = self.record_words.checked_add(self.element_words)?;
        (words as u64).checked_mul(WORD as u64)?.checked_add(size_of::<State>() as u64)
    }
}

impl<T: Shareable> Array<T> {
    const SIZE: usize = size_of::<T>();
    const IS_SMALL: bool = elements::is_small(Self::SIZE);
    /// Whether elements follow each other without gaps, as in a slice.
    const IS_DENSE: bool = elements::stride(Self::SIZE) == Self::SIZE;

    #[inline(always)]
    fn shared(&self) -> Shared<'_> {
        Shared::new(&self.lock.body()[self.layout.record_words..], Self::SIZE)
    }

    #[inline]
    fn journal(&self) -> Journal<'_> {
        Journal::new(self.lock.beside(), &self.lock.body()[..self.layout.record_words], Self::SIZE)
    }

    /// How many elements it has.
    pub fn len(&self) -> usize {
        self.layout.len
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether its sections are rolled back as a whole.
    pub fn is_journaled(&self) -> bool {
        self.layout.journaled
    }

    /// Undoes what the lock's last holder left half done; whoever has just taken the lock calls this first.
    #[inline]
    fn settled<'a>(&self, hold: Hold<'a>) -> Result<Hold<'a>, LockError> {
        // SAFETY: `hold` is the lock.
        let restore = |index, record: &[_]| unsafe { self.shared().restore(index, record) };
        if self.layout.record_words != 0 && self.journal().is_pending() && !self.journal().undo(restore) {
            return Err(LockError::Corrupt { what: "the journal of an array" });
        }
        Ok(hold)
    }

    /// Takes the lock for a change without a guard.
    #[inline]
    fn hold_quietly(&self) -> Result<Hold<'_>, LockError> {
        self.settled(self.lock.lock_quietly(Patience::Forever)?)
    }

    /// Takes the lock to read. Where it is this thread's own already, nobody else writes; where it is corrupt, so may the
    /// elements be: in both cases reading can go on without.
    fn hold_to_read(&self) -> Option<Hold<'_>> {
        self.settled(self.lock.lock_to_read(Patience::Forever).ok()?).ok()
    }

    fn check_index(&self, index: usize) -> Result<(), LockError> {
        if index < self.len() { Ok(()) } else { Err(LockError::OutOfBounds { index, len: self.len() }) }
    }

    /// The range as indices, found to lie inside.
    fn check_range(&self, range: impl RangeBounds<usize>) -> Result<Range<usize>, LockError> {
        let start = match range.start_bound() {
            Bound::Included(&start) => start,
            Bound::Excluded(&before) => before.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(&last) => last.saturating_add(1),
            Bound::Excluded(&end) => end,
            Bound::Unbounded => self.len(),
        };
        if end > self.len() || start > end {
            return Err(LockError::OutOfBounds { index: end.max(start), len: self.len() });
        }
        Ok(start..end)
    }

    /// Copies one element, which must be inside. A large one under the lock.
    #[inline(always)]
    fn copy_element(&self, index: usize, bytes: &mut [MaybeUninit<u8>]) {
        if Self::IS_SMALL {
            self.shared().load_small(index, bytes);
        } else {
            // SAFETY: the callers hold the lock, for large elements.
            unsafe { self.shared().copy_out(index, bytes) };
        }
    }

    /// Copies one element as `try_get` and `get` do: with the lock, if it needs one.
    #[inline(always)]
    fn copy_element_alone(&self, index: usize, bytes: &mut [MaybeUninit<u8>]) {
        let _hold = if Self::IS_SMALL { None } else { self.hold_to_read() };
        self.copy_element(index, bytes);
    }

    /// Copies a run of elements, under the lock, to where they will be a slice.
    fn copy_run(&self, first: usize, bytes: &mut [MaybeUninit<u8>]) {
        if Self::IS_DENSE {
            // SAFETY: the callers hold the lock.
            unsafe { self.shared().copy_out(first, bytes) };
        } else {
            for (n, element) in bytes.chunks_exact_mut(Self::SIZE).enumerate() {
                self.copy_element(first + n, element);
            }
        }
    }

    /// A range's elements, under the lock; `None` where their bytes are not a `T`'s.
    fn read_range(&self, range: Range<usize>) -> Option<Vec<T>> {
        let mut bits = Vec::<T::Bits>::with_capacity(range.len());
        let space = bits.spare_capacity_mut()[..range.len()].as_mut_ptr().cast::<MaybeUninit<u8>>();
        // SAFETY: the spare capacity, as bytes; nothing else borrows it.
        let space = unsafe { core::slice::from_raw_parts_mut(space, range.len() * Self::SIZE) };
        self.copy_run(range.start, space);
        // SAFETY: all `range.len()` elements are filled, and any bytes are a `T::Bits`.
        unsafe { bits.set_len(range.len()) };
        if !bits.iter().all(T::is_valid_bit_pattern) {
            return None;
        }
        let mut bits = core::mem::ManuallyDrop::new(bits);
        let (start, len, capacity) = (bits.as_mut_ptr().cast::<T>(), bits.len(), bits.capacity());
        // SAFETY: the parts of a vector of `T::Bits`, which has the layout of `T` and holds valid `T`s only.
        Some(unsafe { Vec::from_raw_parts(start, len, capacity) })
    }

    /// Writes one element so that it is old or new at any instant, under the lock.
    #[inline]
    fn write_element(&self, index: usize, value: &T) {
        let bytes = bytemuck::bytes_of(value);
        if Self::IS_SMALL {
            // One store: the commit.
            self.shared().store_small(index, bytes);
            return;
        }
        let journal = self.journal();
        // SAFETY: the callers hold the lock.
        unsafe { self.shared().save(index, journal.record(0, index)) };
        journal.arm(1);
        // SAFETY: as above.
        unsafe { self.shared().copy_in(index, bytes) };
        journal.commit();
    }

    /// Makes `values` the elements from `first` on, under the lock: all or nothing if the array is journaled, each old or new
    /// if it is not.
    pub(super) fn publish(&self, first: usize, values: &[T]) {
        if self.layout.journaled {
            self.publish_journaled(first, values);
        } else if Self::IS_SMALL && Self::IS_DENSE {
            self.shared().store_small_run(first, bytemuck::cast_slice(values));
        } else {
            for (n, value) in values.iter().enumerate() {
                self.write_element(first + n, value);
            }
        }
    }

    fn publish_journaled(&self, first: usize, values: &[T]) {
        let (shared, journal) = (self.shared(), self.journal());
        let mut records = 0;
        // SAFETY: the callers hold the lock, here and below.
        let differs = |index: usize, value: &T| unsafe { shared.differs(index, bytemuck::bytes_of(value)) };
        for (n, value) in values.iter().enumerate() {
            if differs(first + n, value) {
                // SAFETY: as above.
                unsafe { shared.save(first + n, journal.record(records, first + n)) };
                records += 1;
            }
        }
        journal.arm(records);
        for (n, value) in values.iter().enumerate() {
            let bytes = bytemuck::bytes_of(value);
            match (differs(first + n, value), Self::IS_SMALL) {
                (false, _) => {}
                (true, true) => shared.store_small(first + n, bytes),
                // SAFETY: as above.
                (true, false) => unsafe { shared.copy_in(first + n, bytes) },
            }
        }
        journal.commit();
    }

    /// Element `index`, if its bytes are one: for types of which not every bit pattern is (`bool`, `char`, enums).
    ///
    /// # Errors
    /// `OutOfBounds`; `Corrupt` where a process that does not keep to the type wrote the bytes.
    #[inline]
    pub fn try_get(&self, index: usize) -> Result<T, LockError> {
        self.check_index(index)?;
        shareable::read(|bytes| self.copy_element_alone(index, bytes))
            .ok_or(LockError::Corrupt { what: "an element of an array" })
    }

    /// All elements, if their bytes are; see [`try_get`](Self::try_get).
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn try_to_vec(&self) -> Result<Vec<T>, LockError> {
        let _hold = self.hold_to_read();
        self.read_range(0..self.len()).ok_or(LockError::Corrupt { what: "an element of an array" })
    }

    /// Replaces element `index`.
    ///
    /// # Errors
    /// `OutOfBounds`; `Deadlock` where this thread holds the lock already, `NotAttached`, `Corrupt`.
    #[inline]
    pub fn set(&self, index: usize, value: T) -> Result<(), LockError> {
        self.check_index(index)?;
        let _hold = self.hold_quietly()?;
        self.write_element(index, &value);
        Ok(())
    }

    /// Changes element `index` under the lock and returns what `change` returns. If it panics, nothing has changed.
    ///
    /// # Errors
    /// Those of [`set`](Self::set).
    #[inline]
    pub fn update<R>(&self, index: usize, change: impl FnOnce(&mut T) -> R) -> Result<R, LockError> {
        self.check_index(index)?;
        let _hold = self.hold_quietly()?;
        let mut element = shareable::read(|bytes| self.copy_element(index, bytes))
            .ok_or(LockError::Corrupt { what: "an element of an array" })?;
        let result = change(&mut element);
        self.write_element(index, &element);
        Ok(result)
    }

    /// Replaces a range of elements under one lock. Killed meanwhile, each is old or new; in a journaled array, all are.
    ///
    /// # Errors
    /// `OutOfBounds`, `LengthMismatch` where `values` has another length than the range, and those of [`set`](Self::set).
    pub fn write(&self, range: impl RangeBounds<usize>, values: &[T]) -> Result<(), LockError> {
        let range = self.check_range(range)?;
        check_lengths(&range, values.len())?;
        let _hold = self.hold_quietly()?;
        self.publish(range.start, values);
        Ok(())
    }

    /// Begins a locked section over all elements, waiting for the lock as long as it takes.
    ///
    /// # Errors
    /// Those of [`set`](Self::set).
    pub fn lock(&self) -> Result<ArrayGuard<'_, T>, LockError> {
        self.section(0..self.len(), Patience::Forever)
    }

    /// Begins a locked section over a range of elements: only those are copied. The lock is the whole array's.
    ///
    /// # Errors
    /// Those of [`set`](Self::set).
    pub fn lock_range(&self, range: impl RangeBounds<usize>) -> Result<ArrayGuard<'_, T>, LockError> {
        self.section(self.check_range(range)?, Patience::Forever)
    }

    /// Begins a locked section if nobody is in one.
    ///
    /// # Errors
    /// `WouldBlock`, and those of [`set`](Self::set).
    pub fn try_lock(&self) -> Result<ArrayGuard<'_, T>, LockError> {
        self.section(0..self.len(), Patience::None)
    }

    /// Begins a locked section, waiting for the lock no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// `Timeout`, and those of [`set`](Self::set).
    pub fn lock_timeout(&self, timeout: Duration) -> Result<ArrayGuard<'_, T>, LockError> {
        self.section(0..self.len(), Patience::For(timeout))
    }

    fn section(&self, range: Range<usize>, patience: Patience) -> Result<ArrayGuard<'_, T>, LockError> {
        let hold = self.settled(self.lock.lock(patience)?)?;
        let start = range.start;
        let copy = self.read_range(range).ok_or(LockError::Corrupt { what: "an element of an array" })?;
        Ok(ArrayGuard::new(self, start, copy, hold))
    }
}

impl<T: Shareable + AnyBitPattern> Array<T> {
    /// Element `index`, or `None` where there is none. Up to 8 bytes take no lock.
    ///
    /// In a segment that something else than this crate has damaged, it is whatever the bytes there say.
    #[inline]
    pub fn get(&self, index: usize) -> Option<T> {
        (index < self.len()).then(|| shareable::read_bits(|bytes| self.copy_element_alone(index, bytes)))
    }

    /// All elements, as they are at one time.
    pub fn to_vec(&self) -> Vec<T> {
        let _hold = self.hold_to_read();
        self.read_range(0..self.len()).unwrap_or_default()
    }

    /// Copies a range of elements, as they are at one time, to a slice of the same length.
    ///
    /// # Errors
    /// `OutOfBounds`, `LengthMismatch`.
    pub fn read_into(&self, range: impl RangeBounds<usize>, target: &mut [T]) -> Result<(), LockError> {
        let range = self.check_range(range)?;
        check_lengths(&range, target.len())?;
        let target = bytemuck::cast_slice_mut::<T, u8>(target);
        // SAFETY: initialised bytes are also maybe-initialised ones, and `copy_run` writes only initialised ones.
        let target = unsafe { core::slice::from_raw_parts_mut(target.as_mut_ptr().cast(), target.len()) };
        let _hold = self.hold_to_read();
        self.copy_run(range.start, target);
        Ok(())
    }
}

fn check_lengths(range: &Range<usize>, slice: usize) -> Result<(), LockError> {
    if range.len() == slice { Ok(()) } else { Err(LockError::LengthMismatch { range: range.len(), slice }) }
}

impl<T: Shareable> sealed::Sealed for Array<T> {}

impl<T: Shareable> Object for Array<T> {
    type Plan = ArrayPlan<T>;

    fn fingerprint() -> Fingerprint {
        Fingerprint::of::<T>(Kind::Array)
    }

    fn shape(plan: &ArrayPlan<T>) -> Shape {
        let flags = if plan.journaled { FLAG_JOURNALED } else { 0 };
        Shape { count: plan.elements.len() as u64, flags }
    }

    fn length(shape: Shape) -> Option<u64> {
        Layout::new(shape, Self::SIZE)?.length()
    }

    fn build(plan: &ArrayPlan<T>, region: &Region) {
        region.init_lock();
        let (Elements::Given(values), Some(layout)) = (&plan.elements, Layout::new(region.shape(), Self::SIZE))
        else {
            return;
        };
        let elements_at = size_of::<State>() + layout.record_words * WORD;
        let shared = Shared::new(region.words_from(elements_at as u64), Self::SIZE);
        for (index, value) in values.iter().enumerate() {
            let bytes = bytemuck::bytes_of(value);
            if Self::IS_SMALL {
                shared.store_small(index, bytes);
            } else {
                // SAFETY: nobody else knows of the array yet.
                unsafe { shared.copy_in(index, bytes) };
            }
        }
    }

    fn attach(region: Region) -> Result<Self, SegmentError> {
        let layout =
            Layout::new(region.shape(), Self::SIZE).ok_or_else(|| region.corrupt("the length of an array"))?;
        Ok(Self { lock: ObjectLock::attach(region)?, layout, of: PhantomData })
    }

    fn region(&self) -> &Region {
        self.lock.region()
    }
}

short_forms!([T: Shareable] Array<T>);
handle_forms!([T: Shareable] Array<T>);

impl<T: Shareable> Clone for Array<T> {
    fn clone(&self) -> Self {
        Self { lock: self.lock.clone(), layout: self.layout, of: PhantomData }
    }
}

impl<T: Shareable> fmt::Debug for Array<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Array").field("len", &self.len()).field("segment", self.segment()).finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(Array<f32>: Send, Sync, Clone);
