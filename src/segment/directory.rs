//! The directory: names of objects, append-only.
//!
//! | `directory_used` | meaning | who moves it |
//! |---|---|---|
//! | n | entries 0..n are complete, and so are their objects | the holder of the directory's lock, to n + 1, when the next entry and its object are complete: **this store is the commit** |
//!
//! Where the next object goes follows from the last entry that counts, so a process that dies while
//! it adds an object has taken nothing. Readers take no lock: an entry that counts never changes
//! again.

use super::memory::SegmentMemory;
use crate::error::SegmentError;
use crate::layout::header::{DirectoryEntry, field_text};
use crate::layout::{OBJECT_ALIGN, align_up};
use crate::primitive::Ordering;
use crate::raw::atomic_copy;
use crate::shareable;

/// Object names have at most this many bytes.
const LONGEST_NAME: usize = 63;

const ENTRY_WORDS: usize = size_of::<DirectoryEntry>() / atomic_copy::WORD;

/// The entries that count, each copied and checked: it has a name, and its object lies in the
/// arena, after that of the entry before.
pub(crate) fn entries(memory: &SegmentMemory) -> impl Iterator<Item = Result<DirectoryEntry, SegmentError>> {
    // ORDER: Acquire pairs with the Release in `append`: the entries and their objects are
    // complete.
    let used = memory.directory_used().load(Ordering::Acquire);
    let capacity = u64::from(memory.geometry.tables.directory_capacity);
    let overfull = (used > capacity)
        .then(|| Err(SegmentError::Corrupt { what: "how many objects there are", offset: offset_of_used() }));
    let count = if used > capacity { 0 } else { used as u32 };
    let mut free_from = memory.geometry.tables.arena_at;
    overfull.into_iter().chain((0..count).map(move |index| {
        let entry = load(memory, index);
        let at = memory.directory_entry_at(index);
        free_from = check(&entry, at, free_from, memory.geometry.total_len)?;
        Ok(entry)
    }))
}

/// Checks the entry at `at`, of a segment of `total_len` bytes whose objects so far end at
/// `free_from`. Returns where the entry's own object ends.
pub(crate) fn check(
    entry: &DirectoryEntry,
    at: u64,
    free_from: u64,
    total_len: u64,
) -> Result<u64, SegmentError> {
    let wrong = |what| Err(SegmentError::Corrupt { what, offset: at });
    if field_text(&entry.name).is_none_or(str::is_empty) {
        return wrong("an object's name");
    }
    let end = entry.offset.checked_add(entry.length);
    match end.filter(|end| *end <= total_len) {
        Some(end) if entry.offset >= free_from && entry.offset.is_multiple_of(OBJECT_ALIGN) => Ok(end),
        _ => wrong("where an object lies"),
    }
}

fn offset_of_used() -> u64 {
    core::mem::offset_of!(crate::layout::header::Header, directory_used) as u64
}

fn load(memory: &SegmentMemory, index: u32) -> DirectoryEntry {
    let source = memory.words(memory.directory_entry_at(index), ENTRY_WORDS);
    shareable::read_bits(|bytes| atomic_copy::load(source, bytes))
}

/// The entry of this name, if there is one.
pub(super) fn find(memory: &SegmentMemory, name: &str) -> Result<Option<DirectoryEntry>, SegmentError> {
    for entry in entries(memory) {
        let entry = entry?;
        if field_text(&entry.name) == Some(name) {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

/// Checks that a name can be an object's.
pub(super) fn check_name(name: &str) -> Result<(), SegmentError> {
    let reason = if name.is_empty() {
        "it is empty"
    } else if name.len() > LONGEST_NAME {
        "it is longer than 63 bytes"
    } else if name.contains('\0') {
        "it contains a NUL"
    } else {
        return Ok(());
    };
    Err(SegmentError::InvalidName { name: name.to_owned(), reason })
}

/// The index of the next entry, and where an object of this length goes. The caller holds the
/// directory's lock.
pub(super) fn next_free(memory: &SegmentMemory, length: u64) -> Result<(u32, u64), SegmentError> {
    let mut used = 0;
    let mut free_from = memory.geometry.tables.arena_at;
    for entry in entries(memory) {
        let entry = entry?;
        free_from = entry.offset + entry.length;
        used += 1;
    }
    if used == memory.geometry.tables.directory_capacity {
        return Err(SegmentError::DirectoryFull { max: used });
    }
    let offset = align_up(free_from, OBJECT_ALIGN).unwrap_or(u64::MAX);
    match offset.checked_add(length) {
        Some(end) if end <= memory.geometry.total_len => Ok((used, offset)),
        _ => Err(SegmentError::OutOfSpace {
            needed: length,
            available: memory.geometry.total_len.saturating_sub(offset),
        }),
    }
}

/// Appends an entry, whose object is complete. The caller holds the directory's lock, and has the
/// index from `next_free`.
pub(super) fn append(memory: &SegmentMemory, index: u32, entry: &DirectoryEntry) {
    atomic_copy::store(
        memory.words(memory.directory_entry_at(index), ENTRY_WORDS),
        bytemuck::bytes_of(entry),
    );
    // ORDER: Release pairs with the Acquire in `entries`. The commit.
    memory.directory_used().store(u64::from(index) + 1, Ordering::Release);
}
