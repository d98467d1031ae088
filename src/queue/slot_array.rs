//! The slots of a single-producer ring: values of one type, packed.

#![allow(unsafe_code)]

use core::marker::PhantomData;
use core::mem::MaybeUninit;

use crate::primitive::AtomicU64;
use crate::shareable::{self, Shareable};

/// A view of the ring's slots.
#[derive(Clone, Copy)]
pub(super) struct SlotArray<'a, T> {
    words: &'a [AtomicU64],
    capacity: usize,
    of: PhantomData<fn(T) -> T>,
}

impl<'a, T: Shareable> SlotArray<'a, T> {
    const SIZE: usize = size_of::<T>();

    /// Checks that the words have room for `capacity` slots.
    pub(super) fn check(words: &[AtomicU64], capacity: usize) {
        let fits = Self::SIZE == 0 || size_of_val(words) / Self::SIZE >= capacity;
        assert!(fits, "room for the slots");
    }

    /// `capacity` slots at the start of these words, which passed [`check`](Self::check).
    #[inline(always)]
    pub(super) fn new(words: &'a [AtomicU64], capacity: usize) -> Self {
        Self { words, capacity, of: PhantomData }
    }

    /// The address of a slot.
    #[inline(always)]
    pub(super) fn slot(self, index: usize) -> *mut u8 {
        debug_assert!(index < self.capacity);
        self.words.as_ptr().cast_mut().cast::<u8>().wrapping_add(index * Self::SIZE)
    }

    /// Writes a slot.
    ///
    /// # Safety
    /// The words passed [`check`](Self::check), `index` is below the capacity, and by the ring's
    /// protocol no other thread or process reads or writes that slot meanwhile.
    #[inline(always)]
    pub(super) unsafe fn write(self, index: usize, value: &T) {
        let bytes = bytemuck::bytes_of(value);
        // SAFETY: a slot below the capacity is `SIZE` bytes inside the words, which are atomics and
        // so may be written through a shared reference; `value` is private.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), self.slot(index), Self::SIZE) };
    }

    /// Copies a slot's value out; `None` if the bytes are not a `T`.
    ///
    /// # Safety
    /// As for [`write`](Self::write).
    #[inline(always)]
    pub(super) unsafe fn read(self, index: usize) -> Option<T> {
        shareable::read(|bytes: &mut [MaybeUninit<u8>]| {
            // SAFETY: a slot below the capacity is `SIZE` bytes inside the words; `bytes` is
            // private and as long as a `T`.
            unsafe {
                core::ptr::copy_nonoverlapping(self.slot(index), bytes.as_mut_ptr().cast(), Self::SIZE)
            };
        })
    }

    /// Writes neighbouring slots, wrapping around at the end of the ring.
    ///
    /// # Safety
    /// As for [`write`](Self::write), for one slot from `index` on for each value; there are no
    /// more values than slots.
    #[inline(always)]
    pub(super) unsafe fn write_run(self, index: usize, values: &[T]) {
        let (here, around) = values.split_at(values.len().min(self.capacity - index));
        for (part, first) in [(here, index), (around, 0)] {
            let bytes: &[u8] = bytemuck::cast_slice(part);
            // SAFETY: as in `write`, for neighbours.
            unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), self.slot(first), bytes.len()) };
        }
    }

    /// Copies neighbouring slots out, wrapping around at the end of the ring, up to the first whose
    /// bytes are not a `T`. Returns the number copied.
    ///
    /// # Safety
    /// As for [`write_run`](Self::write_run).
    #[inline(always)]
    pub(super) unsafe fn read_run(self, index: usize, values: &mut [T]) -> usize {
        let (here, around) = values.split_at_mut(values.len().min(self.capacity - index));
        let mut good = 0;
        for (part, first) in [(here, index), (around, 0)] {
            for (value, slot) in part.iter_mut().zip(first..) {
                // SAFETY: as in `read`, for neighbours.
                let Some(read) = (unsafe { self.read(slot) }) else { return good };
                *value = read;
                good += 1;
            }
        }
        good
    }
}
