//! A futex word that waiters park on until a notifier publishes something.
//!
//! | word | meaning | who moves it |
//! |---|---|---|
//! | `{n, 0}` | no waiter is parked | a waiter that is about to park, to `{n + 1, 1}` |
//! | `{n, 1}` | a waiter is parked, or about to park, or was | each notifier, to `{n + 1, 1}`; a notifier that wakes fewer waiters than it would have, then to `{n, 0}` |
//!
//! A waiter sets the waiters bit, makes its attempt once more, and parks while the word is what it
//! was then. A notifier publishes, and then looks at the word. The barriers between each one's
//! write and its look make sure that one of them sees the other. So a notifier without waiters
//! makes one load, and no system call.
//!
//! A notifier moves the count before it wakes, so that the word alone tells of the notification: a
//! thread that sleeps on many words at a time is told of one of them only, even if several were
//! notified.
//!
//! A bit whose waiter was killed, or has left, costs a notifier some system calls, and the notifier
//! clears it. It then wakes all waiters once more: one may have parked between its first wake-up
//! and the clearing. After that no waiter can, because the count makes each marked word another
//! one. If a notifier is killed between publishing and waking, its waiters look again when their
//! recheck interval is over.

#[cfg(all(test, loom))]
mod model;

use std::time::Duration;

use crate::primitive::{AtomicU32, Ordering};
use crate::sys::clock::Deadline;
#[cfg(not(loom))]
use crate::sys::process::{current_cpu, has_many_cpus};
use crate::sys::{barrier, futex};

pub(crate) use crate::sys::futex::WAKE_ALL;

/// A waiter may be parked.
const WAITERS_BIT: u32 = 1;
/// One step of the count.
const COUNT_STEP: u32 = 2;

/// The event count, and where its last notifier ran.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[repr(C)]
pub(crate) struct EventCount {
    word: AtomicU32,
    /// The CPU on which the last notifier that found waiters ran, plus 1; 0 before the first. No
    /// loom model has CPUs.
    #[cfg(not(loom))]
    notifier_cpu: AtomicU32,
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<EventCount>() == 8);

/// Which waiters may park on an event count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WakePolicy {
    /// One at a time.
    Single,
    /// Many, all for the same thing: what one does not find, the others would not find either.
    AnyOne,
    /// Many, for a lock: the one that gets it notifies the next when it unlocks, so it need not
    /// pass its wake-up on. They look more often than others, because its holder may have died.
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

/// The word as a waiter has left it that is about to park.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub(crate) struct PreparedWait {
    word: u32,
    /// Whether every notifier sees the waiters bit from now on.
    pub(crate) is_seen: bool,
}

impl EventCount {
    /// Wakes up to `count` waiters, if there are any. To be called after the publication.
    #[inline(always)]
    pub(crate) fn notify(&self, count: u32) {
        barrier::light();
        // ORDER: relaxed; the light barrier orders it after the publication, and pairs with the
        // heavy barrier in `prepare_wait`.
        let word = self.word.load(Ordering::Relaxed);
        if word & WAITERS_BIT != 0 {
            // Before the wake-up, so that the waiter finds it.
            #[cfg(not(loom))]
            self.notifier_cpu.store(current_cpu() + 1, Ordering::Relaxed);
            self.wake(count);
        }
    }

    /// Passes a wake-up on to another waiter, if there is one. The caller is a waiter itself, so its
    /// CPU tells nothing of where the notifier runs.
    #[cfg(not(loom))]
    pub(crate) fn forward(&self) {
        barrier::light();
        // ORDER: relaxed; the light barrier orders it, as in `notify`.
        if self.word.load(Ordering::Relaxed) & WAITERS_BIT != 0 {
            self.wake(1);
        }
    }

    #[cold]
    fn wake(&self, count: u32) {
        // ORDER: Release pairs with the Acquire in `word`: a thread that sees the new count sees
        // what was published.
        let word = self.word.fetch_add(COUNT_STEP, Ordering::Release).wrapping_add(COUNT_STEP);
        let count = count.min(WAKE_ALL);
        if futex::wake(&self.word, count) >= count {
            return;
        }
        // ORDER: relaxed; the word stands for itself. Fails if another notifier was faster, which
        // then does the rest.
        let cleared =
            self.word.compare_exchange(word, word & !WAITERS_BIT, Ordering::Relaxed, Ordering::Relaxed);
        if cleared.is_ok() {
            futex::wake(&self.word, WAKE_ALL);
        }
    }

    /// Sets the waiters bit. The caller makes its attempt once more between this and
    /// [`commit_wait`](Self::commit_wait).
    pub(crate) fn prepare_wait(&self) -> PreparedWait {
        let word = self.set_waiters_bit();
        PreparedWait { word, is_seen: barrier::heavy() }
    }

    /// Sets the waiters bit without the barrier, for a park so short that a notifier may overlook
    /// it.
    #[cfg(not(loom))]
    pub(crate) fn prepare_wait_relaxed(&self) -> PreparedWait {
        PreparedWait { word: self.set_waiters_bit(), is_seen: false }
    }

    /// Sets the waiters bits of several event counts with one barrier, for
    /// [`commit_wait_any`](Self::commit_wait_any).
    #[cfg(all(feature = "process", not(loom)))]
    pub(crate) fn prepare_wait_all<'a>(words: impl Iterator<Item = &'a Self>) -> Vec<PreparedWait> {
        let marked: Vec<u32> = words.map(Self::set_waiters_bit).collect();
        let is_seen = barrier::heavy();
        marked.into_iter().map(|word| PreparedWait { word, is_seen }).collect()
    }

    /// Parks until one of the event counts is notified, one of the waiters bits was cleared since,
    /// or the deadline has passed.
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

    /// The address of the word.
    #[cfg(any(feature = "async", loom))]
    pub(crate) fn address(&self) -> *const u32 {
        core::ptr::from_ref(&self.word).cast()
    }

    /// Whether waiters may be parked, for inspection.
    #[cfg(not(loom))]
    pub(crate) fn has_waiters(&self) -> bool {
        self.word.load(Ordering::Relaxed) & WAITERS_BIT != 0
    }

    /// Whether the last notifier that found waiters ran on this CPU. Then the next one probably
    /// will too, and cannot while this thread spins.
    #[cfg(not(loom))]
    pub(crate) fn is_spinning_hopeless(&self) -> bool {
        match self.notifier_cpu.load(Ordering::Relaxed) {
            0 => !has_many_cpus(),
            cpu => cpu == current_cpu() + 1,
        }
    }

    /// The word. It is another one after each wake-up.
    #[cfg(any(feature = "async", loom))]
    pub(crate) fn word(&self) -> u32 {
        // ORDER: Acquire pairs with the Release in `wake`.
        self.word.load(Ordering::Acquire)
    }

    /// Sets the waiters bit, and returns the word as it is then.
    pub(crate) fn set_waiters_bit(&self) -> u32 {
        let mut before = self.word.load(Ordering::Relaxed);
        // A bit that is set does for this waiter as well: if the word changed, the others would not
        // park on it.
        while before & WAITERS_BIT == 0 {
            let word = before.wrapping_add(COUNT_STEP) | WAITERS_BIT;
            // ORDER: SeqCst, so that the waiter's last attempt comes after the bit; pairs with the
            // notifier's light barrier.
            match self.word.compare_exchange(before, word, Ordering::SeqCst, Ordering::Relaxed) {
                Ok(_) => before = word,
                Err(found) => before = found,
            }
        }
        before
    }

    /// Parks until the event count is notified, the waiters bit was cleared since, or the deadline
    /// has passed.
    pub(crate) fn commit_wait(&self, prepared: PreparedWait, until: Deadline) {
        futex::wait(&self.word, prepared.word, until);
    }
}
