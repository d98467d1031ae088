//! An undo log (write-ahead log of old values) for the elements that a lock's holder overwrites.
//!
//! The holder records the old elements before it overwrites any. If it dies, the next locker writes
//! the old elements back.
//!
//! | `pending` | meaning | who moves it |
//! |---|---|---|
//! | 0 | the elements are valid as they are; the records mean nothing | the lock's holder, to n, once n records are complete |
//! | n | the first n records hold the old elements | the lock's holder, to 0: **this store is the commit point**. If the holder is dead, the next locker, to 0, once all n elements are written back |
//!
//! Undoing writes the same bytes each time it is begun, so the process that undoes may be killed as
//! well. A living peer waits for the lock, and the lock orders its accesses; the journal is read
//! out of turn only after a death. So the order of the instructions is what counts, and compiler
//! fences are enough.

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
    /// The journal over elements of `element_size` bytes, with as many records as fit into
    /// `records`.
    #[inline]
    pub(crate) fn new(pending: &'a AtomicU64, records: &'a [AtomicU64], element_size: usize) -> Self {
        Self { pending, records, record_words: record_words(element_size) }
    }

    /// Prepares record `n` for element `index`, and returns the words to save the old bytes in. The
    /// record takes effect with [`arm`](Self::arm).
    #[inline(always)]
    pub(crate) fn record(&self, n: usize, index: usize) -> &'a [AtomicU64] {
        let record = &self.records[n * self.record_words..][..self.record_words];
        record[0].store(index as u64, Ordering::Relaxed);
        &record[1..]
    }

    /// The index of the element that record `n` is for.
    #[inline(always)]
    pub(crate) fn index(&self, n: usize) -> usize {
        self.records[n * self.record_words].load(Ordering::Relaxed) as usize
    }

    /// Makes the first `n` records take effect: from here on, a death undoes them.
    pub(crate) fn arm(&self, n: usize) {
        self.set_pending(n as u64);
    }

    /// Ends the section: from here on, a death undoes nothing.
    pub(crate) fn commit(&self) {
        self.set_pending(0);
    }

    fn set_pending(&self, n: u64) {
        // In the order of the instructions, stores before the call stay before `pending`, and those
        // after it stay after.
        compiler_fence(Ordering::SeqCst);
        self.pending.store(n, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
    }

    /// Whether the lock's last holder has left records to undo.
    #[inline]
    pub(crate) fn is_pending(&self) -> bool {
        self.pending.load(Ordering::Relaxed) != 0
    }

    /// Passes each saved element to `restore` (index and old bytes, in words), the last record
    /// first, and then ends the section.
    ///
    /// `false` if the journal is corrupt: it counts more records than there are, or `restore`
    /// refuses an index. Then `pending` stays as it is.
    #[cold]
    pub(crate) fn undo(&self, mut restore: impl FnMut(u64, &[AtomicU64]) -> bool) -> bool {
        let pending = self.pending.load(Ordering::Relaxed);
        if pending > (self.records.len() / self.record_words) as u64 {
            return false;
        }
        // Backwards: if two records are for one element, the older one has the bytes from before
        // the section.
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
