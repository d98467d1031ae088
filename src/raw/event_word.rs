//! A word to sleep on until somebody publishes something.
//!
//! | word | meaning | who moves it |
//! |---|---|---|
//! | `{n, 0}` | nobody sleeps | a sleeper that announces itself, to `{n + 1, 1}` |
//! | `{n, 1}` | somebody sleeps, or is about to, or did | another sleeper, or a waker before it wakes, to `{n + 1, 1}`; a waker that found fewer asleep than it would have woken, to `{n, 0}` |
//!
//! A sleeper announces itself, looks once more for what it waits for, and sleeps while the word is what it made of it. Whoever
//! publishes looks at the word afterwards. The barriers between each one's write and its look make sure that one of them sees
//! the other. So nothing is spent where nobody sleeps, and one load is spent to find that out.
//!
//! A waker counts the word up before it wakes: who has announced itself, and sleeps only behind that, would be found by nobody.
//!
//! A mark that is too many (its sleeper was killed, or woke by itself) costs one system call, and the waker that makes it clears
//! the mark. Only the exact word is cleared: a sleeper that has announced itself since keeps its mark. What is missing when a
//! waker is killed between publishing and waking, the end of a slice makes up for.

#[cfg(all(test, loom))]
mod model;

use crate::primitive::{AtomicU32, Ordering};
use crate::sys::clock::Deadline;
use crate::sys::{barrier, futex};

#[cfg(any(not(loom), test))]
pub(crate) use crate::sys::futex::EVERYBODY;

/// Somebody may sleep.
const SLEEPERS: u32 = 1;
/// One announcement, or one waking.
const ANNOUNCED: u32 = 2;

/// The state.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[repr(transparent)]
pub(crate) struct EventWord(AtomicU32);

/// The word as a sleeper has announced itself.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub(crate) struct Announced {
    word: u32,
    /// Whether a waker that runs meanwhile is sure to see it.
    pub(crate) is_seen: bool,
}

impl EventWord {
    /// Wakes up to `count` sleepers, where there are any. To be called behind the publication.
    #[inline(always)]
    pub(crate) fn notify(&self, count: u32) {
        barrier::light();
        // ORDER: relaxed; the barrier orders it behind the publication.
        let word = self.0.load(Ordering::Relaxed);
        if word & SLEEPERS != 0 {
            self.wake(count);
        }
    }

    #[cold]
    fn wake(&self, count: u32) {
        // Who is on the way to its sleep does not fall asleep over another word, but looks again.
        // ORDER: relaxed; the word stands for itself.
        let word = self.0.fetch_add(ANNOUNCED, Ordering::Relaxed).wrapping_add(ANNOUNCED);
        if futex::wake(&self.0, count) < count {
            // ORDER: relaxed, as above. Fails where somebody has announced itself since.
            let _ = self.0.compare_exchange(word, word & !SLEEPERS, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Announces a sleeper. What it waits for is to be looked for once more after this, and before [`sleep`](Self::sleep).
    pub(crate) fn announce(&self) -> Announced {
        let mut before = self.0.load(Ordering::Relaxed);
        loop {
            let word = (before | SLEEPERS).wrapping_add(ANNOUNCED);
            // ORDER: relaxed; the barrier behind it orders it before the last look.
            match self.0.compare_exchange(before, word, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Announced { word, is_seen: barrier::heavy() },
                Err(found) => before = found,
            }
        }
    }

    /// Sleeps until somebody wakes it, or has announced itself or been woken since, or the deadline is over.
    pub(crate) fn sleep(&self, announced: Announced, until: Deadline) {
        futex::wait(&self.0, announced.word, until);
    }
}
