//! The mappings that this thread needs for a lock it holds, whichever handle it took the lock by.
//!
//! A thread's list of held locks runs through the mapping by which each lock was taken. A lock that
//! is held several times over may be unlocked through another handle, even one of another mapping,
//! after the handle by which it was taken is gone.

use core::cell::RefCell;
use core::mem::ManuallyDrop;

use crate::segment::Segment;
use crate::segment::region::Region;
use crate::sys::file::FileId;

/// What identifies a lock in every mapping of its segment.
type LockKey = (FileId, u64);

thread_local! {
    /// Never dropped: the kernel walks the thread's list of locks after the thread has ended.
    static HELD: ManuallyDrop<RefCell<Vec<(LockKey, Segment)>>> = const { ManuallyDrop::new(RefCell::new(Vec::new())) };
}

/// Keeps the lock's mapping until this thread unlocks.
pub(super) fn hold(lock: &Region) {
    let held = (lock.file_and_offset(), lock.segment().clone());
    HELD.with(|all| all.borrow_mut().push(held));
}

/// Drops the mappings that this thread kept for the lock. Called after it unlocked.
#[inline]
pub(super) fn release(lock: &Region) {
    if HELD.with(|all| !all.borrow().is_empty()) {
        let key = lock.file_and_offset();
        // Collected first and dropped after the borrow ends: a segment's last handle detaches from
        // it when it is dropped.
        drop::<Vec<_>>(HELD.with(|all| all.borrow_mut().extract_if(.., |(of, _)| *of == key).collect()));
    }
}
