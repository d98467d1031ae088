//! [`LockWord`]: who holds a lock, `{epoch:25 | recovered:1 | participant id:16 | thread:22}`.
//!
//! The epoch is that of the holder's registration, so the word of a dead holder differs from every
//! word that a later owner of the same id stores. `thread` is the kernel's id of the thread that
//! holds the lock: unique among the living threads of the holder's process, and below 2^22. It is 0
//! if a task holds the lock, or a process that is no thread's: tasks move between threads.

use crate::raw::registration::{EPOCHS, Registration};

/// A lock's word as it was at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LockWord(pub(super) u64);

/// What a locker stores: its registration and its thread, without the recovered bit. Never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LockToken(u64);

const ID_AT: u32 = 22;
const THREAD_MASK: u64 = (1 << ID_AT) - 1;
const ID_MASK: u64 = 0xffff;
const EPOCH_AT: u32 = 39;
/// The death of a holder is still to be reported.
pub(super) const RECOVERED: u64 = 1 << 38;

impl LockToken {
    /// The token of a task of the process that has this registration.
    #[inline]
    pub(crate) const fn of_task(registration: Registration) -> Self {
        let epoch = (registration.epoch & (EPOCHS - 1)) as u64;
        Self(epoch << EPOCH_AT | (registration.id as u64 & ID_MASK) << ID_AT)
    }

    /// The token of a thread of the same process.
    #[inline(always)]
    pub(crate) const fn with_thread(self, thread: u32) -> Self {
        Self(self.0 | thread as u64 & THREAD_MASK)
    }

    /// The token of these bits, which are [`bits`](Self::bits) of another.
    #[inline(always)]
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    #[inline(always)]
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    const fn is_thread(self) -> bool {
        self.0 & THREAD_MASK != 0
    }
}

impl LockWord {
    /// Whether no locker holds the lock.
    #[inline(always)]
    pub(crate) const fn is_free(self) -> bool {
        self.0 & !RECOVERED == 0
    }

    /// Whether the death of a holder is still to be reported.
    #[inline(always)]
    pub(crate) const fn is_recovered(self) -> bool {
        self.0 & RECOVERED != 0
    }

    /// The registration of the holder's process. Of a free word, one that no process has.
    pub(crate) const fn registration(self) -> Registration {
        Registration { id: (self.0 >> ID_AT & ID_MASK) as u32, epoch: (self.0 >> EPOCH_AT) as u32 }
    }

    /// The participant that holds the lock, and its thread; thread 0 is a task, and `None` says that
    /// the lock is free.
    #[cfg(not(loom))]
    pub(crate) fn holder(self) -> Option<(u32, u32)> {
        (!self.is_free()).then(|| (self.registration().id, (self.0 & THREAD_MASK) as u32))
    }

    /// The thread that holds the lock; `None` if a task does, or if it is free.
    #[cfg(not(loom))]
    pub(crate) fn thread(self) -> Option<u32> {
        self.holder().map(|(_, thread)| thread).filter(|thread| *thread != 0)
    }

    /// Whether this token's owner holds the lock.
    #[inline(always)]
    pub(crate) const fn is_held_by(self, token: LockToken) -> bool {
        self.0 & !RECOVERED == token.0
    }

    /// Whether the thread of this token holds the lock. Tasks are not told apart.
    pub(crate) const fn is_held_by_thread(self, token: LockToken) -> bool {
        token.is_thread() && self.is_held_by(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_word_keeps_what_is_packed() {
        let registration = Registration { id: 0xffff, epoch: EPOCHS - 1 };
        let token = LockToken::of_task(registration).with_thread((1 << 22) - 1);
        for bits in [token.bits(), token.bits() | RECOVERED] {
            let word = LockWord(bits);
            assert_eq!(word.registration(), registration);
            assert_eq!(word.is_recovered(), bits != token.bits());
            assert!(!word.is_free() && word.is_held_by(token) && word.is_held_by_thread(token));
        }
        assert!(LockWord(0).is_free() && LockWord(RECOVERED).is_free());
    }

    #[test]
    fn lock_token_differs_by_epoch_and_thread() {
        let token = |epoch, thread| LockToken::of_task(Registration { id: 5, epoch }).with_thread(thread);
        assert_ne!(token(1, 7), token(2, 7));
        assert_ne!(token(1, 7), token(1, 0));
        assert!(!LockWord(token(1, 0).bits()).is_held_by_thread(token(1, 0)), "tasks are not told apart");
    }
}
