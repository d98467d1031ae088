//! A word to sleep on until somebody publishes something.
//!
//! | word | meaning | who moves it |
//! |---|---|---|
//! | `{n, 0}` | nobody sleeps | a sleeper that announces itself, to `{n + 1, 1}` |
//! | `{n, 1}` | somebody sleeps, or is about to, or did | each waker, to `{n + 1, 1}`; one that finds fewer asleep than it would have woken, to `{n, 0}` then |
//!
//! A sleeper announces itself, looks once more for what it waits for, and sleeps while the word is what it made of it. Whoever
//! publishes looks at the word afterwards. The barriers between each one's write and its look make sure that one of them sees
//! the other. So nothing is spent where nobody sleeps, and one load is spent to find that out.
//!
//! A waker moves the count before it wakes, so that the word alone tells that there was news: who sleeps on many words at a time
//! (the reactor) is told of one of them only, when several had news.
//!
//! A mark that is too many (its sleeper was killed, or woke by itself) costs a waker some system calls, and the waker clears the
//! mark. It then wakes everybody once more: somebody may have fallen asleep between its first wake and the clearing. Behind that,
//! nobody can: the count makes each marked word another one. What is missing when a waker is killed between publishing and
//! waking, the end of a slice makes up for.

#[cfg(all(test, loom))]
mod model;

use std::time::Duration;

use crate::primitive::{AtomicU32, Ordering};
use crate::sys::clock::Deadline;
#[cfg(not(loom))]
use crate::sys::process::current_cpu;
use crate::sys::{barrier, futex};

pub(crate) use crate::sys::futex::WAKE_ALL;

/// Somebody may sleep.
const WAITERS_BIT: u32 = 1;
/// One announcement.
const COUNT_STEP: u32 = 2;

/// The event count, and where its last notifier ran.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[repr(C)]
pub(crate) struct EventCount {
    word: AtomicU32,
    /// The CPU on which the last notifier that found waiters ran, plus 1; 0 before the first. No loom
    /// model has CPUs.
    #[cfg(not(loom))]
    notifier_cpu: AtomicU32,
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<EventCount>() == 8);

/// Which waiters may sleep on an event count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WakePolicy {
    /// One.
    Single,
    /// Many, all for the same: what one does not find there is not for the others either.
    AnyOne,
    /// Many, for a lock: the one that gets it notifies the next when it unlocks, so it need not pass
    /// its wake-up on. They look more often than others, because its holder may have died.
    #[cfg_attr(loom, allow(dead_code))]
    Lock,
    /// Many, each for something of its own, or for what is there for all at once.
    All,
}

/// Why a task is woken.
#[cfg_attr(any(loom, not(feature = "async")), allow(dead_code))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WakeReason {
    /// The event count was notified.
    Notified,
    /// A recheck interval has passed.
    Recheck,
}

/// The longest park before a waiter looks again, if it waits for anything but a lock.
pub(crate) const RECHECK_INTERVAL: Duration = Duration::from_millis(100);

/// The longest park of a waiter for a lock, whose holder may have died.
const LOCK_RECHECK_INTERVAL: Duration = Duration::from_millis(5);

impl WakePolicy {
    /// How long such a waiter parks at most before it looks again.
    #[cfg_attr(loom, allow(dead_code))]
    pub(crate) fn recheck_interval(self) -> Duration {
        match self {
            Self::Single | Self::AnyOne | Self::All => RECHECK_INTERVAL,
            Self::Lock => LOCK_RECHECK_INTERVAL,
        }
    }
}

/// The word as a sleeper has announced itself.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub(crate) struct PreparedWait {
    word: u32,
    /// Whether a waker that runs meanwhile is sure to see it.
    pub(crate) is_seen: bool,
}

impl EventCount {
    /// Wakes up to `count` sleepers, where there are any. To be called behind the publication.
    #[inline(always)]
    pub(crate) fn notify(&self, count: u32) {
        barrier::light();
        // ORDER: relaxed; the barrier orders it behind the publication.
        let word = self.word.load(Ordering::Relaxed);
        if word & WAITERS_BIT != 0 {
            self.wake(count);
        }
    }

    #[cold]
    fn wake(&self, count: u32) {
        // Before the wake-up, so that the waiter finds it.
        #[cfg(not(loom))]
        self.notifier_cpu.store(current_cpu() + 1, Ordering::Relaxed);
        // ORDER: Release pairs with the Acquire in `word`: who sees that there was news sees the news.
        let word = self.word.fetch_add(COUNT_STEP, Ordering::Release).wrapping_add(COUNT_STEP);
        let count = count.min(WAKE_ALL);
        if futex::wake(&self.word, count) >= count {
            return;
        }
        // ORDER: relaxed; the word stands for itself. Fails where another waker was faster, who then does the rest.
        let cleared =
            self.word.compare_exchange(word, word & !WAITERS_BIT, Ordering::Relaxed, Ordering::Relaxed);
        if cleared.is_ok() {
            futex::wake(&self.word, WAKE_ALL);
        }
    }

    /// Announces a sleeper. What it waits for is to be looked for once more after this, and before [`commit_wait`](Self::commit_wait).
    pub(crate) fn prepare_wait(&self) -> PreparedWait {
        let word = self.set_waiters_bit();
        PreparedWait { word, is_seen: barrier::heavy() }
    }

    /// Announces a sleeper without the barrier, for a sleep so brief that a notifier may overlook it.
    #[cfg(not(loom))]
    pub(crate) fn prepare_wait_relaxed(&self) -> PreparedWait {
        PreparedWait { word: self.set_waiters_bit(), is_seen: false }
    }

    /// Announces a sleeper at several words at once, for [`commit_wait_any`](Self::commit_wait_any): with one barrier for all.
    #[cfg(all(feature = "process", not(loom)))]
    pub(crate) fn prepare_wait_all<'a>(words: impl Iterator<Item = &'a Self>) -> Vec<PreparedWait> {
        let marked: Vec<u32> = words.map(Self::set_waiters_bit).collect();
        let is_seen = barrier::heavy();
        marked.into_iter().map(|word| PreparedWait { word, is_seen }).collect()
    }

    /// Sleeps until somebody wakes it at one of the words, or a mark was cleared since, or the deadline is over.
    #[cfg(all(feature = "process", not(loom)))]
    pub(crate) fn commit_wait_any<'a>(
        words: impl Iterator<Item = (&'a Self, PreparedWait)>,
        until: Deadline,
    ) {
        let mut all = futex::FutexSet::default();
        let mut first = None;
        for (event, prepared) in words {
            all.push(event.word.as_ptr(), prepared.word);
            first.get_or_insert((&event.word, prepared.word));
        }
        if let Some(first) = first {
            all.sleep(first, until);
        }
    }

    /// Where the word lies.
    #[cfg(any(feature = "async", loom))]
    pub(crate) fn address(&self) -> *const u32 {
        core::ptr::from_ref(&self.word).cast()
    }

    /// Whether waiters may be parked on it, for inspection.
    #[cfg(not(loom))]
    pub(crate) fn has_waiters(&self) -> bool {
        self.word.load(Ordering::Relaxed) & WAITERS_BIT != 0
    }

    /// Whether the last notifier that found waiters ran on this CPU. Then the next one probably will
    /// too, and cannot while this thread spins.
    #[cfg(not(loom))]
    pub(crate) fn was_notified_from_here(&self) -> bool {
        let cpu = self.notifier_cpu.load(Ordering::Relaxed);
        cpu != 0 && cpu == current_cpu() + 1
    }

    /// What it is. It is another after each wake-up.
    #[cfg(any(feature = "async", loom))]
    pub(crate) fn word(&self) -> u32 {
        // ORDER: Acquire pairs with the Release in `wake`.
        self.word.load(Ordering::Acquire)
    }

    /// Marks the word, and says what it is then.
    pub(crate) fn set_waiters_bit(&self) -> u32 {
        let mut before = self.word.load(Ordering::Relaxed);
        // A mark that is there does for this sleeper, too: were the word changed, others would not fall asleep on it.
        while before & WAITERS_BIT == 0 {
            let word = before.wrapping_add(COUNT_STEP) | WAITERS_BIT;
            // ORDER: SeqCst, so that this side's last look comes behind the mark; pairs with the waker's barrier.
            match self.word.compare_exchange(before, word, Ordering::SeqCst, Ordering::Relaxed) {
                Ok(_) => before = word,
                Err(found) => before = found,
            }
        }
        before
    }

    /// Sleeps until somebody wakes it, or the mark was cleared since, or the deadline is over.
    pub(crate) fn commit_wait(&self, prepared: PreparedWait, until: Deadline) {
        futex::wait(&self.word, prepared.word, until);
    }
}
