//! An array's elements, stored so that none is ever torn.
//!
//! A small element, of up to eight bytes, never straddles a word, and words are only stored whole.
//! So a reader without the lock, and a survivor after a death, see all of a store to such an
//! element or nothing of it. A larger element is copied plainly: only the lock's holder accesses
//! it, and the journal undoes what a dead holder wrote.
//!
//! Each writer holds the array's lock. So a word with several elements can be loaded, changed and
//! stored without a compare-and-swap.

#![allow(unsafe_code)]

use core::mem::MaybeUninit;

use crate::primitive::{AtomicU64, Ordering};

use super::atomic_copy::{WORD, bytes_of_word, word_of};

/// Bytes from one element to the next: for a small element, the next power of two, so that a word
/// holds a whole number of them; for a larger one, its size.
pub(crate) const fn stride(size: usize) -> usize {
    if is_small(size) { size.next_power_of_two() } else { size }
}

/// Whether an element of this size is read and written by one atomic access.
pub(crate) const fn is_small(size: usize) -> bool {
    size <= WORD
}

/// The elements' words, by reference.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Elements<'a> {
    words: &'a [AtomicU64],
    size: usize,
}

impl<'a> Elements<'a> {
    /// The elements in these words: `size` bytes each, a [`stride`] apart.
    #[inline(always)]
    pub(crate) fn new(words: &'a [AtomicU64], size: usize) -> Self {
        Self { words, size }
    }

    /// The word of a small element, and the element's first byte in it.
    #[inline(always)]
    fn place(&self, index: usize) -> (&'a AtomicU64, usize) {
        let start = index * stride(self.size);
        (&self.words[start / WORD], start % WORD)
    }

    /// Reads a small element, with or without the lock.
    #[inline(always)]
    pub(crate) fn load_small(&self, index: usize, bytes: &mut [MaybeUninit<u8>]) {
        let (word, start) = self.place(index);
        // ORDER: Acquire pairs with the Release in `store_small`: what was written before the
        // element is seen with it.
        let value = word.load(Ordering::Acquire).to_ne_bytes();
        bytes_of_word(word_of(&value[start..]), bytes);
    }

    /// Writes a small element. The caller holds the lock.
    #[inline(always)]
    pub(crate) fn store_small(&self, index: usize, bytes: &[u8]) {
        let (word, start) = self.place(index);
        // No other writer changes the word's other elements meanwhile: it would hold the lock.
        let mut value = word.load(Ordering::Relaxed).to_ne_bytes();
        value[start..start + bytes.len()].copy_from_slice(bytes);
        // ORDER: Release pairs with the Acquire in `load_small`.
        word.store(u64::from_ne_bytes(value), Ordering::Release);
    }

    /// Writes consecutive small elements that fill their strides, a word at a time. The caller
    /// holds the lock.
    pub(crate) fn store_small_run(&self, first: usize, bytes: &[u8]) {
        let start = first * self.size;
        let head = (start.next_multiple_of(WORD) - start).min(bytes.len());
        let (before, rest) = bytes.split_at(head);
        let mut whole = rest.chunks_exact(WORD);
        let body = &self.words[(start + head) / WORD..];
        // Up to the first word boundary: the word has other elements before these.
        for (n, element) in before.chunks_exact(self.size).enumerate() {
            self.store_small(first + n, element);
        }
        // Whole words: nothing of them has to be kept.
        for (word, piece) in body.iter().zip(&mut whole) {
            // ORDER: Release pairs with the Acquire in `load_small`.
            word.store(word_of(piece), Ordering::Release);
        }
        let after = whole.remainder();
        let next = first + (bytes.len() - after.len()) / self.size;
        // After the last word boundary: the word has other elements after these.
        for (n, element) in after.chunks_exact(self.size).enumerate() {
            self.store_small(next + n, element);
        }
    }

    /// Copies consecutive elements out with one plain copy. The elements fill their strides.
    ///
    /// # Panics
    /// If the run leaves the array.
    ///
    /// # Safety
    /// The caller holds the lock, so no other thread writes meanwhile.
    #[inline]
    pub(crate) unsafe fn copy_out(&self, first: usize, bytes: &mut [MaybeUninit<u8>]) {
        let source = self.run(first, bytes.len());
        // SAFETY: `run` found `bytes.len()` live bytes at `source`; `bytes` is private memory, so
        // they do not overlap. A peer that writes without the lock can spoil the bytes but nothing
        // else: any bytes are accepted until they are checked.
        unsafe { core::ptr::copy_nonoverlapping(source, bytes.as_mut_ptr().cast(), bytes.len()) };
    }

    /// Copies consecutive elements out, word by word, while others may write: the bytes may be a
    /// mixture. The elements fill their strides.
    ///
    /// # Panics
    /// If the run leaves the array.
    #[cold]
    pub(crate) fn copy_out_unlocked(&self, first: usize, bytes: &mut [MaybeUninit<u8>]) {
        let mut at = first * stride(self.size);
        let mut rest = bytes;
        while !rest.is_empty() {
            let word = self.words[at / WORD].load(Ordering::Relaxed).to_ne_bytes();
            let (piece, after) = rest.split_at_mut((WORD - at % WORD).min(rest.len()));
            for (byte, copied) in piece.iter_mut().zip(&word[at % WORD..]) {
                byte.write(*copied);
            }
            at += piece.len();
            rest = after;
        }
    }

    /// Overwrites one large element.
    ///
    /// # Panics
    /// If the element is outside of the array.
    ///
    /// # Safety
    /// The caller holds the lock, so no other thread reads or writes meanwhile.
    #[inline]
    pub(crate) unsafe fn copy_in(&self, index: usize, bytes: &[u8]) {
        let target = self.run(index, bytes.len());
        // SAFETY: `run` found `bytes.len()` live bytes at `target`, in cells that may be written
        // through a shared reference; `bytes` is private memory, so they do not overlap.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), target, bytes.len()) };
    }

    /// Saves an element's bytes in `record`, which has room for them.
    ///
    /// # Safety
    /// The caller holds the lock.
    #[inline(always)]
    pub(crate) unsafe fn save(&self, index: usize, record: &[AtomicU64]) {
        if is_small(self.size) {
            // At the record's start, whichever byte of its word the element starts at.
            let (word, start) = self.place(index);
            let value = word.load(Ordering::Relaxed).to_ne_bytes();
            record[0].store(word_of(&value[start..start + self.size]), Ordering::Relaxed);
            return;
        }
        let source = self.run(index, self.size);
        let target = record_bytes(record, self.size);
        // SAFETY: `run` and `record_bytes` found `size` live bytes each, of different parts of the
        // object; only the lock's holder, the caller, accesses them.
        unsafe { core::ptr::copy_nonoverlapping(source, target, self.size) };
    }

    /// Writes back an element that [`save`](Self::save) saved. `false` if the array has no such
    /// element.
    ///
    /// # Safety
    /// The caller holds the lock.
    pub(crate) unsafe fn restore(&self, index: u64, record: &[AtomicU64]) -> bool {
        let count = self.words.len() * WORD / stride(self.size);
        // The index was read from the journal, which another process wrote.
        if index >= count as u64 {
            return false;
        }
        let index = index as usize;
        if is_small(self.size) {
            self.store_small(index, &record[0].load(Ordering::Relaxed).to_ne_bytes()[..self.size]);
            return true;
        }
        let source = record_bytes(record, self.size);
        let target = self.run(index, self.size);
        // SAFETY: as in `save`.
        unsafe { core::ptr::copy_nonoverlapping(source, target, self.size) };
        true
    }

    /// Whether an element's bytes differ from these.
    ///
    /// # Safety
    /// The caller holds the lock.
    #[inline(always)]
    pub(crate) unsafe fn differs(&self, index: usize, bytes: &[u8]) -> bool {
        if is_small(self.size) {
            let (word, start) = self.place(index);
            return word.load(Ordering::Relaxed).to_ne_bytes()[start..start + bytes.len()] != *bytes;
        }
        // Compared in private memory, a piece at a time: a slice of shared bytes would promise that
        // no peer writes them.
        let mut buffer = [MaybeUninit::<u8>::uninit(); 64];
        let mut at = self.run(index, bytes.len());
        bytes.chunks(buffer.len()).any(|piece| {
            let copy = &mut buffer[..piece.len()];
            // SAFETY: `run` found `bytes.len()` live bytes, of which `at` has passed the pieces
            // before; `copy` is private.
            unsafe { core::ptr::copy_nonoverlapping(at, copy.as_mut_ptr().cast(), piece.len()) };
            // SAFETY: still inside the run, or at its end.
            at = unsafe { at.add(piece.len()) };
            // SAFETY: just filled.
            let copy = unsafe { core::slice::from_raw_parts(copy.as_ptr().cast::<u8>(), piece.len()) };
            copy != piece
        })
    }

    /// The address of element `first`, from which on the array has `len` bytes.
    #[inline]
    fn run(&self, first: usize, len: usize) -> *mut u8 {
        let start = first * stride(self.size);
        assert!(start + len <= self.words.len() * WORD, "a run of elements inside the array");
        // SAFETY: inside the words, as just checked.
        unsafe { self.words.as_ptr().cast::<u8>().cast_mut().add(start) }
    }
}

/// The address of a record's words, which hold `len` bytes.
fn record_bytes(record: &[AtomicU64], len: usize) -> *mut u8 {
    assert!(len <= record.len() * WORD, "a record holds an element");
    record.as_ptr().cast::<u8>().cast_mut()
}
