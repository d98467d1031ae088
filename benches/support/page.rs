//! Memory shared with a forked child: what a lock between processes lies in, without breezeway.

#![allow(unsafe_code)]

use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicU64;

/// Two cache lines: what lies in different ones does not disturb each other.
pub const LINE: usize = 128;

/// A zeroed page, mapped shared, for as long as the process lives.
#[derive(Clone, Copy)]
pub struct Page {
    start: NonNull<u8>,
}

impl Page {
    const LEN: usize = 4096;

    pub fn new() -> Self {
        let (protection, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping at an address of the kernel's choice.
        let start = unsafe { libc::mmap(ptr::null_mut(), Self::LEN, protection, flags, -1, 0) };
        assert_ne!(start, libc::MAP_FAILED, "a page of memory");
        Self { start: NonNull::new(start.cast()).expect("a mapping") }
    }

    /// The start of line `n`.
    pub fn line(&self, n: usize) -> NonNull<u8> {
        assert!(n < Self::LEN / LINE);
        // SAFETY: inside the page, as just checked.
        unsafe { self.start.add(n * LINE) }
    }

    /// The words of line `n`, for who keeps nothing else there.
    pub fn words(&self, n: usize) -> &'static [AtomicU64; LINE / 8] {
        let words = self.line(n).cast::<[AtomicU64; LINE / 8]>();
        // SAFETY: a whole line, aligned, of a page that is never unmapped; atomics are valid for any bytes.
        unsafe { words.as_ref() }
    }

    /// The first of them.
    pub fn word(&self, n: usize) -> &'static AtomicU64 {
        &self.words(n)[0]
    }
}
