//! What a death leaves to be done, by kind of object. Each algorithm in `raw` brings its own repair; here is only who is called.

#![allow(unsafe_code)]

use super::directory;
use super::gate::Gate;
use super::mapping::Mapping;
use crate::error::SegmentError;
use crate::layout::fingerprint::Kind;

/// Repairs what participant `id`, which is proven dead, held. Idempotent: it may be cut short and begun anew.
pub(super) fn after_death_of(mapping: &Mapping, _id: u32) {
    // A corrupt directory names nothing to repair; whoever opens an object of it is told.
    for entry in directory::entries(mapping).map_while(Result::ok) {
        match Kind::from_number(entry.kind) {
            // The kernel has marked the dead thread's locks, and whoever takes one next finishes what the lock protects. Doing it
            // here would swallow the news that the next locker is promised.
            Some(Kind::Value | Kind::Array | Kind::Mutex) => {}
            // Changed by single instructions.
            Some(Kind::Atomic) => {}
            Some(Kind::Spsc | Kind::Queue | Kind::Bytes | Kind::MessageQueue | Kind::JoinableQueue) | None => {}
        }
    }
}

/// Marks every lock that anybody holds as left behind by the dead: for a segment that outlived the machine, or was copied to
/// another, whose kernel knew nothing of its locks' holders. The caller found nobody else attached, inside the gate.
pub(super) fn abandon_locks(mapping: &Mapping, _gate: &Gate<'_>) -> Result<(), SegmentError> {
    // SAFETY: nobody else has the segment attached and inside the gate nobody can come; we have just come and hold none.
    unsafe { mapping.directory_lock().abandon() };
    for entry in directory::entries(mapping) {
        let entry = entry?;
        match Kind::from_number(entry.kind) {
            Some(Kind::Value | Kind::Array | Kind::Mutex) if entry.length >= 64 => {
                // SAFETY: as above.
                unsafe { mapping.lock_at(entry.offset).abandon() };
            }
            _ => {}
        }
    }
    Ok(())
}
