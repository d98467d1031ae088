//! [`Atomic`]: an integer or `bool` without a lock, with the methods of std's atomics.
//!
//! - [`primitive`]: the types it can hold

#![allow(unsafe_code)]

mod primitive;

use core::fmt;
use core::marker::PhantomData;
use core::ptr;

pub use primitive::{AtomicInteger, AtomicPrimitive};

use crate::error::SegmentError;
use crate::layout::fingerprint::{Fingerprint, Kind};
use crate::primitive::{AtomicU64, Ordering};
use crate::raw::atomic_copy::{WORD, word_of};
use crate::segment::object::{Initial, Object, Region, Shape, sealed};
use crate::segment::object_macros::{object_handle, single_object};
use crate::segment::shared_ref::SharedRef;

/// An integer or `bool` that processes share without a lock. The methods and orderings are those of
/// std's atomics.
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
pub struct Atomic<T> {
    /// The word that the value lies in, at its start.
    word: SharedRef<AtomicU64>,
    of: PhantomData<fn(T) -> T>,
}

impl<T: AtomicPrimitive> Atomic<T> {
    /// The atomic of the value's width, which is the word's first bytes. All accesses have that
    /// width, but for the one store of `build`.
    #[inline(always)]
    fn cell(&self) -> &T::Cell {
        const { assert!(size_of::<T::Cell>() <= WORD && align_of::<T::Cell>() <= WORD) };
        let word: &AtomicU64 = &self.word;
        // SAFETY: `T::Cell` is one of std's atomics (the trait is sealed), it fits into the word,
        // as asserted, and it may change under a shared reference, as the word may.
        unsafe { &*ptr::from_ref(word).cast::<T::Cell>() }
    }

    /// Loads the value.
    ///
    /// # Panics
    /// If `order` is `Release` or `AcqRel`.
    #[inline]
    pub fn load(&self, order: Ordering) -> T {
        T::load(self.cell(), order)
    }

    /// Stores `value`.
    ///
    /// # Panics
    /// If `order` is `Acquire` or `AcqRel`.
    #[inline]
    pub fn store(&self, value: T, order: Ordering) {
        T::store(self.cell(), value, order);
    }

    /// Stores `value` and returns the old value.
    #[inline]
    pub fn swap(&self, value: T, order: Ordering) -> T {
        T::swap(self.cell(), value, order)
    }

    /// Stores `new` if the value is `current`, and returns the old value.
    ///
    /// # Errors
    /// The value found, if it is not `current`.
    ///
    /// # Panics
    /// If `failure` is `Release` or `AcqRel`.
    #[inline]
    pub fn compare_exchange(&self, current: T, new: T, success: Ordering, failure: Ordering) -> Result<T, T> {
        T::compare_exchange(self.cell(), current, new, success, failure)
    }

    /// Stores `new` if the value is `current`, and returns the old value. It may fail even if the
    /// value is `current`, which suits loops.
    ///
    /// # Errors
    /// The value found, if it was not replaced.
    ///
    /// # Panics
    /// If `failure` is `Release` or `AcqRel`.
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

    /// Replaces the value by what `change` returns for it, and returns the old value. If another
    /// thread or process has changed the value meanwhile, calls `change` again.
    ///
    /// # Errors
    /// The value found, if `change` returned `None` for it.
    ///
    /// # Panics
    /// If `fetch_order` is `Release` or `AcqRel`, or if `change` panics.
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

    /// Stores the maximum of the value and `value`; returns the old value.
    #[inline]
    pub fn fetch_max(&self, value: T, order: Ordering) -> T {
        T::max(self.cell(), value, order)
    }

    /// Stores the minimum of the value and `value`; returns the old value.
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
        Ok(Self { word: SharedRef::new(region), of: PhantomData })
    }

    fn region(&self) -> &Region {
        self.word.region()
    }
}

impl<T: AtomicPrimitive> Initial<Atomic<T>> for T {}

impl<T: AtomicPrimitive> sealed::IntoPlan<Atomic<T>> for T {
    fn plan(self) -> T {
        self
    }
}

single_object!([T] Atomic<T> where T: AtomicPrimitive);
object_handle!([T: AtomicPrimitive] Atomic<T>);

impl<T> Clone for Atomic<T> {
    fn clone(&self) -> Self {
        Self { word: self.word.clone(), of: PhantomData }
    }
}

impl<T> fmt::Debug for Atomic<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Atomic").field("segment", self.word.region().segment()).finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(Atomic<u64>: Send, Sync, Clone);
