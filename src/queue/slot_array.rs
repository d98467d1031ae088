//! The slots of a single-producer ring: values of one type, packed.

#![allow(unsafe_code)]

use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use crate::primitive::AtomicU64;
use crate::shareable::{self, Shareable};

/// Where the slots lie.
pub(super) struct SlotArray<T> {
    start: NonNull<u8>,
    capacity: usize,
    of: PhantomData<fn(T) -> T>,
}

// SAFETY: an address in shared memory, whose use each method's contract bounds.
unsafe impl<T: Shareable> Send for SlotArray<T> {}
// SAFETY: as above.
unsafe impl<T: Shareable> Sync for SlotArray<T> {}

impl<T: Shareable> SlotArray<T> {
    const SIZE: usize = size_of::<T>();

    /// `capacity` slots in these words, which have room for them and outlive this.
    pub(super) fn new(words: &[AtomicU64], capacity: usize) -> Self {
        assert!(size_of_val(words) / Self::SIZE.max(1) >= capacity || Self::SIZE == 0, "room for the slots");
        Self { start: NonNull::from(words).cast(), capacity, of: PhantomData }
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Where a slot lies.
    #[inline(always)]
    pub(super) fn slot(&self, index: usize) -> *mut u8 {
        debug_assert!(index < self.capacity);
        // SAFETY: `new` found room for `capacity` slots, and callers stay below it.
        unsafe { self.start.as_ptr().add(index * Self::SIZE) }
    }

    /// Writes a slot.
    ///
    /// # Safety
    /// `index` is below the capacity, and by the ring's protocol nobody else reads or writes that slot now. The words are mapped.
    #[inline(always)]
    pub(super) unsafe fn write(&self, index: usize, value: &T) {
        let bytes = bytemuck::bytes_of(value);
        // SAFETY: a slot is `SIZE` bytes in the mapping, in cells that may be written through a shared reference; `value` is private.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), self.slot(index), Self::SIZE) };
    }

    /// Copies a slot's value out; `None` where the bytes are not a `T`.
    ///
    /// # Safety
    /// As for [`write`](Self::write).
    #[inline(always)]
    pub(super) unsafe fn read(&self, index: usize) -> Option<T> {
        shareable::read(|bytes: &mut [MaybeUninit<u8>]| {
            // SAFETY: a slot is `SIZE` bytes in the mapping; `bytes` is private and as long as a `T`.
            unsafe {
                core::ptr::copy_nonoverlapping(self.slot(index), bytes.as_mut_ptr().cast(), Self::SIZE)
            };
        })
    }

    /// Writes neighbouring slots, going round at the end of the ring.
    ///
    /// # Safety
    /// As for [`write`](Self::write), for as many slots from `index` on as there are values, no more than the capacity.
    #[inline(always)]
    pub(super) unsafe fn write_run(&self, index: usize, values: &[T]) {
        let (here, around) = values.split_at(values.len().min(self.capacity - index));
        for (part, first) in [(here, index), (around, 0)] {
            let bytes: &[u8] = bytemuck::cast_slice(part);
            // SAFETY: as in `write`, for neighbours.
            unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), self.slot(first), bytes.len()) };
        }
    }

    /// Copies neighbouring slots out, going round at the end of the ring, up to the first whose bytes are not a `T`, and says how
    /// many.
    ///
    /// # Safety
    /// As for [`write_run`](Self::write_run).
    #[inline(always)]
    pub(super) unsafe fn read_run(&self, index: usize, values: &mut [T]) -> usize {
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
