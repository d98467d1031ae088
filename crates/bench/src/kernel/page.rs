//! Memory shared with forked children, independent of breezeway: for locks, counters and flags.

#![allow(unsafe_code)]

use std::ptr::{self, NonNull};
use std::slice;

use core::sync::atomic::{AtomicU32, AtomicU64};
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};

/// Bytes of a line: two cache lines, because the processor fetches them in pairs.
pub const LINE: usize = 128;

/// Zeroed memory, mapped shared until the process ends.
#[derive(Clone, Copy)]
pub struct Page {
    start: NonNull<u8>,
    lines: usize,
}

impl Page {
    const LEN: usize = 4096;

    /// Maps a page of 32 lines.
    #[expect(clippy::new_without_default, reason = "each call maps different memory")]
    pub fn new() -> Self {
        Self::with_lines(Self::LEN / LINE)
    }

    fn with_lines(lines: usize) -> Self {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice.
        let start = unsafe { mmap_anonymous(ptr::null_mut(), lines * LINE, protection, MapFlags::SHARED) };
        Self { start: NonNull::new(start.expect("memory").cast()).expect("a mapping"), lines }
    }

    /// Maps `count` words.
    pub fn of_words(count: usize) -> &'static [AtomicU64] {
        let page = Self::with_lines((count * size_of::<AtomicU64>()).div_ceil(LINE));
        // SAFETY: inside a mapping that is never unmapped, and aligned; atomics are valid for any
        // bytes.
        unsafe { slice::from_raw_parts(page.start.cast().as_ptr(), count) }
    }

    /// The start of line `n`.
    pub fn line(&self, n: usize) -> NonNull<u8> {
        assert!(n < self.lines);
        // SAFETY: inside the mapping, as just checked.
        unsafe { self.start.add(n * LINE) }
    }

    /// The words of line `n`, which must hold nothing else.
    pub fn words(&self, n: usize) -> &'static [AtomicU64; LINE / 8] {
        let words = self.line(n).cast::<[AtomicU64; LINE / 8]>();
        // SAFETY: a whole line, aligned, of a page that is never unmapped; atomics are valid for
        // any bytes.
        unsafe { words.as_ref() }
    }

    /// The first word of line `n`, which must hold nothing else.
    pub fn word(&self, n: usize) -> &'static AtomicU64 {
        &self.words(n)[0]
    }

    /// The futex word of line `n`, which must hold nothing else.
    pub fn futex_word(&self, n: usize) -> &'static AtomicU32 {
        let word = self.line(n).cast::<AtomicU32>();
        // SAFETY: aligned, in a page that is never unmapped; atomics are valid for any bytes.
        unsafe { word.as_ref() }
    }
}
