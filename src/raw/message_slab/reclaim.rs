//! Taking leases back from a participant that is dead or about to leave, without the slab's lock.
//!
//! | tag | who moves it without the lock |
//! |---|---|
//! | LEASED, the dead participant | any process that repairs after it, by a CAS to READY |
//! | any other | no participant |
//!
//! No other process writes a tag that names the dead participant: it alone would end its lease, and
//! no process gets its id while another repairs after it. So the CAS succeeds once for each lease,
//! whichever process makes it, and however long ago that process has read the tag. Then the list of
//! ready messages is marked stale. A process may be stopped between the two, so each of them marks
//! the list also for leases that another one has returned.

use super::tag::Tag;
use crate::primitive::{AtomicU64, Ordering};

/// What [`return_leases_of`] has found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reclaimed {
    /// Leases that this call has returned.
    pub(super) count: u64,
    /// Whether a message is ready that was leased before.
    pub(super) has_returned: bool,
}

/// Returns the leases of a participant, by the tags of all slots.
pub(super) fn return_leases_of<'a>(dead: u16, tags: impl Iterator<Item = &'a AtomicU64>) -> Reclaimed {
    let mut reclaimed = Reclaimed::default();
    for word in tags {
        let mut tag = Tag::from_bits(word.load(Ordering::Relaxed));
        if tag.is_leased() && tag.owner() == dead {
            let returned = tag.returned();
            // ORDER: relaxed; the message was published when it was put, and the mark that follows
            // publishes this. Fails only if another process was first; what it made of the tag then
            // counts.
            let moved =
                word.compare_exchange(tag.bits(), returned.bits(), Ordering::Relaxed, Ordering::Relaxed);
            reclaimed.count += u64::from(moved.is_ok());
            tag = moved.map_or_else(Tag::from_bits, |_| returned);
        }
        reclaimed.has_returned |= tag.is_ready() && tag.leases() > 0;
    }
    reclaimed
}
