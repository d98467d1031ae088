//! Undoing what a dead process left half done.
//!
//! An undo log for the holder of a lock: before it overwrites elements it notes what they were, and only then overwrites.
//! Whoever takes the lock from the dead writes the old elements back.
//!
//! | `pending` | meaning | who moves it |
//! |---|---|---|
//! | 0 | the elements count as they are; the records mean nothing | the lock's holder, to n, when n records are complete |
//! | n | the first n records say what elements were before | the same, to 0: **this store is the commit**; or its successor, to 0, when all n are written back |
//!
//! Undoing writes the same bytes however often it is begun, so the one that undoes may die as well. All of this is
//! against the dead only (a living peer waits for the lock), so the order of the instructions is what counts, and
//! compiler fences are enough.

use crate::primitive::{AtomicU64, Ordering, compiler_fence};

use super::atomic_copy::WORD;

/// The state, by reference: a counter, and records of one index and one element's bytes each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Journal<'a> {
    pending: &'a AtomicU64,
    records: &'a [AtomicU64],
    record_words: usize,
}

/// Words of a record for elements of this many bytes.
pub(crate) const fn record_words(element_size: usize) -> usize {
    1 + element_size.div_ceil(WORD)
}

impl<'a> Journal<'a> {
    /// A journal over elements of `element_size` bytes, with as many records as fit.
    #[inline]
    pub(crate) fn new(pending: &'a AtomicU64, records: &'a [AtomicU64], element_size: usize) -> Self {
        Self { pending, records, record_words: record_words(element_size) }
    }

    /// Record `n`, for element `index`: the words to save its old bytes in. It counts once `arm` says so.
    #[inline(always)]
    pub(crate) fn record(&self, n: usize, index: usize) -> &'a [AtomicU64] {
        let record = &self.records[n * self.record_words..][..self.record_words];
        record[0].store(index as u64, Ordering::Relaxed);
        &record[1..]
    }

    /// The element that record `n` is for.
    #[inline(always)]
    pub(crate) fn index(&self, n: usize) -> usize {
        self.records[n * self.record_words].load(Ordering::Relaxed) as usize
    }

    /// From here on, dying undoes the first `n` records.
    pub(crate) fn arm(&self, n: usize) {
        self.set_pending(n as u64);
    }

    /// From here on, dying undoes nothing.
    pub(crate) fn commit(&self) {
        self.set_pending(0);
    }

    fn set_pending(&self, n: u64) {
        // Stores before stay before, stores behind stay behind, in the order of instructions.
        compiler_fence(Ordering::SeqCst);
        self.pending.store(n, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
    }

    /// Whether the lock's last holder left something to undo.
    #[inline]
    pub(crate) fn is_pending(&self) -> bool {
        self.pending.load(Ordering::Relaxed) != 0
    }

    /// Hands the saved elements to `restore` (index and old bytes, in words), the last first, and is done.
    ///
    /// `false` where the journal is corrupt: it names more records than there are, or `restore` refuses an index. Then it
    /// stays as it is.
    #[cold]
    pub(crate) fn undo(&self, mut restore: impl FnMut(u64, &[AtomicU64]) -> bool) -> bool {
        let pending = self.pending.load(Ordering::Relaxed);
        if pending > (self.records.len() / self.record_words) as u64 {
            return false;
        }
        for n in (0..pending as usize).rev() {
            let record = &self.records[n * self.record_words..][..self.record_words];
            if !restore(record[0].load(Ordering::Relaxed), &record[1..]) {
                return false;
            }
        }
        self.commit();
        true
    }
}
