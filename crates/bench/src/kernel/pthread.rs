//! The C library's locks, in memory that processes share.

#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::ptr::NonNull;

use super::page::Page;

/// A mutex.
#[derive(Clone, Copy)]
pub struct Mutex(NonNull<libc::pthread_mutex_t>);

impl Mutex {
    /// Of the kind that passes on when its owner dies, in a line of its own.
    ///
    /// # Panics
    /// Where the C library has none.
    pub fn robust(page: Page, line: usize) -> Self {
        Self::init(page, line, libc::PTHREAD_MUTEX_ROBUST)
    }

    /// Of the kind that does not.
    ///
    /// # Panics
    /// Where the C library has none.
    pub fn plain(page: Page, line: usize) -> Self {
        Self::init(page, line, libc::PTHREAD_MUTEX_STALLED)
    }

    fn init(page: Page, line: usize, robustness: libc::c_int) -> Self {
        let mutex = page.line(line).cast();
        let mut attributes = MaybeUninit::uninit();
        let attr = attributes.as_mut_ptr();
        // SAFETY: space for the attributes.
        let mut failed = unsafe { libc::pthread_mutexattr_init(attr) };
        // SAFETY: initialised above.
        failed |= unsafe { libc::pthread_mutexattr_setpshared(attr, libc::PTHREAD_PROCESS_SHARED) };
        // SAFETY: initialised above.
        failed |= unsafe { libc::pthread_mutexattr_setrobust(attr, robustness) };
        // SAFETY: a line of a page that is never unmapped, long and aligned enough, and nobody else's yet.
        failed |= unsafe { libc::pthread_mutex_init(mutex.as_ptr(), attr) };
        assert_eq!(failed, 0, "a mutex");
        Self(mutex)
    }

    /// Locks it.
    ///
    /// # Panics
    /// Where its last owner died with it.
    #[inline(always)]
    pub fn lock(&self) {
        // SAFETY: `init` made it.
        let failed = unsafe { libc::pthread_mutex_lock(self.0.as_ptr()) };
        assert_eq!(failed, 0);
    }

    /// Unlocks it.
    ///
    /// # Panics
    /// Where it is robust and not this thread's.
    #[inline(always)]
    pub fn unlock(&self) {
        // SAFETY: `init` made it. Where this thread has not locked it, whoever comes next is let in: memory stays safe.
        let failed = unsafe { libc::pthread_mutex_unlock(self.0.as_ptr()) };
        assert_eq!(failed, 0);
    }
}

/// A readers' lock.
#[derive(Clone, Copy)]
pub struct RwLock(NonNull<libc::pthread_rwlock_t>);

impl RwLock {
    /// One in a line of its own.
    ///
    /// # Panics
    /// Where the C library has none.
    pub fn new(page: Page, line: usize) -> Self {
        let lock = page.line(line).cast();
        let mut attributes = MaybeUninit::uninit();
        let attr = attributes.as_mut_ptr();
        // SAFETY: space for the attributes.
        let mut failed = unsafe { libc::pthread_rwlockattr_init(attr) };
        // SAFETY: initialised above.
        failed |= unsafe { libc::pthread_rwlockattr_setpshared(attr, libc::PTHREAD_PROCESS_SHARED) };
        // SAFETY: a line of a page that is never unmapped, long and aligned enough, and nobody else's yet.
        failed |= unsafe { libc::pthread_rwlock_init(lock.as_ptr(), attr) };
        assert_eq!(failed, 0, "a readers' lock");
        Self(lock)
    }

    /// Locks it for reading.
    ///
    /// # Panics
    /// Where it has too many readers.
    #[inline(always)]
    pub fn read(&self) {
        // SAFETY: `new` made it.
        let failed = unsafe { libc::pthread_rwlock_rdlock(self.0.as_ptr()) };
        assert_eq!(failed, 0);
    }

    /// Locks it for writing.
    ///
    /// # Panics
    /// Where this thread has it already.
    #[inline(always)]
    pub fn write(&self) {
        // SAFETY: `new` made it.
        let failed = unsafe { libc::pthread_rwlock_wrlock(self.0.as_ptr()) };
        assert_eq!(failed, 0);
    }

    /// Unlocks it.
    ///
    /// # Panics
    /// Where it was never made.
    #[inline(always)]
    pub fn unlock(&self) {
        // SAFETY: `new` made it. Where this thread has not locked it, whoever comes next is let in: memory stays safe.
        let failed = unsafe { libc::pthread_rwlock_unlock(self.0.as_ptr()) };
        assert_eq!(failed, 0);
    }
}

/// A semaphore.
#[derive(Clone, Copy)]
pub struct Semaphore(NonNull<libc::sem_t>);

impl Semaphore {
    /// One with a permit, in a line of its own.
    ///
    /// # Panics
    /// Where the C library has none.
    pub fn new(page: Page, line: usize) -> Self {
        let semaphore = page.line(line).cast();
        // SAFETY: a line of a page that is never unmapped, long and aligned enough, and nobody else's.
        let failed = unsafe { libc::sem_init(semaphore.as_ptr(), 1, 1) };
        assert_eq!(failed, 0, "a semaphore");
        Self(semaphore)
    }

    /// Takes a permit.
    ///
    /// # Panics
    /// Where a signal comes in between.
    #[inline(always)]
    pub fn wait(&self) {
        // SAFETY: `new` made it.
        let failed = unsafe { libc::sem_wait(self.0.as_ptr()) };
        assert_eq!(failed, 0);
    }

    /// Gives one.
    ///
    /// # Panics
    /// Where there are too many.
    #[inline(always)]
    pub fn post(&self) {
        // SAFETY: `new` made it.
        let failed = unsafe { libc::sem_post(self.0.as_ptr()) };
        assert_eq!(failed, 0);
    }
}
