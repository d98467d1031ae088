//! The processes that have the segment attached, and which of them are alive.
//!
//! | entry's `state` | lock on byte `id` | meaning | who moves it |
//! |---|---|---|---|
//! | FREE | not held | vacant | a process that attaches: claims the id, takes the lock, fills the entry, stores TAKEN |
//! | FREE | held | a process is attaching or detaching | the lock's holder |
//! | TAKEN | held | attached and alive | the lock's holder: stores FREE, then drops the lock |
//! | TAKEN | not held | died attached | the process that claims the id: repairs what the dead participant held, then stores FREE |
//!
//! The kernel drops the lock of a process that dies, at whatever instruction. A process that repairs
//! or registers holds a lock on the id's claim byte meanwhile: so one process at a time repairs after
//! a participant, and no id gets another owner while that goes on. The dead participant's own byte
//! stays unlocked, so it does not look alive while it is repaired. If a repairing process dies,
//! another begins anew.

use std::os::fd::AsFd;

use super::admin_lock::{PIN, REOPEN};
use super::memory::SegmentMemory;
use super::repair;
use crate::error::SegmentError;
use crate::layout::header::{PARTICIPANT_FREE, PARTICIPANT_TAKEN, ParticipantEntry, field_text, text_field};
use crate::primitive::Ordering;
use crate::raw::atomic_copy;
use crate::raw::kind_ops::Departure;
use crate::raw::registration::{EPOCHS, Registration};
use crate::shareable;
use crate::sys::checked_file::CheckedFile;
use crate::sys::clock;
use crate::sys::fork;
use crate::sys::liveness::{self, PinnedFile};
use crate::sys::process::{self, Identity};

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

/// Registers this process under a vacant id, after it has repaired after the dead if none is vacant.
/// The pinned file holds the id's lock.
pub(super) fn register(memory: &SegmentMemory) -> Result<(Registration, PinnedFile), SegmentError> {
    for is_last in [false, true] {
        for id in 1..=memory.participants() {
            if memory.participant_state(id).load(Ordering::Relaxed) == PARTICIPANT_FREE
                && let Some(registered) = register_as(memory, id)?
            {
                return Ok(registered);
            }
        }
        if !is_last {
            // Another process may have freed the ids of the dead before this one comes to it.
            reap(memory, 0)?;
        }
    }
    Err(SegmentError::TooManyParticipants { max: memory.participants() })
}

/// Registers under this id; `None` if another process does, or repairs after the id's last
/// participant.
fn register_as(memory: &SegmentMemory, id: u32) -> Result<Option<(Registration, PinnedFile)>, SegmentError> {
    // No forked child gets the descriptor, with which it would hold the lock as well.
    let no_fork = fork::exclude();
    let file = memory.file().reopen().map_err(SegmentError::os(REOPEN))?;
    let lock_error = SegmentError::os("lock the segment's file");
    let is_free = || memory.participant_state(id).load(Ordering::Relaxed) == PARTICIPANT_FREE;
    // From the claim on no other process moves the entry's words.
    let locked = liveness::try_claim(file.as_fd(), id)
        .and_then(|claimed| Ok(claimed && is_free() && liveness::try_lock(file.as_fd(), id)?))
        .map_err(lock_error)?;
    if !locked {
        return Ok(None);
    }
    let pinned = PinnedFile::new(&file, &no_fork).map_err(SegmentError::os(PIN))?;
    let epoch = memory.participant_epoch(id).load(Ordering::Relaxed).wrapping_add(1) % EPOCHS;
    fill(memory, id, epoch);
    let _ = liveness::unclaim(file.as_fd(), id);
    Ok(Some((Registration { id, epoch }, pinned)))
}

fn fill(memory: &SegmentMemory, id: u32, epoch: u32) {
    let me = Identity::current();
    let entry = ParticipantEntry {
        state: PARTICIPANT_FREE,
        pid: me.pid,
        start: me.start,
        pidns: me.pidns,
        attached_at: clock::unix_nanos(),
        epoch,
        reserved0: 0,
        reserved1: 0,
        name: text_field(&process::name()),
    };
    atomic_copy::store(
        memory.words(memory.participant_entry_at(id), ENTRY_WORDS),
        bytemuck::bytes_of(&entry),
    );
    // ORDER: SeqCst, before the participant's first operation: pairs with the loads by those that
    // look at the participants' words up to the highest id.
    memory.highest_id().fetch_max(id, Ordering::SeqCst);
    // ORDER: Release pairs with the Acquire in `list` and `is_registered`: the entry is filled.
    memory.participant_state(id).store(PARTICIPANT_TAKEN, Ordering::Release);
}

/// Gives back this process's id, and all that it still holds under it: nothing can release that
/// later, and the id's next participant is another process. The caller drops the id's lock after it.
pub(super) fn leave(memory: &SegmentMemory, id: u32) {
    repair::repair_objects(Departure::Left, memory, id);
    // ORDER: Release, so that all this process did as `id` comes before; the id's next participant
    // reads it after it has taken the kernel's lock.
    memory.participant_state(id).store(PARTICIPANT_FREE, Ordering::Release);
}

/// Whether a participant, or a forked child of one, is alive.
pub(super) fn is_any_alive(file: &CheckedFile) -> Result<bool, SegmentError> {
    file.ask(liveness::is_any_participant_alive).map_err(SegmentError::os(TEST_LOCKS))
}

/// Whether a process holds the lock of this id: a participant that lives, or a process that
/// registers or detaches.
pub(super) fn is_locked(memory: &SegmentMemory, id: u32) -> Result<bool, SegmentError> {
    memory.file().is_locked(id).map_err(SegmentError::os(TEST_LOCKS))
}

/// Whether this registration is the last one of its id.
pub(super) fn is_registered(memory: &SegmentMemory, registration: Registration) -> bool {
    // ORDER: Acquire pairs with the Release in `fill`.
    memory.participant_state(registration.id).load(Ordering::Acquire) != PARTICIPANT_FREE
        && memory.participant_epoch(registration.id).load(Ordering::Relaxed) == registration.epoch
}

/// The process id of the participant of this id; 0 for an id that no participant can have.
pub(super) fn process_of(memory: &SegmentMemory, id: u32) -> u32 {
    if (1..=memory.participants()).contains(&id) { load(memory, id).pid } else { 0 }
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
        let alive = id == own_id || is_locked(memory, id)?;
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

/// Repairs after the participants that died attached, frees their ids, and returns how many ids this
/// process has freed. This process is `own_id`.
///
/// What another process repairs right now is left to that one.
pub(super) fn reap(memory: &SegmentMemory, own_id: u32) -> Result<u32, SegmentError> {
    let mut reaped = 0;
    for id in (1..=memory.participants()).filter(|id| *id != own_id) {
        let is_taken = || memory.participant_state(id).load(Ordering::Relaxed) != PARTICIPANT_FREE;
        if !is_taken() || is_locked(memory, id)? {
            continue;
        }
        // While it is claimed no other process registers under this id, so what is held under it is
        // the dead participant's.
        let Some(_claim) = claim(memory, id)? else { continue };
        if is_taken() && !is_locked(memory, id)? {
            repair::repair_objects(Departure::Died, memory, id);
            // ORDER: Release, as in `leave`, for the repair.
            memory.participant_state(id).store(PARTICIPANT_FREE, Ordering::Release);
            reaped += 1;
        }
    }
    Ok(reaped)
}

/// Claims an id for a repair; `None` if another process has claimed it.
fn claim(memory: &SegmentMemory, id: u32) -> Result<Option<PinnedFile>, SegmentError> {
    let no_fork = fork::exclude();
    let file = memory.file().reopen().map_err(SegmentError::os(REOPEN))?;
    if !liveness::try_claim(file.as_fd(), id).map_err(SegmentError::os("lock the segment's file"))? {
        return Ok(None);
    }
    PinnedFile::new(&file, &no_fork).map(Some).map_err(SegmentError::os(PIN))
}

const ENTRY_WORDS: usize = size_of::<ParticipantEntry>() / atomic_copy::WORD;

fn load(memory: &SegmentMemory, id: u32) -> ParticipantEntry {
    let source = memory.words(memory.participant_entry_at(id), ENTRY_WORDS);
    shareable::read_bits(|bytes| atomic_copy::load(source, bytes))
}
