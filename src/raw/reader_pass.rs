//! [`ReaderPass`]: writers let a reader pass whose copies they spoil.
//!
//! | word | meaning | who moves it |
//! |---|---|---|
//! | 0 | no reader asks | |
//! | t | a reader asks writers to begin nothing until time t | a reader: to a time at most [`LONGEST`] ahead, and from its own time to 0 once it has its copy. A writer that finds t passed, or too far ahead: to 0 |
//!
//! A reader that is killed while it asks delays each writer by no more than [`LONGEST`].

#[cfg(all(test, loom))]
mod model;

use core::time::Duration;

use crate::primitive::{AtomicU64, Ordering, yield_now};
use crate::sys::clock::monotonic_nanos;

/// How long a reader asks writers to wait: enough to copy megabytes.
pub(crate) const LONGEST: Duration = Duration::from_millis(1);

/// The word, by reference.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReaderPass<'a>(pub(crate) &'a AtomicU64);

impl ReaderPass<'_> {
    /// Asks writers to wait, and returns until when.
    #[cold]
    pub(crate) fn ask(self) -> u64 {
        // ORDER: relaxed, here and below; the word orders nothing. It shortens a race that the
        // version decides.
        let until = monotonic_nanos() + LONGEST.as_nanos() as u64;
        self.0.store(until, Ordering::Relaxed);
        until
    }

    /// Lets writers go on, unless another reader has asked them to wait since.
    #[cold]
    pub(crate) fn finish(self, until: u64) {
        let _ = self.0.compare_exchange(until, 0, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Waits while a reader asks for it, at most [`LONGEST`]. The caller holds no lock.
    #[inline(always)]
    pub(crate) fn wait_for_reader(self) {
        if self.0.load(Ordering::Relaxed) != 0 {
            self.wait();
        }
    }

    #[cold]
    fn wait(self) {
        let begun = monotonic_nanos();
        loop {
            let (until, now) = (self.0.load(Ordering::Relaxed), monotonic_nanos());
            if until == 0 || now.saturating_sub(begun) >= LONGEST.as_nanos() as u64 {
                return;
            }
            let left = until.saturating_sub(now);
            if left == 0 || left > 2 * LONGEST.as_nanos() as u64 {
                // A dead reader's, or no reader's.
                let _ = self.0.compare_exchange(until, 0, Ordering::Relaxed, Ordering::Relaxed);
                return;
            }
            yield_now();
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn wait_for_reader_ends_when_the_reader_finishes_or_is_dead() {
        let word = AtomicU64::new(0);
        let pass = ReaderPass(&word);
        pass.wait_for_reader();
        let until = pass.ask();
        pass.finish(until);
        pass.wait_for_reader();
        // It dies while it asks.
        pass.ask();
        pass.wait_for_reader();
        // A word that no reader has written.
        for damaged in [1, u64::MAX] {
            word.store(damaged, Ordering::Relaxed);
            pass.wait_for_reader();
            assert_eq!(word.load(Ordering::Relaxed), 0);
        }
    }
}
