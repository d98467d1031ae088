//! Tests that want the machine for themselves, more or less.

use std::num::NonZeroUsize;
use std::sync::{Condvar, Mutex};
use std::thread::available_parallelism;

static TAKEN: Mutex<usize> = Mutex::new(0);
static GIVEN_BACK: Condvar = Condvar::new();

/// One of as many shares as there are CPUs. Dropped, it is given back.
#[must_use]
pub struct CpuShare(());

impl CpuShare {
    /// Waits for a share. However many test threads there are, a test that has a share gets as much
    /// done in its time as with one thread for each CPU.
    pub fn wait() -> Self {
        let most = available_parallelism().map_or(1, NonZeroUsize::get);
        let taken = TAKEN.lock().unwrap();
        *GIVEN_BACK.wait_while(taken, |taken| *taken >= most).unwrap() += 1;
        Self(())
    }
}

impl Drop for CpuShare {
    fn drop(&mut self) {
        *TAKEN.lock().unwrap() -= 1;
        GIVEN_BACK.notify_one();
    }
}
