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

use super::patience::{Patience, SLICE, Sleepers};
use super::turn::{Bed, Turn};
use crate::error::LockError;
use crate::primitive::{AtomicU32, AtomicU64, Ordering, spin_loop};
use crate::sys::clock::Deadline;
use crate::sys::process::has_many_cpus;
use crate::sys::robust::{Attempt, LockWord, RobustMutex};

/// Looks at a held lock before going to sleep: one to two microseconds in all, less than a sleep and a wake-up cost.
const LOOKS: u32 = 10;

/// Pauses between two looks. Each look takes the line from the holder, who needs it to unlock: with one pause between them,
/// two processes that lock in turn are half as fast.
const PAUSES: u32 = 4;

/// The lock as it lies in the segment: one cache line, with a word to spare for what the lock protects.
#[repr(C, align(64))]
pub(crate) struct State {
    robust: RobustMutex,
    _unused: [u8; 48 - size_of::<RobustMutex>()],
    /// 1 while a holder's death is known to nobody who was to be told: the operation that noticed it had no guard to tell.
    untold: AtomicU32,
    /// Holders that died, as far as others had the lock after them. Counted by those, and read from outside only.
    recoveries: AtomicU32,
    /// Belongs to the object that the lock is part of. On the lock's line, so that a short section moves one line only.
    pub(crate) beside: AtomicU64,
}

const _: () = {
    assert!(size_of::<State>() == 64);
    assert!(core::mem::offset_of!(State, untold) == 48 && core::mem::offset_of!(State, beside) == 56);
};

/// A lock, for whoever only looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    pub(crate) word: LockWord,
    /// Holders that died and had a successor.
    pub(crate) recoveries: u32,
    pub(crate) beside: u64,
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
unsafe impl super::Cells for State {}

impl State {
    /// Makes an unlocked lock, the word beside it zero.
    ///
    /// # Safety
    /// Nobody else uses these bytes as a lock yet.
    #[allow(unsafe_code)]
    pub(crate) unsafe fn init(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.robust.init() };
        self.untold.store(0, Ordering::Relaxed);
        self.beside.store(0, Ordering::Relaxed);
    }

    /// Remembers a death for the next who is to be told. The caller holds the lock, and got it so.
    #[cold]
    pub(crate) fn remember(&self) {
        self.untold.store(1, Ordering::Relaxed);
    }

    /// Whether there is a death to be told, which then counts as told. The caller holds the lock.
    #[inline]
    pub(crate) fn tell(&self) -> bool {
        let untold = self.untold.load(Ordering::Relaxed) != 0;
        if untold {
            self.untold.store(0, Ordering::Relaxed);
        }
        untold
    }

    /// The lock as it is seen from outside.
    pub(crate) fn view(&self) -> View {
        let recoveries = self.recoveries.load(Ordering::Relaxed);
        View { word: self.robust.seen(), recoveries, beside: self.beside.load(Ordering::Relaxed) }
    }

    /// Whether the bytes are a lock's.
    pub(crate) fn is_valid(&self) -> bool {
        self.robust.is_valid()
    }

    /// Takes the lock, waiting for it as long as `patience` says.
    #[inline(always)]
    pub(crate) fn lock(&self, patience: Patience) -> Result<Locked, LockError> {
        match self.robust.try_lock() {
            Attempt::Acquired => Ok(Locked::Cleanly),
            other => self.lock_after(other, patience),
        }
    }

    /// Goes on after an attempt that did not simply succeed.
    #[cold]
    fn lock_after(&self, attempt: Attempt, patience: Patience) -> Result<Locked, LockError> {
        let locked = match (attempt, patience) {
            (Attempt::Held, Patience::For(duration)) => self.wait(Some(Deadline::after(duration))),
            (Attempt::Held, Patience::Forever) => self.wait(None),
            // Another task of this thread's may hold it.
            (Attempt::Held | Attempt::HeldByUs, Patience::Later(turn)) => self.wait_later(turn),
            _ => verdict(attempt, LockError::WouldBlock),
        };
        if locked == Ok(Locked::AfterDeath) {
            self.recoveries.fetch_add(1, Ordering::Relaxed);
        }
        locked
    }

    /// Looks for a moment, where the holder may run meanwhile. What is not simply held is for the caller.
    fn spin(&self) -> Attempt {
        for _ in 0..if has_many_cpus() { LOOKS } else { 0 } {
            // Reading keeps the line shared; only a lock that looks free is worth the write of an attempt.
            if self.robust.owner() == 0 {
                match self.robust.try_lock() {
                    Attempt::Held => {}
                    other => return other,
                }
            }
            (0..PAUSES).for_each(|_| spin_loop());
        }
        Attempt::Held
    }

    fn wait(&self, deadline: Option<Deadline>) -> Result<Locked, LockError> {
        match self.spin() {
            Attempt::Held => {}
            other => return verdict(other, LockError::WouldBlock),
        }
        loop {
            let slice = Deadline::after(SLICE);
            let until = deadline.map_or(slice, |deadline| deadline.min(slice));
            match self.robust.lock_until(until) {
                Attempt::Held => {}
                other => return verdict(other, LockError::Timeout),
            }
            // The kernel frees no more than 2048 locks of a dying thread, and none of a thread that runs another program in
            // its process's stead.
            self.robust.abandon_if_ownerless();
            if deadline.is_some_and(Deadline::has_passed) {
                // The last chance; and glibc's timed wait leaves the mutex noted as about to be locked by this thread, which
                // an attempt that does not wait clears.
                return verdict(self.robust.try_lock(), LockError::Timeout);
            }
        }
    }

    #[cold]
    fn wait_later(&self, turn: &dyn Turn) -> Result<Locked, LockError> {
        match self.spin() {
            Attempt::Held => {}
            other => return verdict(other, LockError::Timeout),
        }
        if turn.is_round() {
            self.robust.abandon_if_ownerless();
        }
        loop {
            let waits = turn.wait_at(Bed::Lock(&self.robust), Sleepers::Any);
            match self.robust.try_lock() {
                // Who has it now will tell; that it was free when it was to be marked is why this looks.
                Attempt::Held | Attempt::HeldByUs if !waits || self.robust.seen().has_waiters() => {
                    return Err(LockError::Timeout);
                }
                Attempt::Held | Attempt::HeldByUs => {}
                other => return verdict(other, LockError::Timeout),
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

fn verdict(attempt: Attempt, held: LockError) -> Result<Locked, LockError> {
    match attempt {
        Attempt::Acquired => Ok(Locked::Cleanly),
        Attempt::Recovered => Ok(Locked::AfterDeath),
        Attempt::Held => Err(held),
        Attempt::HeldByUs => Err(LockError::Deadlock),
        Attempt::Corrupt => Err(LockError::Corrupt { what: "a lock" }),
    }
}
