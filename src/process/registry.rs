//! The children of this process that have not been collected, and what becomes of them at its exit.

use std::sync::Mutex;
use std::time::Duration;

use super::child::{Child, lock_unpoisoned};
use crate::primitive::{AtomicU32, Ordering};
use crate::sys::child::at_exit;
use crate::sys::clock::Deadline;
use crate::sys::per_process::PerProcess;
use crate::sys::pidfd::ProcessExit;

/// How long daemons have to end after the SIGTERM that they get when this process exits.
const TERMINATION_GRACE: Duration = Duration::from_secs(1);

/// The children of one process.
#[derive(Default)]
struct ChildRegistry {
    children: Mutex<Vec<Child>>,
    /// Children started so far.
    count: AtomicU32,
}

/// Per process: a forked child has no children, and its parent's list may be locked.
static REGISTRY: PerProcess<ChildRegistry> = PerProcess::new();

fn registry() -> &'static ChildRegistry {
    // Only a process that starts children needs the handler, so its first child registers it.
    REGISTRY.get_or_create(|| {
        at_exit(end_children);
    })
}

/// The number of the next child, counted from 1.
pub(super) fn next_number() -> u32 {
    registry().count.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
}

/// Adds a child, and removes the children that have ended.
pub(super) fn add(child: Child) {
    let mut children = lock_unpoisoned(&registry().children);
    children.retain(Child::is_alive);
    children.push(child);
}

/// The children that have not ended.
pub(super) fn active() -> Vec<Child> {
    let Some(registry) = REGISTRY.existing() else { return Vec::new() };
    let mut children = lock_unpoisoned(&registry.children);
    children.retain(Child::is_alive);
    children.clone()
}

/// Ends the daemons and waits for the other children. Runs in `exit`, after the destructors of this
/// thread's locals, and must not panic.
extern "C" fn end_children() {
    loop {
        // Other threads of this process may start more children during the wait below.
        let children = active();
        if children.is_empty() {
            return;
        }
        let (daemons, others): (Vec<Child>, Vec<Child>) = children.into_iter().partition(Child::is_daemon);
        for daemon in &daemons {
            let _ = daemon.terminate();
        }
        let deadline = Deadline::after(TERMINATION_GRACE);
        for daemon in &daemons {
            if !matches!(
                daemon.wait_for_exit(Some(deadline)),
                Ok(Some(ProcessExit::Code(_) | ProcessExit::Unknown))
            ) {
                let _ = daemon.kill();
                let _ = daemon.join();
            }
        }
        for child in &others {
            let _ = child.join();
        }
    }
}
