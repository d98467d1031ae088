//! [`Atomic`]: an integer or bool without a lock, with std's verbs.
//!
//! - [`primitive`]: which types it can hold

#![allow(unsafe_code)]

mod primitive;

use core::fmt;
use core::ptr::NonNull;

pub use primitive::{AtomicInteger, AtomicPrimitive};

use crate::error::SegmentError;
use crate::layout::fingerprint::{Fingerprint, Kind};
use crate::primitive::Ordering;
use crate::raw::atomic_copy::{WORD, word_of};
use crate::segment::object::{Initial, Object, Region, Shape, sealed};
use crate::segment::object_macros::{object_handle, single_object};

/// An integer or bool that processes share without a lock. The verbs and orderings are those of std's atomics.
///
/// **When a process is killed at any instruction:** the value is the old one or the new one.
///
/// ```
/// use std::sync::atomic::Ordering::Relaxed;
/// use breezeway::Atomic;
///
/// # let name = format!("breezeway-doc-atomic-{}", std::process::id());
/// # let name = name.as_str();
/// let here = Atomic::<u64>::create(name, 0)?;
/// let there = Atomic::<u64>::open(name)?; // in any process of this user
/// there.fetch_add(1, Relaxed);
/// assert_eq!(here.load(Relaxed), 1);
/// # Ok::<(), breezeway::SegmentError>(())
/// ```
pub struct Atomic<T: AtomicPrimitive> {
    cell: NonNull<T::Cell>,
    region: Region,
}

// SAFETY: the pointer is to an atomic in the mapping that `region` keeps alive.
unsafe impl<T: AtomicPrimitive> Send for Atomic<T> {}
// SAFETY: as above.
unsafe impl<T: AtomicPrimitive> Sync for Atomic<T> {}

impl<T: AtomicPrimitive> Atomic<T> {
    #[inline(always)]
    fn cell(&self) -> &T::Cell {
        // SAFETY: `attach` took it from a word of the mapping, which `region` keeps mapped; an atomic may change under a shared
        // reference.
        unsafe { self.cell.as_ref() }
    }

    /// Loads the value.
    ///
    /// # Panics
    /// As std's, if `order` is `Release` or `AcqRel`.
    #[inline]
    pub fn load(&self, order: Ordering) -> T {
        T::load(self.cell(), order)
    }

    /// Stores a value.
    ///
    /// # Panics
    /// As std's, if `order` is `Acquire` or `AcqRel`.
    #[inline]
    pub fn store(&self, value: T, order: Ordering) {
        T::store(self.cell(), value, order);
    }

    /// Stores a value and returns the old one.
    #[inline]
    pub fn swap(&self, value: T, order: Ordering) -> T {
        T::swap(self.cell(), value, order)
    }

    /// Stores `new` if the value is `current`. The old value: as `Ok` if it was replaced, as `Err` if not.
    ///
    /// # Errors
    /// The value found, where it is not `current`.
    ///
    /// # Panics
    /// As std's, if `failure` is `Release` or `AcqRel`.
    #[inline]
    pub fn compare_exchange(&self, current: T, new: T, success: Ordering, failure: Ordering) -> Result<T, T> {
        T::compare_exchange(self.cell(), current, new, success, failure)
    }

    /// As [`compare_exchange`](Self::compare_exchange), and may fail although the value is `current`: for loops.
    ///
    /// # Errors
    /// The value found.
    ///
    /// # Panics
    /// As std's, if `failure` is `Release` or `AcqRel`.
    #[inline]
    pub fn compare_exchange_weak(
        &self,
        current: T,
        new: T,
        success: Ordering,
        failure: Ordering,
    ) -> Result<T, T> {
        self.compare_exchange(current, new, success, failure)
    }

    /// Replaces the value by what `change` makes of it, calling it again whenever somebody was faster, until it says `None`.
    ///
    /// # Errors
    /// The value found, where `change` said `None`.
    #[inline]
    pub fn fetch_update(
        &self,
        set_order: Ordering,
        fetch_order: Ordering,
        mut change: impl FnMut(T) -> Option<T>,
    ) -> Result<T, T> {
        let mut current = self.load(fetch_order);
        while let Some(new) = change(current) {
            match self.compare_exchange(current, new, set_order, fetch_order) {
                Ok(old) => return Ok(old),
                Err(found) => current = found,
            }
        }
        Err(current)
    }

    /// Bitwise (for `bool`, logical) "and" with `value`; returns the old value.
    #[inline]
    pub fn fetch_and(&self, value: T, order: Ordering) -> T {
        T::and(self.cell(), value, order)
    }

    /// Bitwise (for `bool`, logical) "or" with `value`; returns the old value.
    #[inline]
    pub fn fetch_or(&self, value: T, order: Ordering) -> T {
        T::or(self.cell(), value, order)
    }

    /// Bitwise (for `bool`, logical) "xor" with `value`; returns the old value.
    #[inline]
    pub fn fetch_xor(&self, value: T, order: Ordering) -> T {
        T::xor(self.cell(), value, order)
    }

    /// Bitwise (for `bool`, logical) "not and" with `value`; returns the old value.
    #[inline]
    pub fn fetch_nand(&self, value: T, order: Ordering) -> T {
        T::nand(self.cell(), value, order)
    }
}

impl<T: AtomicInteger> Atomic<T> {
    /// Adds `value`, wrapping around; returns the old value.
    #[inline]
    pub fn fetch_add(&self, value: T, order: Ordering) -> T {
        T::add(self.cell(), value, order)
    }

    /// Subtracts `value`, wrapping around; returns the old value.
    #[inline]
    pub fn fetch_sub(&self, value: T, order: Ordering) -> T {
        T::sub(self.cell(), value, order)
    }

    /// Raises the value to `value` if it is below; returns the old value.
    #[inline]
    pub fn fetch_max(&self, value: T, order: Ordering) -> T {
        T::max(self.cell(), value, order)
    }

    /// Lowers the value to `value` if it is above; returns the old value.
    #[inline]
    pub fn fetch_min(&self, value: T, order: Ordering) -> T {
        T::min(self.cell(), value, order)
    }
}

impl<T: AtomicPrimitive> Object for Atomic<T> {}

impl<T: AtomicPrimitive> sealed::ObjectImpl for Atomic<T> {
    type Plan = T;

    fn fingerprint() -> Fingerprint {
        Fingerprint::of::<T>(Kind::Atomic)
    }

    fn shape(_: &T) -> Shape {
        Shape::ONE
    }

    fn length(shape: Shape) -> Option<u64> {
        (shape == Shape::ONE).then_some(WORD as u64)
    }

    fn build(plan: &T, region: &Region) {
        region.words_from(0)[0].store(word_of(bytemuck::bytes_of(plan)), Ordering::Relaxed);
    }

    fn attach(region: Region) -> Result<Self, SegmentError> {
        const { assert!(size_of::<T::Cell>() <= WORD && align_of::<T::Cell>() <= WORD) };
        // The cell is the word's first bytes, and every access to it is of the cell's width.
        let cell = NonNull::from(&region.words_from(0)[0]).cast();
        Ok(Self { cell, region })
    }

    fn region(&self) -> &Region {
        &self.region
    }
}

impl<T: AtomicPrimitive> Initial<Atomic<T>> for T {}

impl<T: AtomicPrimitive> sealed::IntoPlan<Atomic<T>> for T {
    fn plan(self) -> T {
        self
    }
}

single_object!([T: AtomicPrimitive] Atomic<T>);
object_handle!([T: AtomicPrimitive] Atomic<T>);

impl<T: AtomicPrimitive> Clone for Atomic<T> {
    fn clone(&self) -> Self {
        Self { cell: self.cell, region: self.region.clone() }
    }
}

impl<T: AtomicPrimitive> fmt::Debug for Atomic<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Atomic").field("segment", self.segment()).finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(Atomic<u64>: Send, Sync, Clone);
