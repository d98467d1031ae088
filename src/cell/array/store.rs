//! [`ArrayStore`]: an array's lock, journal and elements, and the operations on them under the
//! lock.

#![allow(unsafe_code)]

use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ops::Range;

use super::plan::{ArrayPlan, InitialElements};
use crate::error::{LockError, SegmentError};
use crate::raw::atomic_copy::WORD;
use crate::raw::elements::{self, Elements as SharedElements};
use crate::raw::journal::{Journal, record_words};
use crate::raw::mutex::MutexState;
use crate::raw::wait::Wait;
use crate::segment::lock::{ObjectLock, RawGuard};
use crate::segment::object::{Region, Shape};
use crate::shareable::{AnyBits, Shareable};

/// What lies after the lock: the records of the journal, then the elements. All of it follows from
/// the array's shape and the size of an element.
#[derive(Clone, Copy, Debug)]
pub(super) struct ArrayLayout {
    pub(super) len: usize,
    pub(super) journaled: bool,
    record_words: usize,
    element_words: usize,
}

const FLAG_JOURNALED: u64 = 1;

/// The elements start on a cache line.
const LINE_WORDS: usize = 8;

impl ArrayLayout {
    /// The shape of a new array.
    pub(super) fn shape<T>(plan: &ArrayPlan<T>) -> Shape {
        let aux = if plan.journaled { FLAG_JOURNALED } else { 0 };
        Shape { count: plan.elements.len() as u64, aux }
    }

    /// The layout of `shape.count` elements of `size` bytes; `None` if they exceed the address
    /// space, or if the shape has unknown flags.
    pub(super) fn new(shape: Shape, size: usize) -> Option<Self> {
        let journaled = match shape.aux {
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

    /// The bytes of the whole array, its lock included.
    pub(super) fn length(self) -> Option<u64> {
        let words = self.record_words.checked_add(self.element_words)?;
        (words as u64).checked_mul(WORD as u64)?.checked_add(size_of::<MutexState>() as u64)
    }
}

/// A handle's access to the parts of an array of `T`.
pub(super) struct ArrayStore<T> {
    pub(super) lock: ObjectLock,
    pub(super) layout: ArrayLayout,
    of: PhantomData<fn(T) -> T>,
}

impl<T> Clone for ArrayStore<T> {
    fn clone(&self) -> Self {
        Self { lock: self.lock.clone(), layout: self.layout, of: PhantomData }
    }
}

impl<T: Shareable> ArrayStore<T> {
    pub(super) const SIZE: usize = size_of::<T>();
    const IS_SMALL: bool = elements::is_small(Self::SIZE);
    /// Whether elements follow each other without gaps, as in a slice.
    const IS_DENSE: bool = elements::stride(Self::SIZE) == Self::SIZE;

    #[inline(always)]
    fn shared(&self) -> SharedElements<'_> {
        SharedElements::new(&self.lock.body()[self.layout.record_words..], Self::SIZE)
    }

    #[inline]
    fn journal(&self) -> Journal<'_> {
        Journal::new(self.lock.inline_word(), &self.lock.body()[..self.layout.record_words], Self::SIZE)
    }

    /// Undoes a change that the lock's last holder left half done. Called first after each locking.
    ///
    /// # Errors
    /// [`LockError::Corrupt`] if the journal is damaged.
    #[inline(always)]
    pub(super) fn undo_pending<'a, O>(
        &self,
        raw_guard: RawGuard<'a, O>,
    ) -> Result<RawGuard<'a, O>, LockError> {
        // SAFETY: `raw_guard` says that the caller holds the lock.
        let restore = |index, record: &[_]| unsafe { self.shared().restore(index, record) };
        if self.layout.record_words != 0 && self.journal().is_pending() && !self.journal().undo(restore) {
            return Err(raw_guard.corrupt("the journal of an array"));
        }
        Ok(raw_guard)
    }

    /// Takes the lock for a change that has no guard to deliver a death report with.
    ///
    /// # Errors
    /// The errors of [`ObjectLock::lock`], and of [`undo_pending`](Self::undo_pending).
    #[inline(always)]
    pub(super) fn lock_without_report(&self) -> Result<RawGuard<'_>, LockError> {
        self.undo_pending(self.lock.lock_without_report(Wait::Forever)?)
    }

    /// Takes the lock to read. `None` if this thread holds the lock already: then no other process
    /// writes, and the caller reads without.
    ///
    /// # Errors
    /// The other errors of [`ObjectLock::lock_without_report`], and of
    /// [`undo_pending`](Self::undo_pending).
    #[inline(always)]
    pub(super) fn lock_to_read(&self) -> Result<Option<RawGuard<'_>>, LockError> {
        match self.lock.lock_without_report(Wait::Forever) {
            Ok(raw_guard) => self.undo_pending(raw_guard).map(Some),
            Err(LockError::Deadlock) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Copies element `index`, which is inside the array. For large elements, the caller holds the
    /// lock.
    #[inline(always)]
    pub(super) fn copy_element(&self, index: usize, bytes: &mut [MaybeUninit<u8>]) {
        if Self::IS_SMALL {
            self.shared().load_small(index, bytes);
        } else {
            // SAFETY: the callers hold the lock, for large elements.
            unsafe { self.shared().copy_out(index, bytes) };
        }
    }

    /// Copies element `index`, which is inside the array; takes the lock if the element is large.
    ///
    /// # Errors
    /// Those of [`lock_to_read`](Self::lock_to_read). Then the bytes are copied word by word, and
    /// may be a mixture.
    #[inline(always)]
    pub(super) fn copy_single_element(
        &self,
        index: usize,
        bytes: &mut [MaybeUninit<u8>],
    ) -> Result<(), LockError> {
        if Self::IS_SMALL {
            self.copy_element(index, bytes);
            return Ok(());
        }
        match self.lock_to_read() {
            Ok(_raw_guard) => {
                self.copy_element(index, bytes);
                Ok(())
            }
            Err(error) => {
                self.shared().copy_out_unlocked(index, bytes);
                Err(error)
            }
        }
    }

    /// Copies the elements from `first` on to `bytes`, where they become a slice. If the caller does
    /// not hold the lock, they are copied word by word, and may be a mixture.
    fn copy_run(&self, first: usize, bytes: &mut [MaybeUninit<u8>], is_locked: bool) {
        if Self::IS_DENSE && !is_locked {
            self.shared().copy_out_unlocked(first, bytes);
        } else if Self::IS_DENSE {
            // SAFETY: the callers hold the lock.
            unsafe { self.shared().copy_out(first, bytes) };
        } else {
            for (n, element) in bytes.chunks_exact_mut(Self::SIZE).enumerate() {
                self.copy_element(first + n, element);
            }
        }
    }

    /// Copies a range of elements into `target`, which has the range's length. The caller holds the
    /// lock.
    pub(super) fn read_into(&self, first: usize, target: &mut [T])
    where
        T: AnyBits,
    {
        let target = bytemuck::cast_slice_mut::<T, u8>(target);
        // SAFETY: initialised bytes are also maybe-initialised ones, and `copy_run` writes only
        // initialised ones.
        let target = unsafe { core::slice::from_raw_parts_mut(target.as_mut_ptr().cast(), target.len()) };
        self.copy_run(first, target, true);
    }

    /// Copies a range of elements to a vector; `None` if the bytes of one are no `T`. See
    /// [`copy_run`](Self::copy_run).
    pub(super) fn read_range(&self, range: Range<usize>, is_locked: bool) -> Option<Vec<T>> {
        let mut bits = Vec::<T::Bits>::with_capacity(range.len());
        let space = bits.spare_capacity_mut()[..range.len()].as_mut_ptr().cast::<MaybeUninit<u8>>();
        // SAFETY: the spare capacity, as bytes; nothing else borrows it.
        let space = unsafe { core::slice::from_raw_parts_mut(space, range.len() * Self::SIZE) };
        self.copy_run(range.start, space, is_locked);
        // SAFETY: all `range.len()` elements are filled, and any bytes are a `T::Bits`.
        unsafe { bits.set_len(range.len()) };
        if !bits.iter().all(T::is_valid_bit_pattern) {
            return None;
        }
        let mut bits = core::mem::ManuallyDrop::new(bits);
        let (start, len, capacity) = (bits.as_mut_ptr().cast::<T>(), bits.len(), bits.capacity());
        // SAFETY: the parts of a vector of `T::Bits`, which has the layout of `T` and holds valid
        // `T`s only.
        Some(unsafe { Vec::from_raw_parts(start, len, capacity) })
    }

    /// Replaces element `index`, which is old or new at any instant. The caller holds the lock.
    #[inline]
    pub(super) fn write_element(&self, index: usize, value: &T) {
        let bytes = bytemuck::bytes_of(value);
        if Self::IS_SMALL {
            // The commit is one store.
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

    /// Makes `values` the elements from `first` on: all or nothing if the array is journaled, each
    /// old or new at any instant if it is not. The caller holds the lock.
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
        for (index, value) in (first..).zip(values) {
            // SAFETY: the callers hold the lock, here and below.
            if unsafe { shared.differs(index, bytemuck::bytes_of(value)) } {
                // SAFETY: as above.
                unsafe { shared.save(index, journal.record(records, index)) };
                records += 1;
            }
        }
        journal.arm(records);
        for index in (0..records).map(|n| journal.index(n)) {
            // An index out of the range comes from a peer that writes without the lock.
            let Some(value) = index.checked_sub(first).and_then(|n| values.get(n)) else { continue };
            let bytes = bytemuck::bytes_of(value);
            if Self::IS_SMALL {
                shared.store_small(index, bytes);
            } else {
                // SAFETY: as above.
                unsafe { shared.copy_in(index, bytes) };
            }
        }
        journal.commit();
    }

    /// Writes a new array, which no other process can find yet.
    pub(super) fn build(plan: &ArrayPlan<T>, region: &Region) {
        let (InitialElements::Given(values), Some(layout)) =
            (&plan.elements, ArrayLayout::new(region.shape(), Self::SIZE))
        else {
            return; // The bytes are zero already.
        };
        let elements_at = size_of::<MutexState>() + layout.record_words * WORD;
        let shared = SharedElements::new(region.words_from(elements_at as u64), Self::SIZE);
        for (index, value) in values.iter().enumerate() {
            let bytes = bytemuck::bytes_of(value);
            if Self::IS_SMALL {
                shared.store_small(index, bytes);
            } else {
                // SAFETY: no other process can find the array yet.
                unsafe { shared.copy_in(index, bytes) };
            }
        }
    }

    /// Makes a handle's access to the array in `region`.
    ///
    /// # Errors
    /// [`SegmentError::Corrupt`] if the array's shape or lock is damaged.
    pub(super) fn attach(region: Region) -> Result<Self, SegmentError> {
        const { assert!(Self::SIZE > 0, "an array's elements have a size") };
        let layout = ArrayLayout::new(region.shape(), Self::SIZE)
            .ok_or_else(|| region.corrupt("the length of an array"))?;
        Ok(Self { lock: ObjectLock::attach(region), layout, of: PhantomData })
    }
}
