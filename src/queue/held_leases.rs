//! Which leases of a queue the calling thread has taken itself.
//!
//! A slot names the process that has leased its message. A consumer of a closed queue waits for
//! every lease that may come back, also for one of another thread of its process, and must not wait
//! for its own. So each thread counts the leases that it has taken and that are not over.

use core::cell::RefCell;
use std::sync::Arc;

#[cfg(feature = "serde")]
use crate::raw::message_slab::SlabLease;
use crate::raw::wait::Wait;
use crate::segment::object::Region;
use crate::sys::file::FileId;

/// A queue, and the participant that has leased something of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lessee {
    queue: (FileId, u64),
    id: u32,
}

thread_local! {
    /// As many references to each count as leases are held, and one.
    static HELD: RefCell<Vec<(Lessee, Arc<()>)>> = const { RefCell::new(Vec::new()) };
}

/// One lease that a thread has taken. It counts for that thread until it [ends](Self::end) or is
/// dropped, in whatever thread.
#[derive(Default)]
pub(super) struct HeldLease {
    /// `None` once it has ended, and in a thread that is ending.
    count: Option<Arc<()>>,
}

impl HeldLease {
    /// Counts a lease that the calling thread has taken, as participant `id`.
    pub(super) fn new(region: &Region, id: u32) -> Self {
        let lessee = Lessee { queue: region.file_and_offset(), id };
        Self { count: HELD.try_with(|held| count_of(&mut held.borrow_mut(), lessee)).ok() }
    }

    /// Counts the lease no longer. To be called before the lease ends in the queue: until then, the
    /// thread would wait for one lease less than there are.
    pub(super) fn end(&mut self) {
        self.count = None;
    }
}

fn count_of(held: &mut Vec<(Lessee, Arc<()>)>, lessee: Lessee) -> Arc<()> {
    if let Some((_, count)) = held.iter().find(|(of, _)| *of == lessee) {
        return Arc::clone(count);
    }
    held.retain(|(_, count)| Arc::strong_count(count) > 1);
    let count = Arc::new(());
    held.push((lessee, Arc::clone(&count)));
    count
}

/// How many leases of the queue, taken as participant `id`, a consumer that waits in this way does
/// not wait for: those that the calling thread has taken.
///
/// A task waits for all. Tasks share a thread, so the thread does not tell whose a lease is.
pub(super) fn held_by_caller(region: &Region, id: u32, wait: Wait<'_>) -> u64 {
    if matches!(wait, Wait::Task(_)) {
        return 0;
    }
    let lessee = Lessee { queue: region.file_and_offset(), id };
    let held = HELD.try_with(|held| {
        held.borrow()
            .iter()
            .find(|(of, _)| *of == lessee)
            .map_or(0, |(_, count)| Arc::strong_count(count) - 1)
    });
    held.unwrap_or(0) as u64
}

/// Leases without a guard that a thread has taken: the queue, the lease, and its count.
#[cfg(feature = "serde")]
type Unguarded = Vec<((FileId, u64), SlabLease, HeldLease)>;

#[cfg(feature = "serde")]
thread_local! {
    static UNGUARDED: RefCell<Unguarded> = const { RefCell::new(Vec::new()) };
}

/// Counts a lease of the queue for the calling thread until [`drop_ended`] finds it ended.
/// `is_leased` tells which of the queue's leases are not over.
#[cfg(feature = "serde")]
pub(super) fn keep_until_ended(
    region: &Region,
    lease: SlabLease,
    held: HeldLease,
    is_leased: impl Fn(SlabLease) -> bool,
) {
    let queue = region.file_and_offset();
    // A thread that is ending asks no more.
    let _ = UNGUARDED.try_with(|unguarded| {
        let mut unguarded = unguarded.borrow_mut();
        // Each time before it grows, so that it stays as long as leases are open at a time.
        if unguarded.len() == unguarded.capacity() {
            unguarded.retain(|(of, lease, _)| *of != queue || is_leased(*lease));
        }
        unguarded.push((queue, lease, held));
    });
}

/// Stops counting the leases of the queue that were kept and have ended.
#[cfg(feature = "serde")]
pub(super) fn drop_ended(region: &Region, is_leased: impl Fn(SlabLease) -> bool) {
    let queue = region.file_and_offset();
    let _ = UNGUARDED.try_with(|unguarded| {
        unguarded.borrow_mut().retain(|(of, lease, _)| *of != queue || is_leased(*lease));
    });
}
