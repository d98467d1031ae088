//! Repairs bytes so that they look more like a segment, and the fuzzer gets past the first checks.
//!
//! Each level repairs one thing more than the level below; the rest stays as the fuzzer made it.

use std::sync::OnceLock;

use crate::seeds;

/// The size of a directory entry.
pub const ENTRY_LEN: usize = 192;
/// The offset of the header's flags.
pub const FLAGS_AT: usize = 112;
/// The offset of the header's number of directory entries.
pub const DIRECTORY_USED_AT: usize = 120;

const HEADER_LEN: usize = 256;
const PARTICIPANT_LEN: usize = 64;
const OBJECT_ALIGN: usize = 128;
/// The offset of a lock's mutex kind, from the lock's start.
const LOCK_KIND_AT: usize = 16;

/// Repairs the bytes up to a level: 0 changes nothing, 5 is the highest.
pub fn repair(level: u8, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let level = level % 6;
    if level == 0 || bytes.len() < HEADER_LEN {
        return bytes;
    }
    header(&mut bytes);
    if level >= 2 {
        let directory = tables(&mut bytes);
        if level >= 3 {
            directory.repair(&mut bytes, level >= 4, level >= 5);
        }
    }
    bytes
}

/// A sound segment to copy from.
fn model() -> &'static [u8] {
    static MODEL: OnceLock<Vec<u8>> = OnceLock::new();
    MODEL.get_or_init(|| seeds::sound().expect("a place for a small file"))
}

/// Sets magic, version, byte order and pointer width; the length; and the persistent flag, since
/// any other segment is stale.
fn header(bytes: &mut [u8]) {
    bytes[..20].copy_from_slice(&model()[..20]);
    put(bytes, 24, bytes.len() as u64);
    bytes[FLAGS_AT] |= 1;
}

/// Limits the numbers of participants and objects, and places the tables after them.
fn tables(bytes: &mut [u8]) -> Directory {
    let participants = 1 + usize::from(bytes[52] % 4);
    let capacity = 1 + usize::from(bytes[56] % 12);
    let directory_at = HEADER_LEN + participants * PARTICIPANT_LEN;
    let arena_at = (directory_at + capacity * ENTRY_LEN).next_multiple_of(OBJECT_ALIGN);
    bytes[52..56].copy_from_slice(&(participants as u32).to_ne_bytes());
    bytes[56..60].copy_from_slice(&(capacity as u32).to_ne_bytes());
    put(bytes, 64, HEADER_LEN as u64);
    put(bytes, 72, directory_at as u64);
    put(bytes, 80, arena_at as u64);
    Directory { at: directory_at, capacity, arena_at }
}

struct Directory {
    at: usize,
    capacity: usize,
    arena_at: usize,
}

impl Directory {
    /// Gives each used entry a name, and places the objects one after the other. With `types`, each
    /// gets a type that the target looks for; with `locks`, each lock gets the right kind.
    fn repair(&self, bytes: &mut [u8], types: bool, locks: bool) {
        let used = get(bytes, DIRECTORY_USED_AT) as usize % (self.capacity + 1);
        put(bytes, DIRECTORY_USED_AT, used as u64);
        if locks && bytes.len() >= HEADER_LEN {
            copy_lock_kind(bytes, 128, 128);
        }
        let mut free_from = self.arena_at;
        for index in 0..used {
            let at = self.at + index * ENTRY_LEN;
            if bytes.len() < at + ENTRY_LEN {
                return;
            }
            bytes[at] = b'a' + index as u8;
            bytes[at + 1] = 0;
            let mut like = None;
            if types {
                let entry = seeds::DIRECTORY_AT + usize::from(bytes[at + 64]) % seeds::KINDS * ENTRY_LEN;
                bytes[at + 64..at + ENTRY_LEN].copy_from_slice(&model()[entry + 64..entry + ENTRY_LEN]);
                like = Some(get(model(), entry + 72) as usize);
            }
            let offset = free_from.next_multiple_of(OBJECT_ALIGN);
            let length = get(bytes, at + 80).min(bytes.len().saturating_sub(offset) as u64);
            put(bytes, at + 72, offset as u64);
            put(bytes, at + 80, length);
            free_from = offset + length as usize;
            if let (true, Some(like)) = (locks, like) {
                copy_lock_kind(bytes, offset, like);
            }
        }
    }
}

fn copy_lock_kind(bytes: &mut [u8], lock: usize, model_lock: usize) {
    if let Some(kind) = bytes.get_mut(lock + LOCK_KIND_AT..lock + LOCK_KIND_AT + 4) {
        kind.copy_from_slice(&model()[model_lock + LOCK_KIND_AT..][..4]);
    }
}

fn get(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 8].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn put(bytes: &mut [u8], at: usize, number: u64) {
    bytes[at..at + 8].copy_from_slice(&number.to_ne_bytes());
}
