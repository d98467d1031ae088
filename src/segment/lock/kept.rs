//! Mappings that this thread needs for a lock it holds, by whatever handle it came to it.
//!
//! The list of a thread's held locks runs through the mapping by which each was taken. A lock that is held several times over can be
//! given back by another handle, even one of another mapping, when the one by which it was taken is long gone.

use core::cell::RefCell;
use core::mem::ManuallyDrop;

use super::Region;
use crate::segment::Segment;
use crate::sys::file::FileId;

/// A lock, by whatever mapping.
type Place = (FileId, u64);

thread_local! {
    /// Never dropped: the thread's list of locks is looked at when it has ended.
    static KEPT: ManuallyDrop<RefCell<Vec<(Place, Segment)>>> = const { ManuallyDrop::new(RefCell::new(Vec::new())) };
}

/// Keeps the mapping until this thread gives the lock back.
pub(super) fn keep(lock: &Region) {
    let kept = (lock.place(), lock.segment().clone());
    KEPT.with(|all| all.borrow_mut().push(kept));
}

/// To be called when this thread has given the lock back.
#[inline]
pub(super) fn let_go(lock: &Region) {
    if KEPT.with(|all| !all.borrow().is_empty()) {
        let place = lock.place();
        // Dropped when the borrow is over: the last one of a segment has a lot to do.
        drop::<Vec<_>>(KEPT.with(|all| all.borrow_mut().extract_if(.., |(of, _)| *of == place).collect()));
    }
}
