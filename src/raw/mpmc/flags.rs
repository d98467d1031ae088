//! What holds for a ring as a whole: whether it is closed, and what has ever happened in it.

use super::MpmcRing;
use crate::primitive::Ordering;

const CLOSED: u64 = 1;
const LEASED: u64 = 1 << 1;
const REPAIRED: u64 = 1 << 2;

/// The flags of a ring, as one load has found them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MpmcFlags(u64);

impl MpmcFlags {
    /// Whether a consumer has more to do than to take its message: the queue is closed, or messages
    /// were leased.
    #[inline(always)]
    #[cfg_attr(loom, allow(dead_code))] // Its user is a floor above.
    pub(crate) fn needs_care(self) -> bool {
        self.0 & (CLOSED | LEASED) != 0
    }

    /// Whether positions between the consumers and the producers may hold no message: a lease was
    /// skipped there, a push was repaired after a death, or was retracted from the closed queue.
    pub(super) fn may_have_gaps(self) -> bool {
        self.0 & (CLOSED | LEASED | REPAIRED) != 0
    }

    #[inline(always)]
    pub(crate) fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    /// Whether a message was ever leased.
    #[inline(always)]
    pub(crate) fn was_leased(self) -> bool {
        self.0 & LEASED != 0
    }
}

impl MpmcRing<'_> {
    #[inline(always)]
    pub(crate) fn flags(&self) -> MpmcFlags {
        // ORDER: Acquire pairs with the Release in `close`.
        MpmcFlags(self.state.flags.load(Ordering::Acquire))
    }

    /// Whether the queue is closed.
    #[inline(always)]
    pub(crate) fn is_closed(&self) -> bool {
        self.flags().is_closed()
    }

    /// Closes the queue. `false` if it was closed already.
    pub(crate) fn close(&self) -> bool {
        // ORDER: Release pairs with the Acquire in `flags`.
        !MpmcFlags(self.state.flags.fetch_or(CLOSED, Ordering::AcqRel)).is_closed()
    }

    /// Notes that a push is undone after a death. Before it is.
    pub(super) fn note_repair(&self) {
        // ORDER: relaxed; the CAS that undoes the push publishes it.
        self.state.flags.fetch_or(REPAIRED, Ordering::Relaxed);
    }

    /// Notes that messages of this ring are leased. Before the first slot becomes LEASED, so that
    /// no lease is there without the flag, whatever its holder was killed in.
    #[inline(always)]
    pub(super) fn note_lease(&self) {
        if !MpmcFlags(self.state.flags.load(Ordering::Relaxed)).was_leased() {
            // ORDER: relaxed; the CAS that makes the slot LEASED publishes it.
            self.state.flags.fetch_or(LEASED, Ordering::Relaxed);
        }
    }
}
