//! Locks between processes, behind one trait.

use std::hint::spin_loop;

use super::kernel::pthread as c;
use super::kernel::page::Page;
use breezeway::sync::{Mutex, RwLock, Semaphore};
use core::sync::atomic::{AtomicU64, Ordering};

/// A lock between processes.
pub trait Lock {
    /// Runs the section with the lock held.
    fn locked<R>(&self, section: impl FnOnce() -> R) -> R;
}

impl Lock for Mutex {
    #[inline(always)]
    fn locked<R>(&self, section: impl FnOnce() -> R) -> R {
        let _guard = self.lock().expect("the lock");
        section()
    }
}

impl Lock for Semaphore {
    #[inline(always)]
    fn locked<R>(&self, section: impl FnOnce() -> R) -> R {
        let _permit = self.acquire().expect("a permit");
        section()
    }
}

/// The writer's side of it.
impl Lock for RwLock {
    #[inline(always)]
    fn locked<R>(&self, section: impl FnOnce() -> R) -> R {
        let _guard = self.write().expect("the lock");
        section()
    }
}

impl Lock for c::Mutex {
    #[inline(always)]
    fn locked<R>(&self, section: impl FnOnce() -> R) -> R {
        self.lock();
        let result = section();
        self.unlock();
        result
    }
}

impl Lock for c::Semaphore {
    #[inline(always)]
    fn locked<R>(&self, section: impl FnOnce() -> R) -> R {
        self.wait();
        let result = section();
        self.post();
        result
    }
}

/// The writer's side of it.
impl Lock for c::RwLock {
    #[inline(always)]
    fn locked<R>(&self, section: impl FnOnce() -> R) -> R {
        self.write();
        let result = section();
        self.unlock();
        result
    }
}

/// A lock of which only the side of the readers is of interest.
#[derive(Clone)]
pub struct ReadSide<L>(pub L);

impl Lock for ReadSide<RwLock> {
    #[inline(always)]
    fn locked<R>(&self, section: impl FnOnce() -> R) -> R {
        let _guard = self.0.read().expect("the lock");
        section()
    }
}

impl Lock for ReadSide<c::RwLock> {
    #[inline(always)]
    fn locked<R>(&self, section: impl FnOnce() -> R) -> R {
        self.0.read();
        let result = section();
        self.0.unlock();
        result
    }
}

/// A word that a compare-and-swap takes and a swap gives back: what no lock is faster than.
#[derive(Clone, Copy)]
pub struct SpinWord(&'static AtomicU64);

impl SpinWord {
    /// In a line of its own.
    ///
    /// # Panics
    /// Where the page has not so many lines.
    pub fn new(page: Page, line: usize) -> Self {
        Self(page.word(line))
    }
}

impl Lock for SpinWord {
    #[inline(always)]
    fn locked<R>(&self, section: impl FnOnce() -> R) -> R {
        // ORDER: pairs with the swap below.
        while self.0.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_err() {
            spin_loop();
        }
        let result = section();
        self.0.swap(0, Ordering::Release);
        result
    }
}
