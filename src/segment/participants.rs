//! Who has the segment attached, and who of them is alive.
//!
//! | entry's `state` | lock on byte `id` | meaning | who moves it |
//! |---|---|---|---|
//! | FREE | not held | nobody's | a process that attaches takes the lock, then fills the entry, then stores TAKEN |
//! | FREE | held | somebody comes or goes | the lock's holder |
//! | TAKEN | held | attached and alive | the lock's holder: stores FREE, then drops the lock |
//! | TAKEN | not held | died attached | whoever gets the lock repairs what the dead held, then stores FREE |
//!
//! The kernel drops the lock of a process that dies, at whatever instruction. A repair that is cut short by death is
//! begun anew by the next to get the lock.

use std::os::fd::BorrowedFd;

use super::admin_lock::AdminLock;
use super::mapping::Mapping;
use super::repair::{self, Departure};
use crate::error::SegmentError;
use crate::layout::header::{PARTICIPANT_FREE, PARTICIPANT_TAKEN, ParticipantEntry, field_text, text_field};
use crate::primitive::Ordering;
use crate::raw::atomic_copy;
use crate::shareable;
use crate::sys::process::{self, Identity};
use crate::sys::{clock, liveness};

/// A process that has a segment attached, or died with it attached.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Participant {
    /// Its id in this segment: 1 to the number of participants the segment was made for.
    pub id: u32,
    /// Its process id, in its own pid namespace.
    pub pid: u32,
    /// Its process's name, as `ps` shows it.
    pub name: String,
    /// When it attached, in nanoseconds since the Unix epoch.
    pub attached_at: u64,
    /// Whether it lives. The kernel vouches for it, in any pid namespace.
    pub alive: bool,
}

/// Takes a free id, one of the dead where none is free, and returns it.
pub(super) fn register(mapping: &Mapping, _admin_lock: &AdminLock<'_>) -> Result<u32, SegmentError> {
    let ids = 1..=mapping.geometry.tables.participants;
    let is_free = |id: &u32| mapping.participant_state(*id).load(Ordering::Relaxed) == PARTICIPANT_FREE;
    let free = ids.clone().filter(is_free);
    // Then any: one of the dead, or one that was just being left.
    for id in free.chain(ids) {
        if liveness::try_lock(mapping.file(), id).map_err(SegmentError::os("lock the segment's file"))? {
            reap_if_dead(mapping, id);
            fill(mapping, id);
            return Ok(id);
        }
    }
    Err(SegmentError::TooManyParticipants { max: mapping.geometry.tables.participants })
}

fn fill(mapping: &Mapping, id: u32) {
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
        mapping.words(mapping.participant_entry_at(id), ENTRY_WORDS),
        bytemuck::bytes_of(&entry),
    );
    // ORDER: Release pairs with the Acquire in `list`: the entry is filled.
    mapping.participant_state(id).store(PARTICIPANT_TAKEN, Ordering::Release);
}

/// Gives an id back that this process has, and what it still holds as that: nobody could any more, and the id's next owner is another.
pub(super) fn leave(mapping: &Mapping, id: u32) {
    repair::repair_objects(Departure::Left, mapping, id);
    // ORDER: Release, so that all this process did as `id` comes before; who has the id next reads it behind the kernel's lock.
    mapping.participant_state(id).store(PARTICIPANT_FREE, Ordering::Release);
    // Fails only for a descriptor that is none, and closing it drops the lock as well.
    let _ = liveness::unlock(mapping.file(), id);
}

/// Whether anybody but this open file has the segment attached, forked children included.
pub(super) fn others_alive(file: BorrowedFd<'_>) -> Result<bool, SegmentError> {
    liveness::is_any_participant_alive(file).map_err(SegmentError::os(TEST_LOCKS))
}

/// Checks that everybody who is alive counts processes as we do: the locks know their holders by thread id.
///
/// # Errors
/// `ForeignNamespace`.
pub(super) fn check_namespace(mapping: &Mapping, _admin_lock: &AdminLock<'_>) -> Result<(), SegmentError> {
    let ours = Identity::current().pidns;
    for id in 1..=mapping.geometry.tables.participants {
        // ORDER: Acquire pairs with the Release in `fill`.
        let taken = mapping.participant_state(id).load(Ordering::Acquire) != PARTICIPANT_FREE;
        let foreign = taken && load(mapping, id).pidns != ours;
        if foreign
            && liveness::is_locked_elsewhere(mapping.file(), id, 1).map_err(SegmentError::os(TEST_LOCKS))?
        {
            return Err(SegmentError::ForeignNamespace { name: mapping.location.to_string() });
        }
    }
    Ok(())
}

/// Whether the participant of this id lives. One that cannot be asked about counts as alive: nothing is repaired on a guess.
pub(super) fn is_alive(mapping: &Mapping, id: u32) -> bool {
    (1..=mapping.geometry.tables.participants).contains(&id)
        && (mapping.is_attached_as(id)
            || liveness::is_locked_elsewhere(mapping.file(), id, 1).unwrap_or(true))
}

/// The process id of the participant of this id.
pub(super) fn process_of(mapping: &Mapping, id: u32) -> u32 {
    if (1..=mapping.geometry.tables.participants).contains(&id) { load(mapping, id).pid } else { 0 }
}

/// Whether anybody has died attached and was not repaired after yet.
pub(super) fn has_dead(mapping: &Mapping) -> bool {
    (1..=mapping.geometry.tables.participants).any(|id| {
        mapping.participant_state(id).load(Ordering::Relaxed) != PARTICIPANT_FREE && !is_alive(mapping, id)
    })
}

const TEST_LOCKS: &str = "test the locks of the segment's file";

/// Everybody who is attached or died so.
pub(super) fn list(mapping: &Mapping) -> Result<Vec<Participant>, SegmentError> {
    let own_id = mapping.participant()?;
    let mut all = Vec::new();
    for id in 1..=mapping.geometry.tables.participants {
        // ORDER: Acquire pairs with the Release in `fill`.
        if mapping.participant_state(id).load(Ordering::Acquire) == PARTICIPANT_FREE {
            continue;
        }
        let entry = load(mapping, id);
        let alive = id == own_id
            || liveness::is_locked_elsewhere(mapping.file(), id, 1).map_err(SegmentError::os(TEST_LOCKS))?;
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

/// Repairs after everybody who died attached, frees their ids, and says how many they were.
pub(super) fn reap(mapping: &Mapping, _admin_lock: &AdminLock<'_>) -> Result<u32, SegmentError> {
    let own_id = mapping.participant()?;
    let mut reaped = 0;
    for id in (1..=mapping.geometry.tables.participants).filter(|id| *id != own_id) {
        if mapping.participant_state(id).load(Ordering::Relaxed) == PARTICIPANT_FREE {
            continue;
        }
        if liveness::try_lock(mapping.file(), id).map_err(SegmentError::os("lock the segment's file"))? {
            reaped += u32::from(reap_if_dead(mapping, id));
            liveness::unlock(mapping.file(), id).map_err(SegmentError::os("unlock the segment's file"))?;
        }
    }
    Ok(reaped)
}

/// Repairs what the last owner of an id left, if it died; we hold the id's lock. `true` where there was one.
fn reap_if_dead(mapping: &Mapping, id: u32) -> bool {
    let state = mapping.participant_state(id);
    let died = state.load(Ordering::Relaxed) != PARTICIPANT_FREE;
    if died {
        repair::repair_objects(Departure::Died, mapping, id);
        // ORDER: as in `leave`, for the repair.
        state.store(PARTICIPANT_FREE, Ordering::Release);
    }
    died
}

const ENTRY_WORDS: usize = size_of::<ParticipantEntry>() / atomic_copy::WORD;

fn load(mapping: &Mapping, id: u32) -> ParticipantEntry {
    let source = mapping.words(mapping.participant_entry_at(id), ENTRY_WORDS);
    shareable::read_bits(|bytes| atomic_copy::load(source, bytes))
}
