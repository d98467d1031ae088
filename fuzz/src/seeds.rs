//! Segments to start from: one with an object of every kind, as small as possible, and damaged
//! copies of it.

use std::fs;

use breezeway::queue::{Queue, bytes, spsc};
use breezeway::sync::Mutex;
use breezeway::{Array, Atomic, Journaled, Segment, SegmentError, Value};

use crate::repair::{DIRECTORY_USED_AT, ENTRY_LEN, FLAGS_AT};
use crate::scratch::File;

/// The length of the seeds' segments: two pages.
const LENGTH: u64 = 8192;
const PARTICIPANTS: u32 = 2;
const OBJECTS: u32 = 12;

/// The number of objects in the seeds.
pub const KINDS: usize = OBJECTS as usize - 1;

/// The offset of the seeds' directory.
pub const DIRECTORY_AT: usize = 256 + 64 * PARTICIPANTS as usize;

/// A sound segment with an object of every kind that the target looks for.
pub fn sound() -> Result<Vec<u8>, SegmentError> {
    let file = File::absent();
    let options = Segment::builder().participants(PARTICIPANTS).objects(OBJECTS);
    let segment = options.create_file(file.path(), LENGTH)?;
    segment.add::<Value<u64>>("value", 7)?;
    segment.add::<Value<[u64; 9]>>("long value", [7; 9])?;
    segment.add::<Array<u8>>("array", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10])?;
    segment.add::<Array<[u64; 3]>>("long elements", &[[1, 2, 3], [4, 5, 6]])?;
    segment.add::<Array<bool>>("bools", &[true, false, true])?;
    segment.add::<Array<u64>>("journaled", Journaled([1, 2, 3]))?;
    segment.add::<Atomic<u64>>("atomic", 7)?;
    segment.add::<Mutex>("mutex", ())?;
    let jobs = segment.add::<Queue<u64>>("queue", 2)?;
    let (mut values, _) = spsc::add::<u64>(&segment, "spsc", 2)?;
    let (mut messages, _) = bytes::add(&segment, "bytes", 64)?;
    // Pushes whatever fits into an empty queue.
    let _ = (jobs.try_push(7), values.try_push(7), messages.try_push(b"seven"));
    drop((jobs, values, messages));
    drop(segment);
    let read = fs::read(file.path());
    let mut bytes = read.map_err(|source| SegmentError::Os { operation: "read the segment back", source })?;
    // Clear what differs between runs: the segment's id and time of birth, and its participants.
    for differs in [32..52, 88..112, 256..DIRECTORY_AT] {
        bytes[differs].fill(0);
    }
    Ok(bytes)
}

/// The seeds: for each a name and an input.
pub fn all() -> Result<Vec<(&'static str, Vec<u8>)>, SegmentError> {
    let sound = sound()?;
    let entry = |index: usize| DIRECTORY_AT + index * ENTRY_LEN;
    let object = |index: usize| -> usize {
        let offset = &sound[entry(index) + 72..][..8];
        offset.iter().rev().fold(0, |offset, byte| offset << 8 | usize::from(*byte))
    };
    let input = |level: u8, changes: &[(usize, &[u8])]| {
        let mut bytes = sound.clone();
        for (at, change) in changes {
            bytes[*at..][..change.len()].copy_from_slice(change);
        }
        bytes.insert(0, level);
        bytes
    };
    let word = |n: u64| n.to_ne_bytes();
    let dead = (4_000_000_u32 | 1 << 31).to_ne_bytes();
    Ok(vec![
        ("sound", input(0, &[])),
        ("sound_repaired", input(5, &[])),
        ("empty", vec![0]),
        ("header_only", input(0, &[])[..=256].to_vec()),
        ("truncated", input(0, &[])[..=2048].to_vec()),
        ("other_version", input(0, &[(12, &2_u32.to_ne_bytes())])),
        ("too_long", input(0, &[(24, &word(LENGTH * 2))])),
        ("stale", input(0, &[(FLAGS_AT, &word(0))])),
        ("too_many_participants", input(0, &[(52, &u32::MAX.to_ne_bytes())])),
        ("dead_participant", input(0, &[(256, &1_u32.to_ne_bytes())])),
        ("too_many_objects", input(0, &[(DIRECTORY_USED_AT, &word(u64::MAX))])),
        ("object_without_name", input(0, &[(entry(1), &[0])])),
        ("name_without_end", input(0, &[(entry(1), &[b'x'; 64])])),
        ("unknown_kind", input(0, &[(entry(2) + 64, &77_u32.to_ne_bytes())])),
        ("object_outside", input(0, &[(entry(3) + 72, &word(LENGTH - 128))])),
        ("objects_overlap", input(0, &[(entry(3) + 72, &word(object(2) as u64))])),
        ("wrong_length", input(0, &[(entry(2) + 80, &word(1))])),
        ("wrong_count", input(0, &[(entry(2) + 96, &word(u64::MAX / 2))])),
        ("held_by_dead_thread", input(0, &[(object(0), &dead), (object(3), &dead), (128, &dead)])),
        ("not_a_lock", input(0, &[(object(0) + 16, &[0xff; 4])])),
        ("unrecoverable", input(0, &[(object(0) + 8, &0x7fff_fffe_u32.to_ne_bytes())])),
        ("pending", input(0, &[(object(5) + 56, &word(2)), (object(5) + 64, &word(1))])),
        ("pending_too_many", input(0, &[(object(5) + 56, &word(u64::MAX))])),
        ("pending_elsewhere", input(0, &[(object(3) + 56, &word(1)), (object(3) + 64, &word(u64::MAX))])),
        ("far_version", input(0, &[(object(1) + 56, &word(u64::MAX))])),
        (
            "slot_of_unknown_participant",
            input(0, &[(object(8) + 384, &word(7 << 4 | 1)), (object(8), &word(1))]),
        ),
        ("slot_of_no_state", input(0, &[(object(8) + 384, &word(15))])),
        ("far_tail", input(0, &[(object(8), &word(u64::MAX)), (object(9), &word(u64::MAX))])),
        ("far_head", input(0, &[(object(8) + 128, &word(u64::MAX)), (object(10) + 128, &word(3))])),
        ("no_message", input(0, &[(object(10) + 384, &word(u64::MAX))])),
        (
            "endpoints_of_unknown_participants",
            input(0, &[(object(9) + 256, &word(u64::MAX)), (object(10) + 256, &word(2 << 16 | 1))]),
        ),
        ("not_a_bool", input(0, &[(object(4) + 64, &[2, 3, 255])])),
    ])
}

/// Programs for the targets that run one: an arbitrary program for each kind.
pub fn programs() -> Vec<(String, Vec<u8>)> {
    let program = |kind: u8| {
        let mut state = u64::from(kind) + 1;
        let mut bytes: Vec<u8> = (0..200)
            .map(|_| {
                // Knuth's MMIX generator.
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 56) as u8
            })
            .collect();
        bytes[0] = kind;
        (format!("kind_{kind}"), bytes)
    };
    (0..6).map(program).collect()
}
