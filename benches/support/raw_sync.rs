//! The mutex of the crate `raw_sync`: the C library's, not robust.

#![allow(unsafe_code)]

use breezeway_bench::kernel::page::{LINE, Page};
use breezeway_bench::locks::Lock;
use raw_sync::locks::{LockImpl, LockInit, Mutex};

pub struct RawSync(Box<dyn LockImpl>);

impl RawSync {
    pub fn new(page: Page, line: usize) -> Self {
        let start = page.line(line).as_ptr();
        // SAFETY: an unused line, long enough, of a page that is never unmapped.
        let (lock, used) = unsafe { Mutex::new(start, start) }.expect("a mutex");
        assert!(used <= LINE);
        Self(lock)
    }

    /// Opens the mutex that another process made there.
    pub fn existing(page: Page, line: usize) -> Self {
        let start = page.line(line).as_ptr();
        // SAFETY: `new` made it.
        let (lock, _) = unsafe { Mutex::from_existing(start, start) }.expect("a mutex");
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
