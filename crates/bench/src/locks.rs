//! Locks between processes, behind one trait.

use std::hint::spin_loop;
use std::rc::Rc;

use super::kernel::page::Page;
use super::kernel::pthread;
use breezeway::sync::{Mutex, RwLock, Semaphore};
use core::sync::atomic::{AtomicU64, Ordering};

/// A lock between processes.
pub trait Lock {
    /// Runs `section` while the lock is held.
    fn locked<R>(&self, section: impl FnOnce() -> R) -> R;
}

/// Implements [`Lock`] by a guard.
macro_rules! guarded {
    ($lock:ty, |$this:ident| $guard:expr) => {
        impl Lock for $lock {
            #[inline(always)]
            fn locked<R>(&self, section: impl FnOnce() -> R) -> R {
                let $this = self;
                let _guard = $guard.expect("the lock");
                section()
            }
        }
    };
}

guarded!(Mutex, |this| this.lock());
guarded!(Semaphore, |this| this.acquire());
guarded!(RwLock, |this| this.write());
guarded!(ReadSide<RwLock>, |this| this.0.read());

/// Implements [`Lock`] by a pair of calls.
macro_rules! called {
    ($lock:ty, |$this:ident| $lock_it:expr, $unlock_it:expr) => {
        impl Lock for $lock {
            #[inline(always)]
            fn locked<R>(&self, section: impl FnOnce() -> R) -> R {
                let $this = self;
                $lock_it;
                let result = section();
                $unlock_it;
                result
            }
        }
    };
}

called!(pthread::Mutex, |this| this.lock(), this.unlock());
called!(pthread::Semaphore, |this| this.wait(), this.post());
called!(pthread::RwLock, |this| this.write(), this.unlock());
called!(ReadSide<pthread::RwLock>, |this| this.0.read(), this.0.unlock());
// ORDER: the compare-and-swap that locks pairs with the swap that unlocks.
called!(
    SpinWord,
    |this| while this.0.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_err() {
        spin_loop();
    },
    this.0.swap(0, Ordering::Release)
);

/// A readers–writer lock, locked for reading.
#[derive(Clone)]
pub struct ReadSide<L>(pub L);

/// A word that a compare-and-swap locks and a swap unlocks: the least that a lock can do.
#[derive(Clone, Copy)]
pub struct SpinWord(&'static AtomicU64);

impl SpinWord {
    /// An unlocked word on a line of its own.
    pub fn new(page: Page, line: usize) -> Self {
        Self(page.word(line))
    }
}

impl<L: Lock> Lock for &L {
    #[inline(always)]
    fn locked<R>(&self, section: impl FnOnce() -> R) -> R {
        (**self).locked(section)
    }
}

impl<L: Lock> Lock for Rc<L> {
    #[inline(always)]
    fn locked<R>(&self, section: impl FnOnce() -> R) -> R {
        (**self).locked(section)
    }
}
