//! What a death leaves to be done, by kind of object. Each algorithm in `raw` brings its own repair; here is only who is called.

#![allow(unsafe_code)]

use std::time::Duration;

use super::directory;
use super::gate::Gate;
use super::mapping::Mapping;
use crate::error::SegmentError;
use crate::layout::fingerprint::Kind;
use crate::layout::header::DirectoryEntry;
use crate::raw::depot::{Depot, Layout};
use crate::raw::event_word::EVERYBODY;
use crate::raw::mutex::State;
use crate::raw::patience::Patience;
use crate::raw::{barrier, condvar, mpmc, permits, rwlock, spsc, words};

/// How a participant goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// It is proven dead.
    Died,
    /// It detaches.
    Leaves,
}

/// Repairs what participant `id`, which has died or is about to leave, held. Idempotent: it may be cut short and begun anew.
pub(super) fn after(exit: Exit, mapping: &Mapping, id: u32) {
    // A corrupt directory names nothing to repair; whoever opens an object of it is told.
    for entry in directory::entries(mapping).map_while(Result::ok) {
        match Kind::from_number(entry.kind) {
            // The kernel has marked the dead thread's locks, and whoever takes one next finishes what the lock protects. Doing it
            // here would swallow the news that the next locker is promised.
            Some(
                Kind::Value
                | Kind::Array
                | Kind::Mutex
                | Kind::MessageQueue
                | Kind::ReentrantMutex
                | Kind::Once,
            ) => {}
            Some(Kind::JoinableQueue) => disown_jobs(mapping, &entry, id, exit),
            // Changed by single instructions.
            Some(Kind::Atomic | Kind::Semaphore | Kind::Event) => {}
            Some(Kind::RwLock) => send_out(mapping, &entry, id, exit),
            Some(Kind::Condvar) => repair_waiters(mapping, &entry, id, exit),
            Some(Kind::BoundedSemaphore) => free_permits(mapping, &entry, id),
            Some(Kind::Barrier) => repair_barrier(mapping, &entry, id, exit),
            Some(Kind::Spsc | Kind::Bytes) => repair_ends(mapping, &entry, id, exit),
            Some(Kind::Queue) => repair_ring(mapping, &entry, id),
            None => {}
        }
    }
}

/// Gives back the jobs that a worker had, and wakes who waits for any.
fn disown_jobs(mapping: &Mapping, entry: &DirectoryEntry, id: u32, exit: Exit) {
    let start = size_of::<State>() as u64;
    let layout = Layout::new(entry.element_count, entry.flags);
    // One whose length is another's is corrupt, which whoever opens it is told.
    let body = layout.filter(|layout| layout.length() == entry.length.checked_sub(start));
    if let (Some(layout), Ok(id)) = (body, u16::try_from(id)) {
        let words = mapping.words(entry.offset + start, (entry.length - start) as usize / 8);
        let depot = Depot::new(layout, words);
        if depot.disown(id, exit == Exit::Leaves) {
            depot.head().items.notify(EVERYBODY);
        }
    }
}

/// Takes the ends of a queue from a participant, and tells whoever waits at the others.
fn repair_ends(mapping: &Mapping, entry: &DirectoryEntry, id: u32, exit: Exit) {
    if entry.length < size_of::<spsc::State>() as u64 {
        return;
    }
    let state: &spsc::State = mapping.cells(entry.offset);
    if state.ends.repair(id, exit == Exit::Leaves) {
        state.repairs.add((exit == Exit::Died).into());
        state.items.notify(EVERYBODY);
        state.space.notify(EVERYBODY);
    }
}

/// Frees the slots of a condition variable's waiter, and makes the others look again. Who leaves waits for nothing.
fn repair_waiters(mapping: &Mapping, entry: &DirectoryEntry, id: u32, exit: Exit) {
    if exit == Exit::Died && entry.length >= size_of::<condvar::State>() as u64 {
        mapping.cells::<condvar::State>(entry.offset).repair(id);
    }
}

/// Undoes in a queue's slots what the dead was at work on, and tells whoever waits.
fn repair_ring(mapping: &Mapping, entry: &DirectoryEntry, dead: u32) {
    let (capacity, size) = (entry.element_count, entry.element_size as usize);
    if mpmc::length(capacity, size) != Some(entry.length) {
        return;
    }
    let state: &mpmc::State = mapping.cells(entry.offset);
    let words = (entry.length as usize - size_of::<mpmc::State>()) / words::WORD;
    let slots = mapping.words(entry.offset + size_of::<mpmc::State>() as u64, words);
    mpmc::Ring::new(state, slots, &mpmc::Geometry::new(capacity, size)).repair(dead);
    state.items.notify(EVERYBODY);
    state.space.notify(EVERYBODY);
}

/// Sends a participant out of a readers-writer lock.
fn send_out(mapping: &Mapping, entry: &DirectoryEntry, id: u32, exit: Exit) {
    if rwlock::length(entry.element_count) != Some(entry.length) {
        return;
    }
    let count_words = (entry.length - rwlock::COUNTS_AT) as usize / words::WORD;
    let counts = mapping.words(entry.offset + rwlock::COUNTS_AT, count_words);
    let sides = rwlock::Sides::new(mapping.cells(entry.offset + rwlock::STATE_AT), counts);
    sides.repair(id);
    let lock = mapping.lock_at(entry.offset);
    // A writer that left for good has taken its guard along, and its mapping with it.
    if exit == Exit::Died && sides.has_writer() && lock.is_valid() {
        // Where somebody has the lock, that one settles it, or has.
        if lock.lock(Patience::For(Duration::ZERO)).is_ok() {
            sides.settle();
            lock.unlock();
        }
    }
}

/// Frees the permits that a participant had.
fn free_permits(mapping: &Mapping, entry: &DirectoryEntry, id: u32) {
    if permits::length(entry.element_count) != Some(entry.length) {
        return;
    }
    let start = entry.offset + size_of::<permits::State>() as u64;
    let words = mapping.words32(start, entry.element_count as usize);
    permits::Permits::new(mapping.cells(entry.offset), words).repair(id);
}

/// Breaks a barrier for one of its parties, and tells whoever waits.
fn repair_barrier(mapping: &Mapping, entry: &DirectoryEntry, id: u32, exit: Exit) {
    if barrier::length(entry.element_count) != Some(entry.length) {
        return;
    }
    let state: &barrier::State = mapping.cells(entry.offset);
    let words = (entry.length as usize - size_of::<barrier::State>()) / words::WORD;
    let slots = mapping.words(entry.offset + size_of::<barrier::State>() as u64, words);
    barrier::Barrier::new(state, slots).repair(id, exit == Exit::Leaves);
}

/// Marks every lock that anybody holds as left behind by the dead: for a segment that outlived the machine, or was copied to
/// another, whose kernel knew nothing of its locks' holders. The caller found nobody else attached, inside the gate.
pub(super) fn abandon_locks(mapping: &Mapping, _gate: &Gate<'_>) -> Result<(), SegmentError> {
    // SAFETY: nobody else has the segment attached and inside the gate nobody can come; we have just come and hold none.
    unsafe { mapping.directory_lock().abandon() };
    for entry in directory::entries(mapping) {
        let entry = entry?;
        match Kind::from_number(entry.kind) {
            Some(
                Kind::Value
                | Kind::Array
                | Kind::Mutex
                | Kind::MessageQueue
                | Kind::JoinableQueue
                | Kind::ReentrantMutex
                | Kind::RwLock
                | Kind::Once,
            ) if entry.length >= 64 => {
                // SAFETY: as above.
                unsafe { mapping.lock_at(entry.offset).abandon() };
            }
            _ => {}
        }
    }
    Ok(())
}
