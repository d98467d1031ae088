//! Lets one case at a time trace.
//!
//! Some operations wait for a timeout, or check their peers after a while. While they are stepped their
//! clock goes on, so on a busy CPU the trace contains rechecks that no other run has, by the hundred
//! thousand instructions, or the timeout expires before the operation blocks.

use std::fs::File;

use rustix::fs::{FlockOperation, flock};

use super::progress;

/// The lock, held by this case.
pub(crate) struct TraceLock(File);

impl TraceLock {
    /// Waits for the cases that trace. The watchdog does not run meanwhile.
    pub(crate) fn acquire() -> Self {
        progress::pause_watchdog();
        let binary = File::open("/proc/self/exe").expect("this binary");
        flock(&binary, FlockOperation::LockExclusive).expect("a lock of the binary");
        Self(binary)
    }
}

impl Drop for TraceLock {
    fn drop(&mut self) {
        // Children have inherited the file, so closing it would not unlock it.
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}
