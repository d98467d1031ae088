//! A pair of memory barriers of which one costs nothing, because the other makes up for it.
//!
//! Who publishes often and sleeps seldom runs [`light`]; who is about to sleep runs [`heavy`]. If both write something before their
//! barrier and read behind it what the other has written, at least one of them sees the other's write.
//!
//! That is what a SeqCst fence on each side would do, and `membarrier(2)` does it for the side that has none: it has every CPU
//! that runs a registered process execute a fence, at a moment between the sleeper's write and its read. A process that could not
//! register runs real fences.

use rustix::thread::{MembarrierCommand, membarrier};

use super::fork;
use crate::primitive::{AtomicU32, Ordering, compiler_fence, fence};

/// The fork generation of the process that is registered: a child does not rely on its parent's registration.
static REGISTERED: AtomicU32 = AtomicU32::new(0);

/// Registers this process, so that its [`light`] is light.
pub(crate) fn register() {
    let generation = fork::generation();
    if REGISTERED.load(Ordering::Relaxed) != generation
        && membarrier(MembarrierCommand::RegisterGlobalExpedited).is_ok()
    {
        REGISTERED.store(generation, Ordering::Relaxed);
    }
}

/// The barrier of who publishes.
#[inline(always)]
pub(crate) fn light() {
    if REGISTERED.load(Ordering::Relaxed) == fork::generation() {
        compiler_fence(Ordering::SeqCst);
    } else {
        // ORDER: SeqCst, because a write before it must be seen before a read behind it happens; pairs with `heavy`.
        fence(Ordering::SeqCst);
    }
}

/// The barrier of who is about to sleep. `false` where the system has none that makes up for a [`light`] one: then the sleep must
/// be short.
#[must_use]
pub(crate) fn heavy() -> bool {
    // ORDER: SeqCst, pairs with the fence of a `light` that is one.
    fence(Ordering::SeqCst);
    membarrier(MembarrierCommand::GlobalExpedited).is_ok()
}
