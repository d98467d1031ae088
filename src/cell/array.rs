//! [`Array`]: a fixed number of elements under one lock.
//!
//! - [`guard`]: a locked section
//! - [`initial`]: what an array can be made from
//! - [`plan`]: what a new array is built from
//! - [`store`]: the lock, the journal and the elements

#![allow(unsafe_code)]

mod guard;
mod initial;
mod plan;
mod store;

use core::fmt;
use core::ops::{Bound, Range, RangeBounds};
use std::time::Duration;

use bytemuck::AnyBitPattern;

pub use guard::ArrayGuard;
pub use initial::Journaled;
use plan::ArrayPlan;
use store::{ArrayLayout, ArrayStore};

use crate::error::{ArrayError, BoundsError, LockError, SegmentError};
use crate::layout::fingerprint::{Fingerprint, Kind};
use crate::raw::wait::Wait;
use crate::segment::object::{Object, Region, Shape, sealed};
use crate::segment::object_macros::{object_handle, single_object};
use crate::shareable::{self, Shareable};

const ELEMENT: &str = "an element of an array";
const CORRUPT: LockError = LockError::Corrupt { what: ELEMENT };

/// A fixed number of elements that processes share.
///
/// Every write takes the array's lock, so a locked section is never interleaved with anybody's write. Elements of up to 8
/// bytes are read without a lock, each whole (though while somebody's section is being published, neighbours may already be
/// new or still be old); larger ones, ranges and the whole are read under the lock.
///
/// **When a process is killed at any instruction:** each element is the old one or the new one. The lock passes on, and the
/// next section's guard says [`recovered`](ArrayGuard::recovered): elements that the dead one's section changed may be new or
/// old. In an array made as [`Journaled`], the section is rolled back as a whole.
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
    store: ArrayStore<T>,
}

impl<T: Shareable> Array<T> {
    /// How many elements it has.
    pub fn len(&self) -> usize {
        self.store.layout.len
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether its sections are rolled back as a whole.
    pub fn is_journaled(&self) -> bool {
        self.store.layout.journaled
    }

    /// Element `index`, if its bytes are one: for types of which not every bit pattern is (`bool`, `char`, enums).
    ///
    /// # Errors
    /// [`BoundsError::OutOfBounds`] if there is no such element; [`LockError::Corrupt`] if its
    /// bytes are no `T`, because another process wrote them as another type.
    #[inline]
    pub fn get_checked(&self, index: usize) -> Result<T, ArrayError> {
        self.check_index(index)?;
        shareable::read(|bytes| self.store.copy_single_element(index, bytes)).ok_or(CORRUPT.into())
    }

    /// All elements, if their bytes are; see [`get_checked`](Self::get_checked).
    ///
    /// # Errors
    /// [`LockError::Corrupt`] if the bytes of an element are no `T`.
    pub fn to_vec_checked(&self) -> Result<Vec<T>, LockError> {
        let _raw_guard = self.store.lock_to_read();
        self.store.read_range(0..self.len()).ok_or(CORRUPT)
    }

    /// Replaces element `index`.
    ///
    /// # Errors
    /// [`ArrayError::Bounds`] with [`BoundsError::OutOfBounds`] if there is no such element;
    /// [`ArrayError::Lock`] with the errors of [`lock`](Self::lock).
    #[inline]
    pub fn set(&self, index: usize, value: T) -> Result<(), ArrayError> {
        self.check_index(index)?;
        let _raw_guard = self.store.lock_without_report()?;
        self.store.write_element(index, &value);
        Ok(())
    }

    /// Changes element `index` under the lock and returns what `change` returns. If it panics, nothing has changed.
    ///
    /// # Errors
    /// The errors of [`set`](Self::set).
    #[inline]
    pub fn update<R>(&self, index: usize, change: impl FnOnce(&mut T) -> R) -> Result<R, ArrayError> {
        self.check_index(index)?;
        let raw_guard = self.store.lock_without_report()?;
        let mut element = shareable::read(|bytes| self.store.copy_element(index, bytes)).ok_or(CORRUPT)?;
        let result = change(&mut element);
        // `change` may have forked, and the child has no lock.
        if raw_guard.is_ours() {
            self.store.write_element(index, &element);
        }
        Ok(result)
    }

    /// Replaces a range of elements under one lock. Killed meanwhile, each is old or new; in a journaled array, all are.
    ///
    /// # Errors
    /// [`ArrayError::Bounds`] with [`BoundsError::OutOfBounds`] if the range does not lie inside
    /// the array, or with [`BoundsError::LengthMismatch`] if `values` has another length than the
    /// range; [`ArrayError::Lock`] with the errors of [`lock`](Self::lock).
    pub fn write(&self, range: impl RangeBounds<usize>, values: &[T]) -> Result<(), ArrayError> {
        let range = self.check_range(range)?;
        check_lengths(&range, values.len())?;
        let _raw_guard = self.store.lock_without_report()?;
        self.store.publish(range.start, values);
        Ok(())
    }

    /// Begins a locked section over all elements, waiting for the lock as long as it takes.
    ///
    /// The section works on a copy of them all: [`update`](Self::update) is for one element, [`lock_range`](Self::lock_range)
    /// for some.
    ///
    /// # Errors
    /// [`LockError::Deadlock`] if this thread holds the lock already; [`LockError::NotAttached`] in
    /// a forked child that cannot register as a participant; [`LockError::Corrupt`] if the lock,
    /// the journal or an element is damaged.
    pub fn lock(&self) -> Result<ArrayGuard<'_, T>, LockError> {
        self.lock_within(0..self.len(), Wait::Forever)
    }

    /// Begins a locked section over a range of elements: only those are copied. The lock is the whole array's.
    ///
    /// # Errors
    /// [`ArrayError::Bounds`] with [`BoundsError::OutOfBounds`] if the range does not lie inside
    /// the array; [`ArrayError::Lock`] with the errors of [`lock`](Self::lock).
    pub fn lock_range(&self, range: impl RangeBounds<usize>) -> Result<ArrayGuard<'_, T>, ArrayError> {
        Ok(self.lock_within(self.check_range(range)?, Wait::Forever)?)
    }

    /// Begins a locked section if nobody is in one.
    ///
    /// # Errors
    /// [`LockError::WouldBlock`] if another thread or process holds the lock, and the errors of
    /// [`lock`](Self::lock).
    pub fn try_lock(&self) -> Result<ArrayGuard<'_, T>, LockError> {
        self.lock_within(0..self.len(), Wait::NonBlocking)
    }

    /// Begins a locked section, waiting for the lock no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// [`LockError::Timeout`] if the lock is not free until the timeout elapses, and the errors of
    /// [`lock`](Self::lock).
    pub fn lock_timeout(&self, timeout: Duration) -> Result<ArrayGuard<'_, T>, LockError> {
        self.lock_within(0..self.len(), Wait::Timeout(timeout))
    }

    fn check_index(&self, index: usize) -> Result<(), BoundsError> {
        if index < self.len() { Ok(()) } else { Err(BoundsError::OutOfBounds { index, len: self.len() }) }
    }

    /// The range as indices, found to lie inside.
    fn check_range(&self, range: impl RangeBounds<usize>) -> Result<Range<usize>, BoundsError> {
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
            return Err(BoundsError::OutOfBounds { index: end.max(start), len: self.len() });
        }
        Ok(start..end)
    }

    pub(super) fn lock_within(
        &self,
        range: Range<usize>,
        wait: Wait,
    ) -> Result<ArrayGuard<'_, T>, LockError> {
        let raw_guard = self.store.undo_pending(self.store.lock.lock(wait)?)?;
        let start = range.start;
        let copy = self.store.read_range(range).ok_or_else(|| raw_guard.corrupt(ELEMENT))?;
        Ok(ArrayGuard::new(&self.store, start, copy, raw_guard))
    }
}

impl<T: Shareable + AnyBitPattern> Array<T> {
    /// Element `index`, or `None` where there is none. Up to 8 bytes take no lock.
    ///
    /// In a segment that something else than this crate has damaged, it is whatever the bytes there say.
    #[inline]
    pub fn get(&self, index: usize) -> Option<T> {
        (index < self.len())
            .then(|| shareable::read_bits(|bytes| self.store.copy_single_element(index, bytes)))
    }

    /// All elements, as they are at one time.
    pub fn to_vec(&self) -> Vec<T> {
        let _raw_guard = self.store.lock_to_read();
        self.store.read_range(0..self.len()).unwrap_or_default()
    }

    /// Copies a range of elements, as they are at one time, to a slice of the same length.
    ///
    /// # Errors
    /// [`BoundsError::OutOfBounds`] if the range does not lie inside the array;
    /// [`BoundsError::LengthMismatch`] if `target` has another length than the range.
    pub fn read_into(&self, range: impl RangeBounds<usize>, target: &mut [T]) -> Result<(), BoundsError> {
        let range = self.check_range(range)?;
        check_lengths(&range, target.len())?;
        let target = bytemuck::cast_slice_mut::<T, u8>(target);
        // SAFETY: initialised bytes are also maybe-initialised ones, and `copy_run` writes only initialised ones.
        let target = unsafe { core::slice::from_raw_parts_mut(target.as_mut_ptr().cast(), target.len()) };
        let _raw_guard = self.store.lock_to_read();
        self.store.copy_run(range.start, target);
        Ok(())
    }
}

fn check_lengths(range: &Range<usize>, slice: usize) -> Result<(), BoundsError> {
    if range.len() == slice { Ok(()) } else { Err(BoundsError::LengthMismatch { range: range.len(), slice }) }
}

impl<T: Shareable> Object for Array<T> {}

impl<T: Shareable> sealed::ObjectImpl for Array<T> {
    type Plan = ArrayPlan<T>;

    fn fingerprint() -> Fingerprint {
        Fingerprint::of::<T>(Kind::Array)
    }

    fn shape(plan: &ArrayPlan<T>) -> Shape {
        ArrayLayout::shape(plan)
    }

    fn length(shape: Shape) -> Option<u64> {
        ArrayLayout::new(shape, size_of::<T>())?.length()
    }

    fn build(plan: &ArrayPlan<T>, region: &Region) {
        ArrayStore::build(plan, region);
    }

    fn attach(region: Region) -> Result<Self, SegmentError> {
        Ok(Self { store: ArrayStore::attach(region)? })
    }

    fn region(&self) -> &Region {
        self.store.lock.region()
    }
}

single_object!([T: Shareable] Array<T>);
object_handle!([T: Shareable] Array<T>);

impl<T: Shareable> Clone for Array<T> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone() }
    }
}

impl<T: Shareable> fmt::Debug for Array<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Array")
            .field("len", &self.len())
            .field("segment", self.segment())
            .finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(Array<f32>: Send, Sync, Clone);
