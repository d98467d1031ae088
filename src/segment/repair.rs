//! Repairing a segment's objects after a participant. What is repaired is up to each kind's
//! [`KindOps`](crate::raw::kind_ops::KindOps).

#![allow(unsafe_code)]

use super::admin_lock::AdminLock;
use super::directory;
use super::memory::SegmentMemory;
use crate::error::SegmentError;
use crate::layout::header::DirectoryEntry;
use crate::raw::kind_ops::{Departure, ObjectGeometry, ObjectWords};
use crate::raw::kinds;
use crate::raw::mutex::MutexState;

/// Repairs what participant `id` held, which has died or is about to leave. Idempotent: a repair
/// that is cut short is begun anew.
pub(super) fn repair_objects(departure: Departure, memory: &SegmentMemory, id: u32) {
    // From a corrupt entry on there is nothing to repair: opening an object there reports the
    // damage.
    for entry in directory::entries(memory).map_while(Result::ok) {
        if let Some(ops) = kinds::by_number(entry.kind) {
            (ops.repair)(&object_words(memory, &entry), id, departure);
        }
    }
}

/// An object's bytes in the mapping. The entry is one that `directory::entries` has checked.
fn object_words<'a>(memory: &'a SegmentMemory, entry: &DirectoryEntry) -> ObjectWords<'a> {
    ObjectWords {
        geometry: ObjectGeometry::from(entry),
        words: memory.words(entry.offset, (entry.length / 8) as usize),
        words32: memory.words32(entry.offset, (entry.length / 4) as usize),
    }
}

/// Marks every lock that is held as abandoned by a dead owner.
///
/// For a segment that outlived the machine, or was copied to another: the kernel there knew nothing
/// of its locks' holders. The caller is the only participant, and holds the admin lock.
pub(super) fn reclaim_locks(memory: &SegmentMemory, _admin_lock: &AdminLock<'_>) -> Result<(), SegmentError> {
    // SAFETY: no other process has the segment attached, and under the admin lock none can attach;
    // this process has just attached and holds no lock of it.
    unsafe { memory.directory_lock().abandon() };
    for entry in directory::entries(memory) {
        let entry = entry?;
        let begins_with_lock = kinds::by_number(entry.kind).is_some_and(|ops| ops.begins_with_lock);
        if begins_with_lock && entry.length >= size_of::<MutexState>() as u64 {
            // SAFETY: as above.
            unsafe { memory.lock_at(entry.offset).abandon() };
        }
    }
    Ok(())
}
