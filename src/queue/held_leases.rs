//! Which leases of a queue the calling thread has taken itself.
//!
//! A slot names the process that has leased its message. A consumer of a closed queue waits for
//! every lease that may come back, also for one of another thread of its process, and must not wait
//! for its own. So each thread counts the leases that it has taken and that are not over.

use core::cell::RefCell;
use std::sync::Mutex;

use crate::primitive::{AtomicU64, Ordering};
#[cfg(feature = "serde")]
use crate::raw::message_ring::MessageLease;
use crate::raw::wait::Wait;
use crate::segment::object::Region;
use crate::sys::file::FileId;

/// A queue, and the participant that has leased something of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lessee {
    queue: (FileId, u64),
    id: u32,
    /// Of the registration: a later one of the same id has leased nothing yet.
    epoch: u32,
}

impl Lessee {
    fn new(region: &Region, id: u32) -> Self {
        let epoch = region.segment().mapping().epoch();
        Self { queue: region.file_and_offset(), id, epoch }
    }
}

/// The leases that one thread has taken of one queue.
#[derive(Debug, Default)]
struct LeaseCount {
    /// Those taken, without those that ended in the same thread. Only that thread stores it.
    taken: AtomicU64,
    /// Those that ended in other threads.
    ended_elsewhere: AtomicU64,
}

impl LeaseCount {
    fn open(&self) -> u64 {
        // ORDER: Acquire pairs with the Release in `HeldLease::end`.
        let ended = self.ended_elsewhere.load(Ordering::Acquire);
        self.taken.load(Ordering::Relaxed).wrapping_sub(ended)
    }
}

/// The counts of a thread. A count lives for ever, because a lease may outlive the thread that took
/// it; those that are zero are used again.
#[derive(Debug)]
struct ThreadCounts(Vec<(Lessee, &'static LeaseCount)>);

/// Counts that are zero and belong to no thread. Only tried for, so that a fork in the middle of its
/// use is harmless: then a new count is made, or one is lost.
static SPARE: Mutex<Vec<&'static LeaseCount>> = Mutex::new(Vec::new());

thread_local! {
    static COUNTS: RefCell<ThreadCounts> = const { RefCell::new(ThreadCounts(Vec::new())) };
}

impl ThreadCounts {
    fn find(&self, lessee: Lessee) -> Option<&'static LeaseCount> {
        self.0.iter().find(|(of, _)| *of == lessee).map(|(_, count)| *count)
    }

    #[cold]
    fn add(&mut self, lessee: Lessee) -> &'static LeaseCount {
        self.spare_unused();
        let spare = SPARE.try_lock().ok().and_then(|mut spare| spare.pop());
        let count = spare.unwrap_or_else(|| Box::leak(Box::default()));
        self.0.push((lessee, count));
        count
    }

    /// Gives away the counts that are zero.
    fn spare_unused(&mut self) {
        let unused = self.0.extract_if(.., |(_, count)| count.open() == 0);
        match SPARE.try_lock() {
            Ok(mut spare) => spare.extend(unused.map(|(_, count)| count)),
            Err(_) => unused.for_each(drop),
        }
    }
}

impl Drop for ThreadCounts {
    fn drop(&mut self) {
        self.spare_unused();
    }
}

/// One lease that a thread has taken. It counts for that thread until it [ends](Self::end) or is
/// dropped, in whatever thread.
#[derive(Debug, Default)]
pub(super) struct HeldLease {
    /// `None` once it has ended, and in a thread that is ending.
    count: Option<&'static LeaseCount>,
    /// The thread that took the lease.
    thread: usize,
}

impl HeldLease {
    /// Counts a lease that the calling thread has taken, as participant `id`.
    #[inline]
    pub(super) fn new(region: &Region, id: u32) -> Self {
        let lessee = Lessee::new(region, id);
        let held = COUNTS.try_with(|counts| {
            let mut all = counts.borrow_mut();
            let count = all.find(lessee).unwrap_or_else(|| all.add(lessee));
            count.taken.store(count.taken.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
            Self { count: Some(count), thread: core::ptr::from_ref(counts).addr() }
        });
        held.unwrap_or_default()
    }

    /// Counts the lease no longer. To be called before the lease ends in the queue: until then, the
    /// thread would wait for one lease less than there are.
    #[inline]
    pub(super) fn end(&mut self) {
        let Some(count) = self.count.take() else { return };
        // If a new thread has the address of the one that took the lease, that one is gone, and no
        // thread uses its count, which is not zero.
        let is_here = COUNTS.try_with(|counts| core::ptr::from_ref(counts).addr() == self.thread);
        if is_here == Ok(true) {
            count.taken.store(count.taken.load(Ordering::Relaxed).wrapping_sub(1), Ordering::Relaxed);
        } else {
            // ORDER: Release pairs with the Acquire in `open`.
            count.ended_elsewhere.fetch_add(1, Ordering::Release);
        }
    }
}

impl Drop for HeldLease {
    fn drop(&mut self) {
        self.end();
    }
}

/// How many leases of the queue, taken as participant `id`, a consumer that waits in this way does
/// not wait for: those that the calling thread has taken.
///
/// A task waits for all. Tasks share a thread, so the thread does not tell whose a lease is.
pub(super) fn held_by_caller(region: &Region, id: u32, wait: Wait<'_>) -> u64 {
    if matches!(wait, Wait::Task(_)) {
        return 0;
    }
    let lessee = Lessee::new(region, id);
    let held = COUNTS.try_with(|counts| counts.borrow().find(lessee).map_or(0, LeaseCount::open));
    held.unwrap_or(0)
}

/// Leases without a guard that a thread has taken: the queue, the lease, and its count.
#[cfg(feature = "serde")]
type Unguarded = Vec<((FileId, u64), MessageLease, HeldLease)>;

#[cfg(feature = "serde")]
thread_local! {
    static UNGUARDED: RefCell<Unguarded> = const { RefCell::new(Vec::new()) };
}

/// Counts a lease of the queue for the calling thread until [`drop_ended`] finds it ended.
/// `is_leased` tells which of the queue's leases are not over.
#[cfg(feature = "serde")]
pub(super) fn keep_until_ended(
    region: &Region,
    lease: MessageLease,
    held: HeldLease,
    is_leased: impl Fn(MessageLease) -> bool,
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
pub(super) fn drop_ended(region: &Region, is_leased: impl Fn(MessageLease) -> bool) {
    let queue = region.file_and_offset();
    let _ = UNGUARDED.try_with(|unguarded| {
        unguarded.borrow_mut().retain(|(of, lease, _)| *of != queue || is_leased(*lease));
    });
}
