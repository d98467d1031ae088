//! A value that readers copy without a lock: several slots, and a version that says which slot is
//! current.
//!
//! After the sequence lock as Boehm gives it for C++ ("Can seqlocks get along with programming
//! language memory models?", MSPC 2012), with one change: the writer never writes the current slot.
//! A writer that dies leaves the version as it was, so readers neither wait for it nor see what it
//! wrote.
//!
//! | word | meaning | who moves it |
//! |---|---|---|
//! | `version` = v | slot `v % K` is current, the other `K - 1` are not | the one writer (the holder of a lock), by 1, once the next slot is complete: **this store is the commit point** |
//! | slot `v % K` | the value | no participant |
//! | slot `(v + 1) % K` | any bytes | the one writer |
//!
//! A reader that copied slot `v % K` and then finds version `w` has a whole value if no writer can
//! have begun to write that slot again. Such a writer would have had to publish `v + K - 1` first,
//! so `w - v <= K - 2` suffices.

#[cfg(all(test, loom))]
mod model;

use core::mem::MaybeUninit;

use super::atomic_copy;
use crate::primitive::{AtomicU64, Ordering, fence};

/// The state, by reference: `K` slots of equal length, back to back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Versioned<'a, const K: u64> {
    version: &'a AtomicU64,
    slots: &'a [AtomicU64],
}

impl<'a, const K: u64> Versioned<'a, K> {
    /// The value of this version, in `slots`: `K` slots of equal length.
    #[inline(always)]
    pub(crate) fn new(version: &'a AtomicU64, slots: &'a [AtomicU64]) -> Self {
        const { assert!(K >= 2 && K.is_power_of_two()) };
        debug_assert!((slots.len() as u64).is_multiple_of(K));
        Self { version, slots }
    }

    #[inline(always)]
    fn slot(&self, version: u64) -> &'a [AtomicU64] {
        let words = self.slots.len() / K as usize;
        // In range for any version, also for one of a damaged segment.
        let start = (version % K) as usize * words;
        &self.slots[start..start + words]
    }

    /// Copies the current value. `false` if a writer may have written the slot meanwhile; then the
    /// bytes mean nothing.
    #[inline(always)]
    pub(crate) fn try_read(&self, bytes: &mut [MaybeUninit<u8>]) -> bool {
        // ORDER: Acquire pairs with the Release store in `publish`: the slot is complete once its
        // version is seen.
        let version = self.version.load(Ordering::Acquire);
        atomic_copy::load(self.slot(version), bytes);
        // ORDER: pairs with the Release fence in `publish`: a reader that read a word of a later
        // round sees, in the load after this fence, the version that was stored before that round
        // began.
        fence(Ordering::Acquire);
        let again = self.version.load(Ordering::Relaxed);
        again.wrapping_sub(version) <= K - 2
    }

    /// Copies the current value. The caller holds the writers' lock, so no writer interferes.
    #[inline(always)]
    pub(crate) fn read_locked(&self, bytes: &mut [MaybeUninit<u8>]) {
        // ORDER: relaxed; the lock orders this after the last writer's stores.
        atomic_copy::load(self.slot(self.version.load(Ordering::Relaxed)), bytes);
    }

    /// Makes `bytes` the value. The caller holds the writers' lock.
    #[inline(always)]
    pub(crate) fn publish(&self, bytes: &[u8]) {
        let next = self.version.load(Ordering::Relaxed).wrapping_add(1);
        // ORDER: pairs with the Acquire fence in `try_read`: the words below come after the version
        // stored last time.
        fence(Ordering::Release);
        atomic_copy::store(self.slot(next), bytes);
        // ORDER: Release pairs with the Acquire load in `try_read`. The commit point.
        self.version.store(next, Ordering::Release);
    }
}
