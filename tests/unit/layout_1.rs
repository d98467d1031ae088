//! The bytes of a segment of ABI version 1, and what this version says of it: that it is of another version, and nothing else.
//! It reads no further, changes nothing, and replaces nothing.
//!
//! Version 1 had the C library's robust mutex in the place of each lock, and no highest id in the header.

use std::fs;

use breezeway::{Segment, SegmentError, Value};
use support::scratch::{Name, Scratch};

const LENGTH: usize = 4096;
const PARTICIPANTS_AT: usize = 256;
const DIRECTORY_AT: usize = 448;
const ARENA_AT: usize = 640;

/// A segment for 3 participants, of whom one died attached, and one object: a `Value<u64>` of 7, called "small".
fn segment() -> Vec<u8> {
    let mut bytes = vec![0; LENGTH];
    let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
    put(0, b"BREEZEWY");
    for (at, number) in [(8, 0x0102_0304), (12, 1), (16, 64), (48, 4711), (52, 3), (56, 1)] {
        put(at, &u32::to_le_bytes(number)); // byte order, ABI version, pointer width, creator, participants, objects
    }
    put(24, &(LENGTH as u64).to_le_bytes());
    put(32, b"sixteen bytes id");
    for (at, place) in [(64, PARTICIPANTS_AT), (72, DIRECTORY_AT), (80, ARENA_AT)] {
        put(at, &(place as u64).to_le_bytes());
    }
    for (at, number) in
        [(88, 1_764_000_000_000_000_000), (96, 12_345), (104, 4_026_531_836), (112, 1), (120, 1)]
    {
        put(at, &u64::to_le_bytes(number)); // made at, creator's start and pid namespace, persists, objects that count
    }
    // The directory's lock and the value's: mutexes of the C library, robust and shared.
    for lock in [128, ARENA_AT] {
        put(lock + 16, &144_u32.to_le_bytes());
    }
    for (at, number) in [(0, 1), (4, 4711)] {
        put(PARTICIPANTS_AT + at, &u32::to_le_bytes(number)); // taken, pid
    }
    put(DIRECTORY_AT, b"small");
    for (at, number) in [(64, 1), (68, 8)] {
        put(DIRECTORY_AT + at, &u32::to_le_bytes(number)); // kind, alignment
    }
    for (at, number) in [(72, ARENA_AT as u64), (80, 64), (88, 8), (96, 1), (104, 0x4d35_d319_3e8d_66f2)] {
        put(DIRECTORY_AT + at, &u64::to_le_bytes(number)); // offset, length, element's size, count, hash of the type
    }
    put(DIRECTORY_AT + 128, b"u64");
    put(ARENA_AT + 56, &7_u64.to_le_bytes());
    bytes
}

fn assert_wrong_version<T: std::fmt::Debug>(result: Result<T, SegmentError>) {
    assert!(matches!(result, Err(SegmentError::WrongVersion { expected: 2, found: 1 })), "{result:?}");
}

#[test]
fn segment_of_version_1_is_wrong_version() {
    let (name, scratch) = (Name::new("version-1"), Scratch::new("version-1"));
    for path in [name.path(), scratch.file("segment")] {
        fs::write(&path, segment()).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let is_named = path == name.path();
        if is_named {
            assert_wrong_version(Segment::open(&name));
            assert_wrong_version(Value::<u64>::open(&name));
            assert_wrong_version(Segment::open_or_create(&name, 8192));
            assert_wrong_version(Value::open_or_create(&name, 8_u64));
            assert!(matches!(Segment::create(&name, 1 << 16), Err(SegmentError::AlreadyExists { .. })));
        } else {
            assert_wrong_version(Segment::open_file(&path));
            let taken = Segment::create_file(&path, 1 << 16);
            assert!(matches!(taken, Err(SegmentError::AlreadyExists { .. })));
        }
        assert_eq!(fs::read(&path).unwrap(), segment(), "nothing was changed");
        // Its user may say that it is to go.
        if is_named { Segment::remove(&name) } else { Segment::remove_file(&path) }.unwrap();
        assert!(!path.exists());
    }
}
