//! The robust lock: try, spin a little, then sleep in slices.
//!
//! | lock word | meaning | who moves it |
//! |---|---|---|
//! | 0 | free | a locker, to its thread id |
//! | thread id (bit 31: somebody sleeps) | held | its owner, to 0; the kernel at the owner's death, to "abandoned" |
//! | "abandoned" (bit 30) | its owner died | a locker, to its thread id; it learns of the death |
//! | id of a thread that is no more | the kernel missed its end | a locker that waited a slice, to "abandoned" |
//!
//! The word is the C library's; see `sys::robust`. No sleep is longer than a slice: glibc can lose a wake-up when the
//! woken process is killed before it runs, and then the next slice finds the lock free.

use super::async_waiter::{AsyncWaiter, WaitTarget};
use super::wait::{RECHECK_INTERVAL, Wait, WakePolicy};
use crate::error::LockError;
use crate::primitive::{AtomicU32, AtomicU64, Ordering, spin_loop};
use crate::sys::clock::Deadline;
use crate::sys::process::has_many_cpus;
use crate::sys::robust::{LockAttempt, LockWord, RobustMutex};

/// Looks at a held lock before going to sleep: one to two microseconds in all, less than a sleep and a wake-up cost.
const SPIN_CHECKS: u32 = 10;

/// Pauses between two looks. Each look takes the line from the holder, who needs it to unlock: with one pause between them,
/// two processes that lock in turn are half as fast.
const SPIN_PAUSES: u32 = 4;

/// The lock as it lies in the segment: one cache line, with a word to spare for what the lock protects.
#[repr(C, align(64))]
pub(crate) struct MutexState {
    robust: RobustMutex,
    _padding1: [u8; 48 - size_of::<RobustMutex>()],
    /// 1 while a holder's death is known to nobody who was to be told: the operation that noticed it had no guard to tell.
    death_pending: AtomicU32,
    /// Holders that died, as far as others had the lock after them. Counted by those, and read from outside only.
    recoveries: AtomicU32,
    /// Belongs to the object that the lock is part of. On the lock's line, so that a short section moves one line only.
    pub(crate) inline_word: AtomicU64,
}

const _: () = {
    assert!(size_of::<MutexState>() == 64);
    assert!(
        core::mem::offset_of!(MutexState, death_pending) == 48
            && core::mem::offset_of!(MutexState, inline_word) == 56
    );
};

/// A lock, for whoever only looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MutexView {
    pub(crate) word: LockWord,
    /// Holders that died and had a successor.
    pub(crate) recoveries: u32,
    pub(crate) inline_word: u64,
}

/// How a lock was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Locked {
    /// As it should be.
    Cleanly,
    /// Its last holder died holding it.
    AfterDeath,
}

// SAFETY: a mutex behind a cell and atomics: any bytes are one, and `view` reads them as atomics. To use it as a lock is another matter,
// and asks for bytes that are found valid.
#[allow(unsafe_code)]
unsafe impl super::Cells for MutexState {}

impl MutexState {
    /// Makes an unlocked lock, the word beside it zero.
    ///
    /// # Safety
    /// Nobody else uses these bytes as a lock yet.
    #[allow(unsafe_code)]
    pub(crate) unsafe fn init(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.robust.init() };
        self.death_pending.store(0, Ordering::Relaxed);
        self.inline_word.store(0, Ordering::Relaxed);
    }

    /// Remembers a death for the next who is to be told. The caller holds the lock, and got it so.
    #[cold]
    pub(crate) fn set_death_pending(&self) {
        self.death_pending.store(1, Ordering::Relaxed);
    }

    /// Whether there is a death to be told, which then counts as told. The caller holds the lock.
    #[inline]
    pub(crate) fn take_death_pending(&self) -> bool {
        let death_pending = self.death_pending.load(Ordering::Relaxed) != 0;
        if death_pending {
            self.death_pending.store(0, Ordering::Relaxed);
        }
        death_pending
    }

    /// The lock as it is seen from outside.
    pub(crate) fn view(&self) -> MutexView {
        let recoveries = self.recoveries.load(Ordering::Relaxed);
        MutexView {
            word: self.robust.snapshot(),
            recoveries,
            inline_word: self.inline_word.load(Ordering::Relaxed),
        }
    }

    /// Whether the bytes are a lock's.
    pub(crate) fn is_valid(&self) -> bool {
        self.robust.is_valid()
    }

    /// Takes the lock, waiting for it as long as `wait` says.
    #[inline(always)]
    pub(crate) fn lock(&self, wait: Wait) -> Result<Locked, LockError> {
        match self.robust.try_lock() {
            LockAttempt::Acquired => Ok(Locked::Cleanly),
            other => self.lock_slow(other, wait),
        }
    }

    /// Goes on after an attempt that did not simply succeed.
    #[cold]
    fn lock_slow(&self, attempt: LockAttempt, wait: Wait) -> Result<Locked, LockError> {
        let locked = match (attempt, wait) {
            (LockAttempt::Held, Wait::Timeout(duration)) => self.park(Some(Deadline::after(duration))),
            (LockAttempt::Held, Wait::Forever) => self.park(None),
            // Another task of this thread's may hold it.
            (LockAttempt::Held | LockAttempt::HeldByUs, Wait::Task(waiter)) => self.register_task(waiter),
            _ => to_result(attempt, LockError::WouldBlock),
        };
        if locked == Ok(Locked::AfterDeath) {
            self.recoveries.fetch_add(1, Ordering::Relaxed);
        }
        locked
    }

    /// Looks for a moment, where the holder may run meanwhile. What is not simply held is for the caller.
    fn spin(&self) -> LockAttempt {
        for _ in 0..if has_many_cpus() { SPIN_CHECKS } else { 0 } {
            // Reading keeps the line shared; only a lock that looks free is worth the write of an attempt.
            if self.robust.owner() == 0 {
                match self.robust.try_lock() {
                    LockAttempt::Held => {}
                    other => return other,
                }
            }
            (0..SPIN_PAUSES).for_each(|_| spin_loop());
        }
        LockAttempt::Held
    }

    fn park(&self, deadline: Option<Deadline>) -> Result<Locked, LockError> {
        match self.spin() {
            LockAttempt::Held => {}
            other => return to_result(other, LockError::WouldBlock),
        }
        loop {
            let slice = Deadline::after(RECHECK_INTERVAL);
            let until = deadline.map_or(slice, |deadline| deadline.min(slice));
            match self.robust.lock_until(until) {
                LockAttempt::Held => {}
                other => return to_result(other, LockError::Timeout),
            }
            // The kernel frees no more than 2048 locks of a dying thread, and none of a thread that runs another program in
            // its process's stead.
            self.robust.abandon_if_ownerless();
            if deadline.is_some_and(Deadline::has_passed) {
                // The last chance; and glibc's timed wait leaves the mutex noted as about to be locked by this thread, which
                // an attempt that does not wait clears.
                return to_result(self.robust.try_lock(), LockError::Timeout);
            }
        }
    }

    #[cold]
    fn register_task(&self, waiter: &dyn AsyncWaiter) -> Result<Locked, LockError> {
        match self.spin() {
            LockAttempt::Held => {}
            other => return to_result(other, LockError::Timeout),
        }
        if waiter.is_recheck() {
            self.robust.abandon_if_ownerless();
        }
        loop {
            let waits = waiter.register(WaitTarget::Lock(&self.robust), WakePolicy::AnyOne);
            match self.robust.try_lock() {
                // Who has it now will tell; that it was free when it was to be marked is why this looks.
                LockAttempt::Held | LockAttempt::HeldByUs
                    if !waits || self.robust.snapshot().has_waiters() =>
                {
                    return Err(LockError::Timeout);
                }
                LockAttempt::Held | LockAttempt::HeldByUs => {}
                other => return to_result(other, LockError::Timeout),
            }
        }
    }

    /// Gives the lock back. `false` where this thread does not hold it; then nothing has happened.
    #[inline]
    pub(crate) fn unlock(&self) -> bool {
        self.robust.unlock()
    }

    /// Marks the lock as left behind by a dead owner, if it is anything but free.
    ///
    /// # Safety
    /// No living thread uses the lock.
    #[allow(unsafe_code)]
    pub(crate) unsafe fn abandon(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.robust.abandon() };
    }
}

fn to_result(attempt: LockAttempt, held: LockError) -> Result<Locked, LockError> {
    match attempt {
        LockAttempt::Acquired => Ok(Locked::Cleanly),
        LockAttempt::Recovered => Ok(Locked::AfterDeath),
        LockAttempt::Held => Err(held),
        LockAttempt::HeldByUs => Err(LockError::Deadlock),
        LockAttempt::Corrupt => Err(LockError::Corrupt { what: "a lock" }),
    }
}
