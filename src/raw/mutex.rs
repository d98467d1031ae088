//! The lock: a word that names its holder, and an event count that waiters park on.
//!
//! The word is `{epoch:25 | recovered:1 | participant id:16 | thread:22}`. A *token* is a word
//! without the recovered bit; it names one registration of one process, and one thread of it or
//! its tasks.
//!
//! | word | meaning | who moves it |
//! |---|---|---|
//! | 0 | free | a locker, by a CAS to its token: **the commit point of a lock** |
//! | recovered | free; a holder died, and its death is to be reported | a locker, by a CAS to its token and the bit |
//! | token | the token's owner holds the lock | its owner, by a store of 0: **the commit point of an unlock**. If its process is dead or has left: a locker that has asked about it, by a CAS to its own token and the bit; any of its reapers, by a CAS to recovered |
//! | token, recovered | as above, and the holder has a death to report | its owner, by a store of the token, when it reports the death; or by a store of recovered, when it unlocks without having reported it. If its process is dead or has left: as above |
//!
//! One word carries both "taken" and "a death is to be reported", so each death is reported once:
//! the report is pending from the CAS that takes the word from a dead holder, and it is delivered
//! by the holder's own store. A holder that dies after that is a new death.
//!
//! Nobody takes the word of a living holder. A locker loads the word, asks whether the holder's
//! registration is over, and then compares the whole word. The registration that was found over
//! never comes back, since the next owner of the same id has another epoch; so if the word still is
//! the same, it is the dead holder's. (A locker that is stopped between the two is mistaken only if
//! the id is registered exactly 2^25 times meanwhile.) A reaper compares ids alone: no process gets
//! an id while a reaper of its last owner is at work. Several reapers may be, and one of them may go
//! on much later: the first to replace the dead holder's word frees the lock, and the others find
//! another word.
//!
//! A thread may end and leave the lock behind, by a guard that was forgotten. A locker of the same
//! process finds that it has ended, and takes the word in the same way. Lockers of other processes
//! wait for that, or for the process to leave: they cannot ask about its threads.
//!
//! The holder's registration is over only once its last thread has stopped to run, so none of its
//! stores follows: an unlock may be a plain store, because nobody but the holder writes the word
//! until then.
//!
//! No wake-up is lost for long. An unlocker stores the word and then looks at the waiters' bit,
//! with the light barrier between the two; a waiter sets the bit and then looks at the word. The
//! parks are so short ([`WakePolicy::Lock`]) that the waiter does without the heavy barrier: if an
//! unlocker overlooks it in the nanoseconds between the two, or is killed between its store and its
//! look, the waiter looks by itself a few milliseconds later, and asks about the holder then.
//!
//! [`WakePolicy::Lock`]: super::event_count::WakePolicy::Lock

#[cfg(not(loom))]
mod acquire;
mod lock_word;
#[cfg(all(test, loom))]
mod model;

#[cfg(not(loom))]
pub(crate) use acquire::{HolderCheck, Locked};
pub(crate) use lock_word::{LockToken, LockWord};

use super::event_count::EventCount;
use super::wait_stats::WaitStats;
use crate::primitive::{AtomicU32, AtomicU64, Ordering};
use lock_word::RECOVERED;

/// The lock as it lies in the segment: one cache line, with a word to spare for what the lock
/// protects. All zeros are a free one.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[repr(C, align(64))]
pub(crate) struct MutexState {
    word: AtomicU64,
    /// Waiters park on it.
    released: EventCount,
    /// How often the word was taken from a dead holder.
    recoveries: AtomicU32,
    _padding1: u32,
    /// Waits of lockers that found the lock held.
    pub(crate) stats: WaitStats,
    _padding2: u64,
    /// Belongs to the object that the lock is part of. On the lock's line, so that a short section
    /// moves one line only.
    pub(crate) inline_word: AtomicU64,
}

#[cfg(not(loom))]
const _: () = {
    assert!(size_of::<MutexState>() == 64);
    assert!(core::mem::offset_of!(MutexState, inline_word) == 56);
};

// SAFETY: atomics, and padding that is never accessed.
#[cfg(not(loom))]
#[allow(unsafe_code)]
unsafe impl super::Cells for MutexState {}

/// A lock as it was at one moment, for inspection.
#[cfg(not(loom))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct MutexView {
    pub(crate) word: LockWord,
    /// Whether waiters may be parked.
    pub(crate) has_waiters: bool,
    /// How often the lock was taken from a dead holder.
    pub(crate) recoveries: u32,
    pub(crate) inline_word: u64,
}

/// The result of one attempt to take the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LockAttempt {
    /// The caller holds it.
    Acquired,
    /// The caller holds it, and has a death to report.
    AfterDeath,
    /// The calling thread holds it since before.
    HeldByThread,
    /// Another holder has it.
    Held,
}

impl MutexState {
    /// The word as it is.
    #[inline(always)]
    pub(crate) fn load(&self) -> LockWord {
        LockWord(self.word.load(Ordering::Relaxed))
    }

    /// Takes the lock if it is free, and no death is to be reported.
    #[inline(always)]
    pub(crate) fn try_take_free(&self, token: LockToken) -> bool {
        self.take(LockWord(0), token)
    }

    /// Takes the lock by a word that was found free, or a dead holder's. A recovered bit stays.
    #[inline(always)]
    fn take(&self, found: LockWord, token: LockToken) -> bool {
        let taken = token.bits() | found.0 & RECOVERED;
        // ORDER: Acquire pairs with the Release in `unlock` and `reclaim`: the sections before are
        // seen.
        self.word.compare_exchange(found.0, taken, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Takes the lock if it is free.
    #[inline]
    pub(crate) fn attempt(&self, token: LockToken) -> LockAttempt {
        let word = self.load();
        if word.is_held_by_thread(token) {
            LockAttempt::HeldByThread
        } else if !word.is_free() || !self.take(word, token) {
            LockAttempt::Held
        } else if word.is_recovered() {
            LockAttempt::AfterDeath
        } else {
            LockAttempt::Acquired
        }
    }

    /// Takes the lock from its holder, if `is_over` says of this word that its holder is dead or has
    /// left. The caller then has the death to report.
    #[cold]
    pub(crate) fn take_from_dead(&self, token: LockToken, is_over: impl FnOnce(LockWord) -> bool) -> bool {
        let found = self.load();
        if found.is_free() || !is_over(found) {
            return false;
        }
        // ORDER: Acquire pairs with the Release of the unlock before the dead holder's section. The
        // dead holder's own stores are seen, since its death was.
        let taken = token.bits() | RECOVERED;
        let is_taken =
            self.word.compare_exchange(found.0, taken, Ordering::Acquire, Ordering::Relaxed).is_ok();
        self.recoveries.fetch_add(is_taken.into(), Ordering::Relaxed);
        is_taken
    }

    /// Whether there is a death to report, which then counts as reported. The caller holds the
    /// lock.
    #[inline]
    pub(crate) fn take_report(&self) -> bool {
        let word = self.load();
        if word.is_recovered() {
            // ORDER: relaxed; the caller holds the lock before and after.
            self.word.store(word.0 & !RECOVERED, Ordering::Relaxed);
        }
        word.is_recovered()
    }

    /// Keeps a death for the next locker to report. The caller holds the lock.
    #[cold]
    pub(crate) fn set_report(&self) {
        // ORDER: as in `take_report`.
        self.word.store(self.load().0 | RECOVERED, Ordering::Relaxed);
    }

    /// Gives the lock back. A death that was not reported stays to be reported. The caller holds
    /// the lock.
    #[inline]
    pub(crate) fn unlock(&self) {
        let unreported = self.load().0 & RECOVERED;
        // ORDER: Release pairs with the Acquire in `take`. The commit.
        self.word.store(unreported, Ordering::Release);
        self.released.notify(1);
    }

    /// Whether the owner of this token holds the lock.
    #[cfg(not(loom))]
    #[inline]
    pub(crate) fn is_held_by(&self, token: LockToken) -> bool {
        self.load().is_held_by(token)
    }

    /// Frees the lock if a participant of this id holds it, which is dead or has left. Idempotent.
    pub(crate) fn reclaim(&self, id: u32) {
        let found = self.load();
        if !found.is_free() && found.registration().id == id {
            // ORDER: Release, so that the next locker sees the sections before; Acquire pairs with
            // the last of them. Fails if a locker was faster.
            let freed =
                self.word.compare_exchange(found.0, RECOVERED, Ordering::AcqRel, Ordering::Relaxed).is_ok();
            self.recoveries.fetch_add(freed.into(), Ordering::Relaxed);
        }
        // Also after a holder that died between its unlock and its notification, or a reaper that
        // died before this.
        if self.load().is_free() {
            self.released.notify(1);
        }
    }

    /// The lock as it is seen from outside.
    #[cfg(not(loom))]
    pub(crate) fn view(&self) -> MutexView {
        MutexView {
            word: self.load(),
            has_waiters: self.released.has_waiters(),
            recoveries: self.recoveries.load(Ordering::Relaxed),
            inline_word: self.inline_word.load(Ordering::Relaxed),
        }
    }
}
