//! [`AtomicPrimitive`] and [`AtomicInteger`]: the types that an [`Atomic`](crate::Atomic) can hold,
//! over std's atomics.

use core::fmt;

use crate::primitive::{
    AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicU8, AtomicU16, AtomicU32, AtomicU64,
    AtomicUsize, Ordering,
};
use crate::segment::object::sealed;
use crate::shareable::Shareable;

/// A type that an [`Atomic`](crate::Atomic) can hold: `bool`, or an integer of 8 to 64 bits. Only
/// this crate implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an `Atomic`",
    label = "not an integer or `bool`",
    note = "a `Value` holds every other type, under a lock"
)]
pub trait AtomicPrimitive: Shareable + Eq + fmt::Debug + sealed::Sealed {
    #[doc(hidden)]
    type Cell: Sync;
    #[doc(hidden)]
    fn load(cell: &Self::Cell, order: Ordering) -> Self;
    #[doc(hidden)]
    fn store(cell: &Self::Cell, value: Self, order: Ordering);
    #[doc(hidden)]
    fn swap(cell: &Self::Cell, value: Self, order: Ordering) -> Self;
    #[doc(hidden)]
    fn compare_exchange(
        cell: &Self::Cell,
        current: Self,
        new: Self,
        success: Ordering,
        failure: Ordering,
    ) -> Result<Self, Self>;
    #[doc(hidden)]
    fn and(cell: &Self::Cell, value: Self, order: Ordering) -> Self;
    #[doc(hidden)]
    fn or(cell: &Self::Cell, value: Self, order: Ordering) -> Self;
    #[doc(hidden)]
    fn xor(cell: &Self::Cell, value: Self, order: Ordering) -> Self;
    #[doc(hidden)]
    fn nand(cell: &Self::Cell, value: Self, order: Ordering) -> Self;
}

/// An integer that an [`Atomic`](crate::Atomic) can count with. Only this crate implements it.
#[diagnostic::on_unimplemented(
    message = "an `Atomic<{Self}>` does not count",
    label = "not an integer",
    note = "an `Atomic<bool>` has `fetch_and`, `fetch_or`, `fetch_xor` and `fetch_nand`"
)]
pub trait AtomicInteger: AtomicPrimitive {
    #[doc(hidden)]
    fn add(cell: &Self::Cell, value: Self, order: Ordering) -> Self;
    #[doc(hidden)]
    fn sub(cell: &Self::Cell, value: Self, order: Ordering) -> Self;
    #[doc(hidden)]
    fn max(cell: &Self::Cell, value: Self, order: Ordering) -> Self;
    #[doc(hidden)]
    fn min(cell: &Self::Cell, value: Self, order: Ordering) -> Self;
}

macro_rules! integers {
    ($($integer:ty => $cell:ty,)*) => {$(
        impl sealed::Sealed for $integer {}

        impl AtomicPrimitive for $integer {
            type Cell = $cell;

            #[inline(always)]
            fn load(cell: &$cell, order: Ordering) -> Self {
                cell.load(order)
            }

            #[inline(always)]
            fn store(cell: &$cell, value: Self, order: Ordering) {
                cell.store(value, order);
            }

            #[inline(always)]
            fn swap(cell: &$cell, value: Self, order: Ordering) -> Self {
                cell.swap(value, order)
            }

            #[inline(always)]
            fn compare_exchange(
                cell: &$cell,
                current: Self,
                new: Self,
                success: Ordering,
                failure: Ordering,
            ) -> Result<Self, Self> {
                cell.compare_exchange(current, new, success, failure)
            }

            #[inline(always)]
            fn and(cell: &$cell, value: Self, order: Ordering) -> Self {
                cell.fetch_and(value, order)
            }

            #[inline(always)]
            fn or(cell: &$cell, value: Self, order: Ordering) -> Self {
                cell.fetch_or(value, order)
            }

            #[inline(always)]
            fn xor(cell: &$cell, value: Self, order: Ordering) -> Self {
                cell.fetch_xor(value, order)
            }

            #[inline(always)]
            fn nand(cell: &$cell, value: Self, order: Ordering) -> Self {
                cell.fetch_nand(value, order)
            }
        }

        impl AtomicInteger for $integer {
            #[inline(always)]
            fn add(cell: &$cell, value: Self, order: Ordering) -> Self {
                cell.fetch_add(value, order)
            }

            #[inline(always)]
            fn sub(cell: &$cell, value: Self, order: Ordering) -> Self {
                cell.fetch_sub(value, order)
            }

            #[inline(always)]
            fn max(cell: &$cell, value: Self, order: Ordering) -> Self {
                cell.fetch_max(value, order)
            }

            #[inline(always)]
            fn min(cell: &$cell, value: Self, order: Ordering) -> Self {
                cell.fetch_min(value, order)
            }
        }
    )*};
}

integers! {
    u8 => AtomicU8, u16 => AtomicU16, u32 => AtomicU32, u64 => AtomicU64, usize => AtomicUsize,
    i8 => AtomicI8, i16 => AtomicI16, i32 => AtomicI32, i64 => AtomicI64, isize => AtomicIsize,
}

impl sealed::Sealed for bool {}

/// A byte, 0 or 1. Another byte that a peer wrote counts as `true`, so no byte makes an invalid
/// `bool`.
impl AtomicPrimitive for bool {
    type Cell = AtomicU8;

    #[inline(always)]
    fn load(cell: &AtomicU8, order: Ordering) -> Self {
        cell.load(order) != 0
    }

    #[inline(always)]
    fn store(cell: &AtomicU8, value: Self, order: Ordering) {
        cell.store(value.into(), order);
    }

    #[inline(always)]
    fn swap(cell: &AtomicU8, value: Self, order: Ordering) -> Self {
        cell.swap(value.into(), order) != 0
    }

    #[inline(always)]
    fn compare_exchange(
        cell: &AtomicU8,
        current: Self,
        new: Self,
        success: Ordering,
        failure: Ordering,
    ) -> Result<Self, Self> {
        match cell.compare_exchange(current.into(), new.into(), success, failure) {
            // A peer wrote another byte than 1 for `true`: exchange that one.
            Err(odd) if current && odd > 1 => cell.compare_exchange(odd, new.into(), success, failure),
            answer => answer,
        }
        .map(|old| old != 0)
        .map_err(|found| found != 0)
    }

    #[inline(always)]
    fn and(cell: &AtomicU8, value: Self, order: Ordering) -> Self {
        cell.fetch_and(value.into(), order) != 0
    }

    #[inline(always)]
    fn or(cell: &AtomicU8, value: Self, order: Ordering) -> Self {
        cell.fetch_or(value.into(), order) != 0
    }

    #[inline(always)]
    fn xor(cell: &AtomicU8, value: Self, order: Ordering) -> Self {
        cell.fetch_xor(value.into(), order) != 0
    }

    #[inline(always)]
    fn nand(cell: &AtomicU8, value: Self, order: Ordering) -> Self {
        // A byte's nand would set its other bits. `!(x & true)` is `x ^ true`, and `!(x & false)`
        // is `true`.
        if value { cell.fetch_xor(1, order) != 0 } else { cell.swap(1, order) != 0 }
    }
}
