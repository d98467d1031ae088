//! All children of this process that nobody has waited for yet, and what becomes of them when it ends.

#![allow(unsafe_code)]

use std::sync::Mutex;
use std::time::Duration;

use super::child::{Child, lock_unpoisoned};
use crate::primitive::{AtomicPtr, AtomicU32, Ordering};
use crate::sys::child::at_exit;
use crate::sys::clock::Deadline;
use crate::sys::pidfd::ProcessExit;

/// How long daemons have, when this process ends, to heed a SIGTERM.
const TERMINATION_GRACE: Duration = Duration::from_secs(1);

/// The children of one process. Never freed: who forks is not to free, nor lock, what another thread of its parent used.
struct ChildRegistry {
    process: u32,
    children: Mutex<Vec<Child>>,
    /// How many there ever were.
    count: AtomicU32,
}

static REGISTRY: AtomicPtr<ChildRegistry> = AtomicPtr::new(core::ptr::null_mut());

/// This process's register, if it has one: its parent's, from before a fork, is none.
fn current_registry() -> Option<&'static ChildRegistry> {
    // ORDER: Acquire pairs with the Release in `registry`.
    let registry = REGISTRY.load(Ordering::Acquire);
    // SAFETY: null, or what `registry` has made, which nobody ever frees.
    unsafe { registry.as_ref::<'static>() }.filter(|registry| registry.process == std::process::id())
}

fn registry() -> &'static ChildRegistry {
    loop {
        let before = REGISTRY.load(Ordering::Acquire);
        if let Some(registry) = current_registry() {
            return registry;
        }
        let process = std::process::id();
        let fresh = ChildRegistry { process, children: Mutex::new(Vec::new()), count: AtomicU32::new(0) };
        let fresh = Box::into_raw(Box::new(fresh));
        // ORDER: Release pairs with the Acquire in `current_registry`: who sees the register sees what is in it.
        if REGISTRY.compare_exchange(before, fresh, Ordering::Release, Ordering::Relaxed).is_ok() {
            at_exit(end_children);
        } else {
            // SAFETY: made above, and nobody else has seen it.
            drop(unsafe { Box::from_raw(fresh) });
        }
    }
}

/// The number of the next child: 1 is the first.
pub(super) fn next_number() -> u32 {
    registry().count.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
}

/// Adds a child, and collects those that have ended.
pub(super) fn add(child: Child) {
    let mut children = lock_unpoisoned(&registry().children);
    children.retain(Child::is_alive);
    children.push(child);
}

/// The children that have not ended.
pub(super) fn active() -> Vec<Child> {
    let Some(registry) = current_registry() else { return Vec::new() };
    let mut children = lock_unpoisoned(&registry.children);
    children.retain(Child::is_alive);
    children.clone()
}

/// Ends the daemons and waits for the others. Runs in `exit`, when this thread's locals are gone, and must not panic.
extern "C" fn end_children() {
    loop {
        // Another thread, or who is waited for below, may have this process start more.
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
