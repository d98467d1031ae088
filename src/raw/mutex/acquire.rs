//! Taking the lock as an operation's [`Wait`] says: try, spin, park.

use core::cell::Cell;

use super::{LockAttempt, LockToken, LockWord, MutexState};
use crate::error::LockError;
use crate::primitive::spin_loop;
use crate::raw::wait::{SpinBeforePark, Wait, WaitPoint, WakePolicy};

/// Looks at a held lock before the first park.
const SPIN_CHECKS: u32 = 20;

/// Pauses between two looks. Each look takes the line from the holder, which needs it to unlock:
/// the more looks, the fewer sections in a row.
const SPIN_PAUSES: u32 = 32;

/// How a lock was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Locked {
    /// From a holder that unlocked.
    Cleanly,
    /// There is a death to report.
    AfterDeath,
}

/// What a locker asks about the holder that it finds.
pub(crate) trait HolderCheck {
    /// Whether the holder that this word names is dead or has left: a system call or two.
    fn is_over(&self, word: LockWord) -> bool;

    /// Whether a locker that does not wait is to ask now. It asks seldom, so that polling is cheap.
    fn is_due(&self) -> bool;
}

/// The spinning of lockers. It does not adapt: who holds the lock for longer is not known.
struct LockSpin;

impl SpinBeforePark for LockSpin {
    fn spin<R>(&self, is_hopeless: bool, try_once: &mut impl FnMut() -> Option<R>) -> Option<R> {
        if is_hopeless {
            return None;
        }
        for _ in 0..SPIN_CHECKS {
            (0..SPIN_PAUSES).for_each(|_| spin_loop());
            if let Some(found) = try_once() {
                return Some(found);
            }
        }
        None
    }
}

impl MutexState {
    /// Takes the lock, waiting for it as `wait` says.
    ///
    /// # Errors
    /// [`LockError::Deadlock`] if the thread of the token holds the lock; [`LockError::WouldBlock`]
    /// or [`LockError::Timeout`] if another holder has it until the wait is over.
    #[inline(always)]
    pub(crate) fn lock(
        &self,
        token: LockToken,
        wait: Wait<'_>,
        holders: &impl HolderCheck,
    ) -> Result<Locked, LockError> {
        if self.try_take_free(token) { Ok(Locked::Cleanly) } else { self.lock_slow(token, wait, holders) }
    }

    #[cold]
    fn lock_slow(
        &self,
        token: LockToken,
        wait: Wait<'_>,
        holders: &impl HolderCheck,
    ) -> Result<Locked, LockError> {
        // Another task of this thread may hold the lock while this one waits.
        let is_task = matches!(wait, Wait::Task(_));
        let taken_from_dead = Cell::new(false);
        let mut try_once = || {
            if taken_from_dead.get() {
                return Some(Ok(Locked::AfterDeath));
            }
            match self.attempt(token) {
                LockAttempt::Acquired => Some(Ok(Locked::Cleanly)),
                LockAttempt::AfterDeath => Some(Ok(Locked::AfterDeath)),
                LockAttempt::HeldByThread if !is_task => Some(Err(LockError::Deadlock)),
                LockAttempt::HeldByThread | LockAttempt::Held => None,
            }
        };
        let ask = || {
            if self.take_from_dead(token, |word| holders.is_over(word)) {
                taken_from_dead.set(true);
            }
        };
        if matches!(wait, Wait::NonBlocking) {
            let found = try_once();
            if found.is_none() && holders.is_due() {
                ask();
                return try_once().unwrap_or(Err(LockError::WouldBlock));
            }
            return found.unwrap_or(Err(LockError::WouldBlock));
        }
        let place = WaitPoint {
            event: &self.released,
            stats: &self.stats,
            policy: WakePolicy::Lock,
            spin: &LockSpin,
        };
        if is_task {
            // A task that registers costs its process a wake-up of the waiter thread.
            if let Some(found) = try_once() {
                return found;
            }
            if let Some(found) = place.spin(&mut try_once) {
                return found;
            }
            ask();
        }
        place.wait(wait, try_once, ask)?
    }
}
