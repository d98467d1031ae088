//! Mappings that this thread needs for the locks it holds.
//!
//! The C library's list of a thread's held locks runs through the mapping by which each was taken. A
//! lock that is held at several levels can be released through another handle, even one of another
//! mapping, after the handle by which it was taken is gone.

use core::cell::RefCell;
use core::mem::ManuallyDrop;

use crate::segment::handle::Segment;
use crate::segment::region::Region;
use crate::sys::file::FileId;

/// A lock, in whatever mapping.
type LockKey = (FileId, u64);

thread_local! {
    /// Never dropped: the kernel walks the thread's list of locks after it has ended.
    static HELD: ManuallyDrop<RefCell<Vec<(LockKey, Segment)>>> = const { ManuallyDrop::new(RefCell::new(Vec::new())) };
}

/// Keeps the mapping until this thread releases the lock.
pub(super) fn hold(lock: &Region) {
    let held = (lock.file_and_offset(), lock.segment().clone());
    HELD.with(|all| all.borrow_mut().push(held));
}

/// To be called when this thread has released the lock.
#[inline]
pub(super) fn release(lock: &Region) {
    if HELD.with(|all| !all.borrow().is_empty()) {
        let key = lock.file_and_offset();
        // Dropped when the borrow is over: dropping the last handle of a segment detaches it.
        drop::<Vec<_>>(HELD.with(|all| all.borrow_mut().extract_if(.., |(of, _)| *of == key).collect()));
    }
}
