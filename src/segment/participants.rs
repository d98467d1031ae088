//! The processes that have the segment attached, and which of them are alive.
//!
//! | entry's `state` | lock on byte `id` | meaning | who moves it |
//! |---|---|---|---|
//! | FREE | not held | vacant | a process that attaches: takes the lock, fills the entry, stores TAKEN |
//! | FREE | held | a process is attaching or detaching | the lock's holder |
//! | TAKEN | held | attached and alive | the lock's holder: stores FREE, then drops the lock |
//! | TAKEN | not held | died attached | the next process to get the lock: repairs what the dead participant held, then stores FREE |
//!
//! The kernel drops the lock of a process that dies, at whatever instruction. If the repairing
//! process dies, the next one to get the lock begins the repair anew.

use std::os::fd::BorrowedFd;

use super::admin_lock::AdminLock;
use super::location::Location;
use super::memory::SegmentMemory;
use super::repair;
use crate::error::SegmentError;
use crate::layout::header::{PARTICIPANT_FREE, PARTICIPANT_TAKEN, ParticipantEntry, field_text, text_field};
use crate::primitive::Ordering;
use crate::raw::atomic_copy;
use crate::raw::kind_ops::Departure;
use crate::shareable;
use crate::sys::process::{self, Identity};
use crate::sys::{clock, liveness};

/// A process that has a segment attached, or died with it attached.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Participant {
    /// Its id in this segment: 1 to the number of participants that the segment was made for.
    pub id: u32,
    /// Its process id, in its own pid namespace.
    pub pid: u32,
    /// Its process's name, as `ps` shows it.
    pub name: String,
    /// When it attached, in nanoseconds since the Unix epoch.
    pub attached_at: u64,
    /// Whether it is alive, as the kernel knows, in any pid namespace.
    pub alive: bool,
}

/// Takes a vacant id, or a dead participant's if none is vacant, and returns it.
pub(super) fn register(memory: &SegmentMemory, _admin_lock: &AdminLock<'_>) -> Result<u32, SegmentError> {
    let ids = 1..=memory.participants();
    let is_free = |id: &u32| memory.participant_state(*id).load(Ordering::Relaxed) == PARTICIPANT_FREE;
    let free = ids.clone().filter(is_free);
    // Then any: one of the dead, or one whose participant has just left.
    for id in free.chain(ids) {
        if liveness::try_lock(memory.file(), id).map_err(SegmentError::os("lock the segment's file"))? {
            reap_if_dead(memory, id);
            fill(memory, id);
            return Ok(id);
        }
    }
    Err(SegmentError::TooManyParticipants { max: memory.participants() })
}

fn fill(memory: &SegmentMemory, id: u32) {
    let me = Identity::current();
    let entry = ParticipantEntry {
        state: PARTICIPANT_FREE,
        pid: me.pid,
        start: me.start,
        pidns: me.pidns,
        attached_at: clock::unix_nanos(),
        name: text_field(&process::name()),
    };
    atomic_copy::store(
        memory.words(memory.participant_entry_at(id), ENTRY_WORDS),
        bytemuck::bytes_of(&entry),
    );
    // ORDER: Release pairs with the Acquire in `list`: the entry is filled.
    memory.participant_state(id).store(PARTICIPANT_TAKEN, Ordering::Release);
}

/// Gives back this process's id, and all that it still holds under it: nothing can release that
/// later, and the id's next participant is another process.
pub(super) fn leave(memory: &SegmentMemory, id: u32) {
    repair::repair_objects(Departure::Left, memory, id);
    // ORDER: Release, so that all this process did as `id` comes before; the id's next participant
    // reads it after it has taken the kernel's lock.
    memory.participant_state(id).store(PARTICIPANT_FREE, Ordering::Release);
    // Fails only for a bad descriptor, and closing the file drops the lock as well.
    let _ = liveness::unlock(memory.file(), id);
}

/// Whether a process has the segment attached other than through this open file; forked children of
/// this process count.
pub(super) fn others_alive(file: BorrowedFd<'_>) -> Result<bool, SegmentError> {
    liveness::is_any_participant_alive(file).map_err(SegmentError::os(TEST_LOCKS))
}

/// Checks that every living participant is of this process's pid namespace: the locks name their
/// holders by thread id.
///
/// # Errors
/// [`SegmentError::ForeignNamespace`] if one is not; [`SegmentError::Os`] if the kernel cannot be
/// asked.
pub(super) fn check_namespace(
    memory: &SegmentMemory,
    location: &Location,
    _admin_lock: &AdminLock<'_>,
) -> Result<(), SegmentError> {
    let ours = Identity::current().pidns;
    for id in 1..=memory.participants() {
        // ORDER: Acquire pairs with the Release in `fill`.
        let taken = memory.participant_state(id).load(Ordering::Acquire) != PARTICIPANT_FREE;
        let foreign = taken && load(memory, id).pidns != ours;
        if foreign && is_locked_elsewhere(memory, id)? {
            return Err(SegmentError::ForeignNamespace { name: location.to_string() });
        }
    }
    Ok(())
}

/// Whether another open file holds the lock of this id: a participant that lives, or a process that
/// is attaching or detaching.
pub(super) fn is_locked_elsewhere(memory: &SegmentMemory, id: u32) -> Result<bool, SegmentError> {
    liveness::is_locked_elsewhere(memory.file(), id, 1).map_err(SegmentError::os(TEST_LOCKS))
}

/// The process id of the participant of this id; 0 for an id that no participant can have.
pub(super) fn process_of(memory: &SegmentMemory, id: u32) -> u32 {
    if (1..=memory.participants()).contains(&id) { load(memory, id).pid } else { 0 }
}

/// Whether a participant died attached and is not repaired yet.
pub(super) fn has_dead(memory: &SegmentMemory, is_alive: impl Fn(u32) -> bool) -> bool {
    (1..=memory.participants())
        .any(|id| memory.participant_state(id).load(Ordering::Relaxed) != PARTICIPANT_FREE && !is_alive(id))
}

const TEST_LOCKS: &str = "test the locks of the segment's file";

/// The participants that are attached, or died so. This process is `own_id`.
pub(super) fn list(memory: &SegmentMemory, own_id: u32) -> Result<Vec<Participant>, SegmentError> {
    let mut all = Vec::new();
    for id in 1..=memory.participants() {
        // ORDER: Acquire pairs with the Release in `fill`.
        if memory.participant_state(id).load(Ordering::Acquire) == PARTICIPANT_FREE {
            continue;
        }
        let entry = load(memory, id);
        let alive = id == own_id || is_locked_elsewhere(memory, id)?;
        all.push(Participant {
            id,
            pid: entry.pid,
            name: field_text(&entry.name).unwrap_or("?").to_owned(),
            attached_at: entry.attached_at,
            alive,
        });
    }
    Ok(all)
}

/// Repairs after the participants that died attached, frees their ids, and returns their number.
/// This process is `own_id`.
pub(super) fn reap(
    memory: &SegmentMemory,
    own_id: u32,
    _admin_lock: &AdminLock<'_>,
) -> Result<u32, SegmentError> {
    let mut reaped = 0;
    for id in (1..=memory.participants()).filter(|id| *id != own_id) {
        if memory.participant_state(id).load(Ordering::Relaxed) == PARTICIPANT_FREE {
            continue;
        }
        if liveness::try_lock(memory.file(), id).map_err(SegmentError::os("lock the segment's file"))? {
            reaped += u32::from(reap_if_dead(memory, id));
            liveness::unlock(memory.file(), id).map_err(SegmentError::os("unlock the segment's file"))?;
        }
    }
    Ok(reaped)
}

/// Repairs what the last participant of an id left, if it died. Returns whether it did. The caller
/// holds the id's lock.
fn reap_if_dead(memory: &SegmentMemory, id: u32) -> bool {
    let state = memory.participant_state(id);
    let died = state.load(Ordering::Relaxed) != PARTICIPANT_FREE;
    if died {
        repair::repair_objects(Departure::Died, memory, id);
        // ORDER: as in `leave`, for the repair.
        state.store(PARTICIPANT_FREE, Ordering::Release);
    }
    died
}

const ENTRY_WORDS: usize = size_of::<ParticipantEntry>() / atomic_copy::WORD;

fn load(memory: &SegmentMemory, id: u32) -> ParticipantEntry {
    let source = memory.words(memory.participant_entry_at(id), ENTRY_WORDS);
    shareable::read_bits(|bytes| atomic_copy::load(source, bytes))
}
