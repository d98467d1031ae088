//! Mappings that this thread needs for a lock it holds, by whatever handle it came to it.
//!
//! The list of a thread's held locks runs through the mapping by which each was taken. A lock that is held several times over can be
//! given back by another handle, even one of another mapping, when the one by which it was taken is long gone.

use core::cell::RefCell;
use core::mem::ManuallyDrop;

use crate::segment::Segment;
use crate::segment::region::Region;
use crate::sys::file::FileId;

/// A lock, by whatever mapping.
type LockKey = (FileId, u64);

thread_local! {
    /// Never dropped: the thread's list of locks is looked at when it has ended.
    static HELD: ManuallyDrop<RefCell<Vec<(LockKey, Segment)>>> = const { ManuallyDrop::new(RefCell::new(Vec::new())) };
}

/// Keeps the mapping until this thread gives the lock back.
pub(super) fn hold(lock: &Region) {
    let held = (lock.file_and_offset(), lock.segment().clone());
    HELD.with(|all| all.borrow_mut().push(held));
}

/// To be called when this thread has given the lock back.
#[inline]
pub(super) fn release(lock: &Region) {
    if HELD.with(|all| !all.borrow().is_empty()) {
        let key = lock.file_and_offset();
        // Dropped when the borrow is over: the last one of a segment has a lot to do.
        drop::<Vec<_>>(HELD.with(|all| all.borrow_mut().extract_if(.., |(of, _)| *of == key).collect()));
    }
}
