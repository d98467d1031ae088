//! Memory shared with a forked child: what a lock between processes lies in, without breezeway.

#![allow(unsafe_code)]

use std::ptr::{self, NonNull};
use std::slice;

use core::sync::atomic::AtomicU64;

/// Two cache lines: what lies in different ones does not disturb each other.
pub const LINE: usize = 128;

/// Zeroed memory, mapped shared, for as long as the process lives.
#[derive(Clone, Copy)]
pub struct Page {
    start: NonNull<u8>,
    lines: usize,
}

impl Page {
    const LEN: usize = 4096;

    /// A page.
    ///
    /// # Panics
    /// Where the kernel has no memory left.
    #[expect(clippy::new_without_default, reason = "not a value: each is another")]
    pub fn new() -> Self {
        Self::of(Self::LEN / LINE)
    }

    /// So many lines.
    fn of(lines: usize) -> Self {
        let (protection, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping at an address of the kernel's choice.
        let start = unsafe { libc::mmap(ptr::null_mut(), lines * LINE, protection, flags, -1, 0) };
        assert_ne!(start, libc::MAP_FAILED, "a page of memory");
        Self { start: NonNull::new(start.cast()).expect("a mapping"), lines }
    }

    /// At least so many words, on a mapping of their own.
    ///
    /// # Panics
    /// Where the kernel has no memory left.
    pub fn of_words(count: usize) -> &'static [AtomicU64] {
        let page = Self::of((count * size_of::<AtomicU64>()).div_ceil(LINE));
        // SAFETY: inside a mapping that is never unmapped, and aligned; atomics are valid for any bytes.
        unsafe { slice::from_raw_parts(page.start.cast().as_ptr(), count) }
    }

    /// The start of line `n`.
    ///
    /// # Panics
    /// Where there are not so many: a page has 32.
    pub fn line(&self, n: usize) -> NonNull<u8> {
        assert!(n < self.lines);
        // SAFETY: inside the mapping, as just checked.
        unsafe { self.start.add(n * LINE) }
    }

    /// The words of line `n`, for who keeps nothing else there.
    ///
    /// # Panics
    /// As [`Page::line`].
    pub fn words(&self, n: usize) -> &'static [AtomicU64; LINE / 8] {
        let words = self.line(n).cast::<[AtomicU64; LINE / 8]>();
        // SAFETY: a whole line, aligned, of a page that is never unmapped; atomics are valid for any bytes.
        unsafe { words.as_ref() }
    }

    /// The first of them.
    ///
    /// # Panics
    /// As [`Page::line`].
    pub fn word(&self, n: usize) -> &'static AtomicU64 {
        &self.words(n)[0]
    }
}
