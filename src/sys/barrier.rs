//! An asymmetric pair of memory barriers: one is a compiler fence, because the other makes up for
//! it.
//!
//! A publisher, which runs often, runs [`light`]; a waiter that is about to sleep runs [`heavy`].
//! If each writes something before its barrier and reads after it what the other writes, at least
//! one of them sees the other's write.
//!
//! A SeqCst fence on each side would do that. `membarrier(2)` does it for the publisher, which has
//! none: it makes every CPU that runs a registered process execute a fence, at a moment between the
//! waiter's write and its read. A process that could not register runs real fences.

use rustix::thread::{MembarrierCommand, membarrier};

use super::fork;
use crate::primitive::{AtomicU32, Ordering, compiler_fence, fence};

/// The fork generation of the process that is registered: a forked child does not rely on its
/// parent's registration.
static REGISTERED: AtomicU32 = AtomicU32::new(0);

/// Registers this process, which makes its [`light`] a compiler fence.
pub(crate) fn register() {
    let generation = fork::generation();
    if REGISTERED.load(Ordering::Relaxed) != generation
        && membarrier(MembarrierCommand::RegisterGlobalExpedited).is_ok()
    {
        REGISTERED.store(generation, Ordering::Relaxed);
    }
}

/// The publisher's barrier.
#[inline(always)]
pub(crate) fn light() {
    if REGISTERED.load(Ordering::Relaxed) == fork::generation() {
        compiler_fence(Ordering::SeqCst);
    } else {
        // ORDER: SeqCst, because a write before it must be visible before a read after it happens;
        // pairs with `heavy`.
        fence(Ordering::SeqCst);
    }
}

/// The waiter's barrier. Returns `false` if the system has none that makes up for [`light`]: then
/// the sleep must be short.
#[must_use]
pub(crate) fn heavy() -> bool {
    // ORDER: SeqCst, pairs with the fence of a `light` that is a real fence.
    fence(Ordering::SeqCst);
    membarrier(MembarrierCommand::GlobalExpedited).is_ok()
}
