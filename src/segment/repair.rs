//! Repairing a segment's objects after a participant. What is repaired is up to each kind's
//! [`KindOps`](crate::raw::kind_ops::KindOps).

use super::directory;
use super::memory::SegmentMemory;
use crate::layout::header::DirectoryEntry;
use crate::raw::kind_ops::{Departure, ObjectGeometry, ObjectWords};
use crate::raw::kinds;

/// Repairs what participant `id` held, which has died or is about to leave. After a death, several
/// processes may do it at a time; each does all of it, so the first to end has left nothing undone.
pub(super) fn repair_objects(departure: Departure, memory: &SegmentMemory, id: u32) {
    memory.directory_lock().reclaim(id);
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
