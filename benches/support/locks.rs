//! What breezeway's mutex is measured against, behind one trait.

#![allow(unsafe_code)]

use std::hint::spin_loop;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use raw_sync::locks::{LockImpl, LockInit};

use super::page::Page;

/// A lock between processes.
pub trait Lock {
    /// Runs the section with the lock held.
    fn locked<R>(&self, section: impl FnOnce() -> R) -> R;
}

impl Lock for breezeway::sync::Mutex {
    #[inline(always)]
    fn locked<R>(&self, section: impl FnOnce() -> R) -> R {
        let _guard = self.lock().expect("the lock");
        section()
    }
}

/// The C library's process-shared mutex, as it is.
#[derive(Clone, Copy)]
pub struct Posix(NonNull<libc::pthread_mutex_t>);

impl Posix {
    /// Of the kind that passes on when its owner dies.
    pub fn robust(page: Page, line: usize) -> Self {
        Self::init(page, line, libc::PTHREAD_MUTEX_ROBUST)
    }

    /// Of the kind that does not.
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
}

impl Lock for Posix {
    #[inline(always)]
    fn locked<R>(&self, section: impl FnOnce() -> R) -> R {
        // SAFETY: `init` made it.
        let locked = unsafe { libc::pthread_mutex_lock(self.0.as_ptr()) };
        assert_eq!(locked, 0);
        let result = section();
        // SAFETY: this thread has locked it.
        let unlocked = unsafe { libc::pthread_mutex_unlock(self.0.as_ptr()) };
        assert_eq!(unlocked, 0);
        result
    }
}

/// `raw_sync`'s mutex: the C library's, not robust.
pub struct RawSync(Box<dyn LockImpl>);

impl RawSync {
    pub fn new(page: Page, line: usize) -> Self {
        let start = page.line(line).as_ptr();
        // SAFETY: a line of a page that is never unmapped, long enough, and nobody else's yet.
        let (lock, used) = unsafe { raw_sync::locks::Mutex::new(start, start) }.expect("a mutex");
        assert!(used <= super::page::LINE);
        Self(lock)
    }

    /// The one that another process made there.
    pub fn existing(page: Page, line: usize) -> Self {
        let start = page.line(line).as_ptr();
        // SAFETY: `new` made it.
        let (lock, _) = unsafe { raw_sync::locks::Mutex::from_existing(start, start) }.expect("a mutex");
        Self(lock)
    }
}

impl Lock for RawSync {
    #[inline(always)]
    fn locked<R>(&self, section: impl FnOnce() -> R) -> R {
        let _guard = self.0.lock().expect("the lock");
        section()
    }
}

/// A word that a compare-and-swap takes and a swap gives back: what no lock is faster than.
#[derive(Clone, Copy)]
pub struct SpinWord(&'static AtomicU64);

impl SpinWord {
    pub fn new(page: Page, line: usize) -> Self {
        Self(page.word(line))
    }
}

impl Lock for SpinWord {
    #[inline(always)]
    fn locked<R>(&self, section: impl FnOnce() -> R) -> R {
        while self.0.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_err() {
            spin_loop();
        }
        let result = section();
        self.0.swap(0, Ordering::Release);
        result
    }
}
