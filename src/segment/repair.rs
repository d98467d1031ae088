//! What a death leaves to be done, by kind of object. Each algorithm in `raw` brings its own repair; here is only who is called.

#![allow(unsafe_code)]

use std::time::Duration;

use super::admin_lock::AdminLock;
use super::directory;
use super::mapping::Mapping;
use crate::error::SegmentError;
use crate::layout::fingerprint::Kind;
use crate::layout::header::DirectoryEntry;
use crate::raw::event_count::WAKE_ALL;
use crate::raw::message_slab::{MessageSlab, SlabLayout};
use crate::raw::mutex::MutexState;
use crate::raw::wait::Wait;
use crate::raw::{atomic_copy, barrier, condvar, mpmc, owned_semaphore, rwlock, spsc};

/// How a participant goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Departure {
    /// It is proven dead.
    Died,
    /// It detaches.
    Left,
}

/// Repairs what participant `id`, which has died or is about to leave, held. Idempotent: it may be cut short and begun anew.
pub(super) fn repair_objects(departure: Departure, mapping: &Mapping, id: u32) {
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
            Some(Kind::JoinableQueue) => reclaim_jobs(mapping, &entry, id, departure),
            // Changed by single instructions.
            Some(Kind::Atomic | Kind::Semaphore | Kind::Event) => {}
            Some(Kind::RwLock) => evict(mapping, &entry, id, departure),
            Some(Kind::Condvar) => repair_condvar(mapping, &entry, id, departure),
            Some(Kind::BoundedSemaphore) => reclaim_permits(mapping, &entry, id),
            Some(Kind::Barrier) => repair_barrier(mapping, &entry, id, departure),
            Some(Kind::Spsc | Kind::Bytes) => repair_endpoints(mapping, &entry, id, departure),
            Some(Kind::Queue) => repair_queue(mapping, &entry, id),
            None => {}
        }
    }
}

/// Gives back the jobs that a worker had, and wakes who waits for any.
fn reclaim_jobs(mapping: &Mapping, entry: &DirectoryEntry, id: u32, departure: Departure) {
    let start = size_of::<MutexState>() as u64;
    let layout = SlabLayout::new(entry.element_count, entry.aux);
    // One whose length is another's is corrupt, which whoever opens it is told.
    let body = layout.filter(|layout| layout.length() == entry.length.checked_sub(start));
    if let (Some(layout), Ok(id)) = (body, u16::try_from(id)) {
        let words = mapping.words(entry.offset + start, (entry.length - start) as usize / 8);
        let slab = MessageSlab::new(layout, words);
        if slab.reclaim_from(id, departure == Departure::Left) {
            slab.head().items.notify(WAKE_ALL);
        }
    }
}

/// Takes the ends of a queue from a participant, and tells whoever waits at the others.
fn repair_endpoints(mapping: &Mapping, entry: &DirectoryEntry, id: u32, departure: Departure) {
    if entry.length < size_of::<spsc::SpscState>() as u64 {
        return;
    }
    let state: &spsc::SpscState = mapping.cells(entry.offset);
    if state.endpoints.repair(id, departure == Departure::Left) {
        state.repairs.add((departure == Departure::Died).into());
        state.items.notify(WAKE_ALL);
        state.space.notify(WAKE_ALL);
    }
}

/// Frees the slots of a condition variable's waiter, and makes the others look again. Who leaves waits for nothing.
fn repair_condvar(mapping: &Mapping, entry: &DirectoryEntry, id: u32, departure: Departure) {
    if departure == Departure::Died && entry.length >= size_of::<condvar::CondvarState>() as u64 {
        mapping.cells::<condvar::CondvarState>(entry.offset).repair(id);
    }
}

/// Undoes in a queue's slots what the dead was at work on, and tells whoever waits.
fn repair_queue(mapping: &Mapping, entry: &DirectoryEntry, dead: u32) {
    let (capacity, size) = (entry.element_count, entry.element_size as usize);
    if mpmc::length(capacity, size) != Some(entry.length) {
        return;
    }
    let state: &mpmc::MpmcState = mapping.cells(entry.offset);
    let words = (entry.length as usize - size_of::<mpmc::MpmcState>()) / atomic_copy::WORD;
    let slots = mapping.words(entry.offset + size_of::<mpmc::MpmcState>() as u64, words);
    mpmc::MpmcRing::new(state, slots, &mpmc::MpmcGeometry::new(capacity, size)).repair(dead);
    state.items.notify(WAKE_ALL);
    state.space.notify(WAKE_ALL);
}

/// Sends a participant out of a readers-writer lock.
fn evict(mapping: &Mapping, entry: &DirectoryEntry, id: u32, departure: Departure) {
    if rwlock::length(entry.element_count) != Some(entry.length) {
        return;
    }
    let count_words = (entry.length - rwlock::COUNTS_AT) as usize / atomic_copy::WORD;
    let counts = mapping.words(entry.offset + rwlock::COUNTS_AT, count_words);
    let raw_lock = rwlock::RawRwLock::new(mapping.cells(entry.offset + rwlock::STATE_AT), counts);
    raw_lock.repair(id);
    let lock = mapping.lock_at(entry.offset);
    // A writer that left for good has taken its guard along, and its mapping with it.
    if departure == Departure::Died && raw_lock.has_writer() && lock.is_valid() {
        // Where somebody has the lock, that one settles it, or has.
        if lock.lock(Wait::Timeout(Duration::ZERO)).is_ok() {
            raw_lock.clear_dead_writer();
            lock.unlock();
        }
    }
}

/// Frees the permits that a participant had.
fn reclaim_permits(mapping: &Mapping, entry: &DirectoryEntry, id: u32) {
    if owned_semaphore::length(entry.element_count) != Some(entry.length) {
        return;
    }
    let start = entry.offset + size_of::<owned_semaphore::OwnedSemaphoreState>() as u64;
    let words = mapping.words32(start, entry.element_count as usize);
    owned_semaphore::OwnedSemaphore::new(mapping.cells(entry.offset), words).repair(id);
}

/// Breaks a barrier for one of its parties, and tells whoever waits.
fn repair_barrier(mapping: &Mapping, entry: &DirectoryEntry, id: u32, departure: Departure) {
    if barrier::length(entry.element_count) != Some(entry.length) {
        return;
    }
    let state: &barrier::BarrierState = mapping.cells(entry.offset);
    let words = (entry.length as usize - size_of::<barrier::BarrierState>()) / atomic_copy::WORD;
    let slots = mapping.words(entry.offset + size_of::<barrier::BarrierState>() as u64, words);
    barrier::RawBarrier::new(state, slots).repair(id, departure == Departure::Left);
}

/// Marks every lock that anybody holds as left behind by the dead: for a segment that outlived the machine, or was copied to
/// another, whose kernel knew nothing of its locks' holders. The caller found nobody else attached, inside the gate.
pub(super) fn reclaim_locks(mapping: &Mapping, _admin_lock: &AdminLock<'_>) -> Result<(), SegmentError> {
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
