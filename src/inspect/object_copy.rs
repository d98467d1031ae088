//! [`ObjectCopy`]: an object's bytes in private memory.

#![allow(unsafe_code)]

use core::mem::size_of;

use bytemuck::{Pod, Zeroable};

use crate::primitive::{AtomicU32, AtomicU64};
use crate::raw::kind_ops::{ObjectGeometry, ObjectWords};

/// Two cache lines, aligned as objects are.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(128))]
struct AlignedLine([u64; 16]);

/// The first bytes of an object, in private memory, or all of them.
pub(super) struct ObjectCopy {
    lines: Vec<AlignedLine>,
    length: usize,
}

impl ObjectCopy {
    /// A copy of at most `length` bytes. `read` fills the buffer, and returns how many bytes it
    /// had.
    pub(super) fn new(length: usize, read: impl FnOnce(&mut [u8]) -> usize) -> Self {
        let mut lines = vec![AlignedLine::zeroed(); length.div_ceil(size_of::<AlignedLine>())];
        let length = read(&mut bytemuck::cast_slice_mut(&mut lines)[..length]).min(length);
        Self { lines, length }
    }

    /// The bytes as a kind's `inspect` takes them.
    pub(super) fn object_words(&self, geometry: ObjectGeometry) -> ObjectWords<'_> {
        ObjectWords { geometry, words: self.words(), words32: self.words32() }
    }

    fn words(&self) -> &[AtomicU64] {
        let words: &[u64] = bytemuck::cast_slice(&self.lines);
        let words = &words[..self.length / 8];
        // SAFETY: an `AtomicU64` has the size and alignment of a `u64`, which these are; they are
        // private and borrowed for as long. No thread writes them through the atomics: there is no
        // `&mut` to them, and inspecting stores nothing.
        unsafe { core::slice::from_raw_parts(words.as_ptr().cast(), words.len()) }
    }

    fn words32(&self) -> &[AtomicU32] {
        let words: &[u32] = bytemuck::cast_slice(&self.lines);
        let words = &words[..self.length / 4];
        // SAFETY: as in `words`.
        unsafe { core::slice::from_raw_parts(words.as_ptr().cast(), words.len()) }
    }
}
