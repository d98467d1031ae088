//! [`Array`]: a fixed number of elements with one lock.
//!
//! - [`guard`]: a locked section
//! - [`initial`]: the values an array can be made from
//! - [`plan`]: the contents and options of a new array
//! - [`store`]: the lock, the journal and the elements

mod guard;
mod initial;
mod plan;
mod store;

use core::fmt;
use core::ops::{Bound, Range, RangeBounds};
use std::time::Duration;

pub use guard::ArrayGuard;
pub use initial::Journaled;
use plan::ArrayPlan;
use store::{ArrayLayout, ArrayStore};

use crate::error::{ArrayError, BoundsError, LockError, SegmentError};
use crate::layout::fingerprint::{Fingerprint, Kind};
use crate::raw::wait::{Timeout, Wait};
use crate::segment::lock::owner::LockOwner;
use crate::segment::object::{Object, Region, Shape, sealed};
use crate::segment::object_macros::{object_handle, single_object};
use crate::shareable::{self, AnyBits, Shareable};

const ELEMENT: &str = "an element of an array";
const CORRUPT: LockError = LockError::Corrupt { what: ELEMENT };

/// A fixed number of elements that processes share.
///
/// Each write takes the array's lock, so no write comes in between during a locked section. An
/// element of up to 8 bytes is read without a lock, and whole. While a section is being published,
/// some of its elements may be new and others still old. Larger elements, ranges and the whole
/// array are read under the lock.
///
/// **When a process is killed at any instruction:** each element is the old one or the new one. The
/// lock passes on, and the guard of the next section says [`recovered`](ArrayGuard::recovered):
/// elements that the dead process's section changed may be new or old. In an array made as
/// [`Journaled`], the section is rolled back as a whole.
///
/// ```
/// use breezeway::Array;
///
/// # let name = format!("breezeway-doc-array-{}", std::process::id());
/// # let name = name.as_str();
/// // From a range here; also from a length (of zeros), a slice or a vector.
/// let here = Array::<i32>::create(name, 0..10)?;
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
pub struct Array<T> {
    store: ArrayStore<T>,
}

impl<T: Shareable> Array<T> {
    /// The number of elements.
    pub fn len(&self) -> usize {
        self.store.layout.len
    }

    /// Whether the array has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the array was made as [`Journaled`], so that a dead process's section is rolled back
    /// as a whole.
    pub fn is_journaled(&self) -> bool {
        self.store.layout.journaled
    }

    /// Copies element `index`; `None` if `index` is not inside the array. Elements of up to 8 bytes
    /// take no lock.
    ///
    /// It is for types of which every bit pattern is a value; [`get_checked`](Self::get_checked)
    /// reads the others. If a program has damaged the segment, the element is what the bytes there
    /// say. If the lock cannot be taken (it is damaged, or this is a forked child that cannot
    /// register as a participant), an element of more than 8 bytes is copied word by word, and
    /// writers may make that a mixture: `get_checked` returns the error instead.
    #[inline]
    pub fn get(&self, index: usize) -> Option<T>
    where
        T: AnyBits,
    {
        (index < self.len()).then(|| {
            shareable::read_bits(|bytes| {
                // The bytes are filled in any case.
                let _ = self.store.copy_single_element(index, bytes);
            })
        })
    }

    /// Copies all elements to a vector, as they are at one time.
    ///
    /// It is for types of which every bit pattern is a value;
    /// [`to_vec_checked`](Self::to_vec_checked) reads the others. If the lock cannot be taken (it is
    /// damaged, or this is a forked child that cannot register as a participant), the elements are
    /// copied one by one and word by word; `to_vec_checked` returns the error instead.
    #[doc(alias = "tolist")]
    pub fn to_vec(&self) -> Vec<T>
    where
        T: AnyBits,
    {
        let raw_guard = self.store.lock_to_read();
        self.store.read_range(0..self.len(), raw_guard.is_ok()).unwrap_or_default()
    }

    /// Copies a range of elements, as they are at one time, to a slice of the range's length.
    ///
    /// # Errors
    /// [`ArrayError::Bounds`] with [`BoundsError::OutOfBounds`] if the range does not lie inside the
    /// array, or with [`BoundsError::LengthMismatch`] if `target` has another length than the range;
    /// [`ArrayError::Lock`] with [`LockError::NotAttached`] in a forked child that cannot register
    /// as a participant, and with [`LockError::Corrupt`] if the lock or the journal is damaged.
    pub fn read_into(&self, range: impl RangeBounds<usize>, target: &mut [T]) -> Result<(), ArrayError>
    where
        T: AnyBits,
    {
        let range = self.check_range(range)?;
        check_lengths(&range, target.len())?;
        let _raw_guard = self.store.lock_to_read()?;
        self.store.read_into(range.start, target);
        Ok(())
    }

    /// Copies element `index` and checks that its bytes are a `T`, for types of which not every bit
    /// pattern is one (`bool`, `char`, enums). Elements of up to 8 bytes take no lock.
    ///
    /// # Errors
    /// [`ArrayError::Bounds`] with [`BoundsError::OutOfBounds`] if `index` is not inside the array;
    /// [`ArrayError::Lock`] with [`LockError::Corrupt`] if the bytes are no `T`, because another
    /// process wrote them as another type, and with the lock's errors, as
    /// [`read_into`](Self::read_into) has them.
    #[inline]
    pub fn get_checked(&self, index: usize) -> Result<T, ArrayError> {
        self.check_index(index)?;
        let mut copied = Ok(());
        let element = shareable::read(|bytes| copied = self.store.copy_single_element(index, bytes));
        copied?;
        element.ok_or(CORRUPT.into())
    }

    /// Copies all elements to a vector, as they are at one time, and checks that the bytes of each
    /// are a `T`.
    ///
    /// # Errors
    /// [`LockError::Corrupt`] if the bytes of an element are no `T`, or the lock or the journal is
    /// damaged; [`LockError::NotAttached`] in a forked child that cannot register as a participant.
    pub fn to_vec_checked(&self) -> Result<Vec<T>, LockError> {
        let _raw_guard = self.store.lock_to_read()?;
        self.store.read_range(0..self.len(), true).ok_or(CORRUPT)
    }

    /// Replaces element `index`, waiting for the lock without a timeout.
    ///
    /// # Errors
    /// [`ArrayError::Bounds`] with [`BoundsError::OutOfBounds`] if `index` is not inside the array;
    /// [`ArrayError::Lock`] with the errors of [`lock`](Self::lock).
    #[inline]
    pub fn set(&self, index: usize, value: T) -> Result<(), ArrayError> {
        self.check_index(index)?;
        let _raw_guard = self.store.lock_without_report()?;
        self.store.write_element(index, &value);
        Ok(())
    }

    /// Changes element `index` under the lock and returns what `change` returns. If `change`
    /// panics, the element stays what it was.
    ///
    /// # Errors
    /// The errors of [`set`](Self::set). Then `change` was not called.
    ///
    /// # Panics
    /// If `change` panics.
    #[inline]
    pub fn update<R>(&self, index: usize, change: impl FnOnce(&mut T) -> R) -> Result<R, ArrayError> {
        self.check_index(index)?;
        let raw_guard = self.store.lock_without_report()?;
        let mut element = shareable::read(|bytes| self.store.copy_element(index, bytes)).ok_or(CORRUPT)?;
        let result = change(&mut element);
        // `change` may have forked, and the child does not hold the lock.
        if raw_guard.is_ours() {
            self.store.write_element(index, &element);
        }
        Ok(result)
    }

    /// Replaces a range of elements in one locked section. If the process is killed meanwhile, each
    /// element is old or new; in a [`Journaled`] array, all are old or all are new.
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

    /// Begins a locked section over all elements, waiting for the lock without a timeout.
    ///
    /// The section works on a copy of all elements: use [`update`](Self::update) for one element,
    /// and [`lock_range`](Self::lock_range) for some.
    ///
    /// # Errors
    /// [`LockError::Deadlock`] if this thread holds the lock already; [`LockError::NotAttached`] in
    /// a forked child that cannot register as a participant; [`LockError::Corrupt`] if the lock,
    /// the journal or an element is damaged.
    #[doc(alias = "get_lock")]
    pub fn lock(&self) -> Result<ArrayGuard<'_, T>, LockError> {
        self.lock_within(0..self.len(), Wait::Forever)
    }

    /// Begins a locked section over a range of elements, of which only those are copied, waiting
    /// for the lock without a timeout. The lock is the whole array's.
    ///
    /// # Errors
    /// [`ArrayError::Bounds`] with [`BoundsError::OutOfBounds`] if the range does not lie inside
    /// the array; [`ArrayError::Lock`] with the errors of [`lock`](Self::lock).
    pub fn lock_range(&self, range: impl RangeBounds<usize>) -> Result<ArrayGuard<'_, T>, ArrayError> {
        Ok(self.lock_within(self.check_range(range)?, Wait::Forever)?)
    }

    /// Begins a locked section over all elements if no other thread or process is in one, without
    /// waiting.
    ///
    /// # Errors
    /// [`LockError::WouldBlock`] if another thread or process holds the lock, and the errors of
    /// [`lock`](Self::lock).
    pub fn try_lock(&self) -> Result<ArrayGuard<'_, T>, LockError> {
        self.lock_within(0..self.len(), Wait::NonBlocking)
    }

    /// Begins a locked section over all elements, waiting for the lock no longer than `timeout` (on
    /// the monotonic clock).
    ///
    /// # Errors
    /// [`LockError::Timeout`] if the lock is not free until the timeout elapses, and the errors of
    /// [`lock`](Self::lock).
    pub fn lock_timeout(&self, timeout: Duration) -> Result<ArrayGuard<'_, T>, LockError> {
        self.lock_within(0..self.len(), Wait::Until(&Timeout::new(timeout)))
    }

    fn check_index(&self, index: usize) -> Result<(), BoundsError> {
        if index < self.len() { Ok(()) } else { Err(BoundsError::OutOfBounds { index, len: self.len() }) }
    }

    /// The range as indices.
    ///
    /// # Errors
    /// [`BoundsError::OutOfBounds`] if the range does not lie inside the array.
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

    pub(super) fn lock_within<O: LockOwner>(
        &self,
        range: Range<usize>,
        wait: Wait,
    ) -> Result<ArrayGuard<'_, T, O>, LockError> {
        let raw_guard = self.store.undo_pending(self.store.lock.lock(wait)?)?;
        let start = range.start;
        let copy = self.store.read_range(range, true).ok_or_else(|| raw_guard.corrupt(ELEMENT))?;
        Ok(ArrayGuard::new(&self.store, start, copy, raw_guard))
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

single_object!([T] Array<T> where T: Shareable);
object_handle!([T: Shareable] Array<T>);

impl<T> Clone for Array<T> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone() }
    }
}

impl<T> fmt::Debug for Array<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Array")
            .field("len", &self.store.layout.len)
            .field("segment", self.store.lock.region().segment())
            .finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(Array<f32>: Send, Sync, Clone);
