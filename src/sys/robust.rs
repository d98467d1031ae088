//! The process-shared robust pthread mutex of the C library, in memory that other processes map.
//!
//! The kernel walks a dying thread's list of held robust mutexes, marks each as abandoned and wakes one waiter, so the next
//! locker gets the mutex at once, whatever killed its owner. Its kind is error-checking: locking it twice from one
//! thread is an error instead of a wait for oneself.

#![allow(unsafe_code)]

use core::cell::UnsafeCell;
use core::ffi::c_int;
use core::mem::MaybeUninit;

use super::clock::Deadline;
use crate::primitive::{AtomicU32, Ordering};

// glibc has had it since 2.30; the libc crate does not bind it.
unsafe extern "C" {
    fn pthread_mutex_clocklock(
        mutex: *mut libc::pthread_mutex_t,
        clock: libc::clockid_t,
        until: *const libc::timespec,
    ) -> c_int;
}

/// A robust mutex where it lies. Only ever used behind a reference: its address is its identity.
#[repr(C)]
pub(crate) struct RobustMutex(UnsafeCell<libc::pthread_mutex_t>);

// SAFETY: a pthread mutex is made to be used from many threads at once; every access goes through the C library or an atomic.
unsafe impl Sync for RobustMutex {}

const _: () = assert!(size_of::<RobustMutex>() <= 48);

/// What became of an attempt to lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LockAttempt {
    /// This thread holds the mutex.
    Acquired,
    /// This thread holds the mutex, and its last holder died holding it.
    Recovered,
    /// Somebody else holds it (still, where there was a deadline).
    Held,
    /// This thread holds it since before.
    HeldByUs,
    /// Its bytes are not those of a robust mutex.
    Corrupt,
}

/// The lock word's bits that hold the owner's thread id; the others say "abandoned" and "has waiters".
const OWNER: u32 = 0x3fff_ffff;
/// The lock word's bit that the kernel sets when the owner dies.
const OWNER_DIED: u32 = 0x4000_0000;
/// The lock word's bit that says that somebody sleeps.
const WAITERS: u32 = 0x8000_0000;
/// Where glibc keeps the mutex's kind, on x86_64 and aarch64 alike: lock, count, owner, nusers, kind.
const KIND_AT: usize = 16;

impl RobustMutex {
    /// Makes an unlocked mutex of whatever bytes lie there.
    ///
    /// # Safety
    /// Nobody else uses these bytes as a mutex yet.
    pub(crate) unsafe fn init(&self) {
        let mut attributes = MaybeUninit::<libc::pthread_mutexattr_t>::uninit();
        let attr = attributes.as_mut_ptr();
        // SAFETY: `attr` points to writable space for the attributes.
        let mut failed = unsafe { libc::pthread_mutexattr_init(attr) };
        // SAFETY: initialised in the line above (it cannot fail on Linux), as in the next two.
        failed |= unsafe { libc::pthread_mutexattr_setpshared(attr, libc::PTHREAD_PROCESS_SHARED) };
        // SAFETY: as above.
        failed |= unsafe { libc::pthread_mutexattr_setrobust(attr, libc::PTHREAD_MUTEX_ROBUST) };
        // SAFETY: as above.
        failed |= unsafe { libc::pthread_mutexattr_settype(attr, libc::PTHREAD_MUTEX_ERRORCHECK) };
        // SAFETY: the mutex's bytes are writable and, by this function's contract, nobody else's; `attr` is initialised.
        failed |= unsafe { libc::pthread_mutex_init(self.0.get(), attr) };
        // SAFETY: initialised above, not used after.
        failed |= unsafe { libc::pthread_mutexattr_destroy(attr) };
        assert!(failed == 0, "glibc supports robust process-shared mutexes");
    }

    /// Whether these bytes are of the kind that [`init`](Self::init) makes.
    pub(crate) fn is_valid(&self) -> bool {
        let model = Self(UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER));
        // SAFETY: the model is a local.
        unsafe { model.init() };
        self.word_at(KIND_AT).load(Ordering::Relaxed) == model.word_at(KIND_AT).load(Ordering::Relaxed)
    }

    /// Takes the mutex if nobody has it.
    #[inline]
    pub(crate) fn try_lock(&self) -> LockAttempt {
        // SAFETY: the bytes are a mutex's, as `is_valid` found at attaching. That nobody damages them afterwards is the one thing a
        // peer is trusted with beside the payload: the list of a thread's held mutexes runs through them.
        let answer = unsafe { libc::pthread_mutex_trylock(self.0.get()) };
        if answer == 0 { LockAttempt::Acquired } else { self.classify(answer) }
    }

    /// Waits for the mutex, asleep, until the deadline.
    pub(crate) fn lock_until(&self, deadline: Deadline) -> LockAttempt {
        let until = deadline.timespec();
        let until = libc::timespec { tv_sec: until.tv_sec, tv_nsec: until.tv_nsec };
        // SAFETY: as in `try_lock`; `until` is a local with nanoseconds below a second.
        let answer = unsafe { pthread_mutex_clocklock(self.0.get(), libc::CLOCK_MONOTONIC, &until) };
        if answer == 0 { LockAttempt::Acquired } else { self.classify(answer) }
    }

    #[cold]
    fn classify(&self, answer: c_int) -> LockAttempt {
        match answer {
            libc::EBUSY | libc::ETIMEDOUT => LockAttempt::Held,
            libc::EDEADLK => LockAttempt::HeldByUs,
            libc::EOWNERDEAD => {
                // Before anything else: an unlock without it would make the mutex unusable for everyone.
                // SAFETY: EOWNERDEAD says that this thread now holds the mutex in its inconsistent state.
                unsafe { libc::pthread_mutex_consistent(self.0.get()) };
                LockAttempt::Recovered
            }
            _ => LockAttempt::Corrupt,
        }
    }

    /// Gives the mutex back. `false` where this thread does not hold it; then nothing has happened.
    #[inline]
    pub(crate) fn unlock(&self) -> bool {
        // SAFETY: as in `try_lock`; a robust mutex refuses (EPERM) to be unlocked by another thread than its owner.
        unsafe { libc::pthread_mutex_unlock(self.0.get()) == 0 }
    }

    /// Marks the mutex, so that whoever gives it back wakes somebody who sleeps on its word, and says what the word is then. A free
    /// one is left as it is.
    #[cfg(feature = "async")]
    pub(crate) fn set_waiters_bit(&self) -> u32 {
        // ORDER: relaxed, as everywhere here: the word orders nothing but itself, and the attempt that follows is the C library's.
        let mut word = self.word().load(Ordering::Relaxed);
        while word & OWNER != 0 && word & WAITERS == 0 {
            let marked = word | WAITERS;
            match self.word().compare_exchange(word, marked, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => word = marked,
                Err(found) => word = found,
            }
        }
        word
    }

    /// The word as it is.
    #[cfg(feature = "async")]
    pub(crate) fn load_word(&self) -> u32 {
        self.word().load(Ordering::Relaxed)
    }

    /// Makes sure that another sleeper is woken for this one, which was: by who holds the mutex and gives it back, or now.
    #[cfg(feature = "async")]
    pub(crate) fn forward_wake(&self) {
        if self.set_waiters_bit() & OWNER == 0 {
            super::futex::wake(self.word(), 1);
        }
    }

    /// The thread id of who holds the mutex right now, or held it when it died; 0 for nobody.
    #[inline]
    pub(crate) fn owner(&self) -> u32 {
        self.word().load(Ordering::Relaxed) & OWNER
    }

    /// The lock word, for whoever only looks.
    pub(crate) fn snapshot(&self) -> LockWord {
        LockWord(self.word().load(Ordering::Relaxed))
    }

    /// Marks the mutex as left behind if the thread that its word names is no more: then the kernel has passed by without
    /// doing so, and nobody else will. Nobody but a living owner could have changed the word since.
    #[cold]
    pub(crate) fn abandon_if_ownerless(&self) {
        let word = self.word().load(Ordering::Relaxed);
        let owner = word & OWNER;
        if owner != 0 && !super::process::thread_exists(owner) {
            // Fails where another waiter was faster.
            let abandoned = word & !OWNER | OWNER_DIED;
            let _ = self.word().compare_exchange(word, abandoned, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Marks the mutex as left behind by a dead owner, if anything but free: for owners whose death no kernel has seen,
    /// because the machine went down with them.
    ///
    /// # Safety
    /// No living thread uses the mutex.
    pub(crate) unsafe fn abandon(&self) {
        if self.word().load(Ordering::Relaxed) != 0 {
            self.word().store(OWNER_DIED, Ordering::Relaxed);
        }
    }

    /// The futex word: glibc's `__lock`, the first field (checked against glibc in this file's tests).
    fn word(&self) -> &AtomicU32 {
        self.word_at(0)
    }

    fn word_at(&self, offset: usize) -> &AtomicU32 {
        // SAFETY: `offset` is 0 or `KIND_AT`, inside the mutex.
        let word = unsafe { self.0.get().byte_add(offset) };
        // SAFETY: a multiple of 4 inside the mutex, which is 8-aligned; glibc and the kernel access these words atomically too,
        // and never as anything but 32 bits.
        unsafe { AtomicU32::from_ptr(word.cast()) }
    }
}

/// The lock word of a mutex, as somebody has seen it who does not use the mutex.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LockWord(u32);

impl LockWord {
    /// The thread that holds it.
    pub(crate) fn owner(self) -> Option<u32> {
        Some(self.0 & OWNER).filter(|owner| *owner != 0 && !self.is_abandoned())
    }

    /// Whether its owner has died, and nobody has had it since.
    pub(crate) fn is_abandoned(self) -> bool {
        self.0 & OWNER_DIED != 0
    }

    /// Whether somebody sleeps until it is free.
    pub(crate) fn has_waiters(self) -> bool {
        self.0 & WAITERS != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new() -> RobustMutex {
        let mutex = RobustMutex(UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER));
        // SAFETY: a local.
        unsafe { mutex.init() };
        mutex
    }

    #[test]
    fn the_first_word_names_the_owner() {
        let mutex = new();
        assert!(mutex.is_valid());
        assert_eq!(mutex.owner(), 0);
        assert_eq!(mutex.try_lock(), LockAttempt::Acquired);
        // SAFETY: no arguments.
        assert_eq!(mutex.owner(), unsafe { libc::gettid() } as u32);
        assert_eq!(mutex.try_lock(), LockAttempt::HeldByUs);
        assert!(mutex.unlock());
        assert_eq!(mutex.owner(), 0);
        assert!(!mutex.unlock());
    }

    #[test]
    fn an_ordinary_mutex_is_not_valid() {
        assert!(!RobustMutex(UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER)).is_valid());
    }

    #[test]
    fn an_abandoned_mutex_is_recovered() {
        let mutex = new();
        mutex.word().store(4_000_000 | 0x8000_0000, Ordering::Relaxed);
        // SAFETY: thread 4,000,000 does not exist.
        unsafe { mutex.abandon() };
        assert_eq!(mutex.try_lock(), LockAttempt::Recovered);
        assert!(mutex.unlock());
        assert_eq!(mutex.try_lock(), LockAttempt::Acquired);
        assert!(mutex.unlock());
    }
}
