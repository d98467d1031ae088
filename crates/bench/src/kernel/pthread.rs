//! The C library's locks, in memory that processes share.

#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::ptr::NonNull;

use super::page::Page;

/// A process-shared mutex.
#[derive(Clone, Copy)]
pub struct Mutex(NonNull<libc::pthread_mutex_t>);

impl Mutex {
    /// A robust mutex on a line of its own: the next owner is told if the last one died.
    pub fn robust(page: Page, line: usize) -> Self {
        Self::init(page, line, libc::PTHREAD_MUTEX_ROBUST)
    }

    /// A mutex on a line of its own that stays locked if its owner dies.
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
        // SAFETY: an unused line, long and aligned enough, of a page that is never unmapped.
        failed |= unsafe { libc::pthread_mutex_init(mutex.as_ptr(), attr) };
        assert_eq!(failed, 0, "a mutex");
        Self(mutex)
    }

    /// Locks it.
    #[inline(always)]
    pub fn lock(&self) {
        // SAFETY: `init` made it.
        assert_eq!(unsafe { libc::pthread_mutex_lock(self.0.as_ptr()) }, 0);
    }

    /// Unlocks it.
    #[inline(always)]
    pub fn unlock(&self) {
        // SAFETY: `init` made it. If this thread does not hold it, exclusion is lost and memory
        // stays safe.
        assert_eq!(unsafe { libc::pthread_mutex_unlock(self.0.as_ptr()) }, 0);
    }
}

/// A process-shared readers–writer lock.
#[derive(Clone, Copy)]
pub struct RwLock(NonNull<libc::pthread_rwlock_t>);

impl RwLock {
    /// A lock on a line of its own.
    pub fn new(page: Page, line: usize) -> Self {
        let lock = page.line(line).cast();
        let mut attributes = MaybeUninit::uninit();
        let attr = attributes.as_mut_ptr();
        // SAFETY: space for the attributes.
        let mut failed = unsafe { libc::pthread_rwlockattr_init(attr) };
        // SAFETY: initialised above.
        failed |= unsafe { libc::pthread_rwlockattr_setpshared(attr, libc::PTHREAD_PROCESS_SHARED) };
        // SAFETY: an unused line, long and aligned enough, of a page that is never unmapped.
        failed |= unsafe { libc::pthread_rwlock_init(lock.as_ptr(), attr) };
        assert_eq!(failed, 0, "a readers–writer lock");
        Self(lock)
    }

    /// Locks it for reading.
    #[inline(always)]
    pub fn read(&self) {
        // SAFETY: `new` made it.
        assert_eq!(unsafe { libc::pthread_rwlock_rdlock(self.0.as_ptr()) }, 0);
    }

    /// Locks it for writing.
    #[inline(always)]
    pub fn write(&self) {
        // SAFETY: `new` made it.
        assert_eq!(unsafe { libc::pthread_rwlock_wrlock(self.0.as_ptr()) }, 0);
    }

    /// Unlocks it.
    #[inline(always)]
    pub fn unlock(&self) {
        // SAFETY: `new` made it. If this thread does not hold it, exclusion is lost and memory
        // stays safe.
        assert_eq!(unsafe { libc::pthread_rwlock_unlock(self.0.as_ptr()) }, 0);
    }
}

/// A process-shared semaphore.
#[derive(Clone, Copy)]
pub struct Semaphore(NonNull<libc::sem_t>);

impl Semaphore {
    /// A semaphore with one permit, on a line of its own.
    pub fn new(page: Page, line: usize) -> Self {
        let semaphore = page.line(line).cast();
        // SAFETY: an unused line, long and aligned enough, of a page that is never unmapped.
        let failed = unsafe { libc::sem_init(semaphore.as_ptr(), 1, 1) };
        assert_eq!(failed, 0, "a semaphore");
        Self(semaphore)
    }

    /// Takes a permit.
    #[inline(always)]
    pub fn wait(&self) {
        // SAFETY: `new` made it.
        assert_eq!(unsafe { libc::sem_wait(self.0.as_ptr()) }, 0);
    }

    /// Returns a permit.
    #[inline(always)]
    pub fn post(&self) {
        // SAFETY: `new` made it.
        assert_eq!(unsafe { libc::sem_post(self.0.as_ptr()) }, 0);
    }
}
