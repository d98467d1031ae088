//! Invalid directories and participants tables.

use breezeway::sync::Mutex;
use breezeway::{Array, Atomic, Kind, Segment, SegmentError, Value};
use support::Watchdog;

use super::victim::{ARENA_AT, DIRECTORY_AT, LENGTH, PARTICIPANTS_AT, Victim};
use super::{assert_refused, refused};

/// The second object's entry; the first is that of "value".
const ENTRY_AT: u64 = DIRECTORY_AT + 192;

/// Fields of an entry.
const KIND: u64 = 64;
const ALIGN: u64 = 68;
const OFFSET: u64 = 72;
const SIZE: u64 = 80;
const ELEMENT_SIZE: u64 = 88;
const COUNT: u64 = 96;
const HASH: u64 = 104;
const FLAGS: u64 = 112;
const TYPE_NAME: u64 = 128;

fn with_array(segment: &Segment) {
    segment.add::<Array<u32>>("array", 8).unwrap();
}

/// Damages a field of the second entry, for those who come first and those who are there already, and hands over a segment that
/// is attached.
fn damaged(field: u64, bytes: &[u8]) -> [(Victim, Result<Segment, SegmentError>); 4] {
    let [one, two] = Victim::both(with_array);
    let [three, four] = Victim::both(with_array);
    [(one, false), (two, false), (three, true), (four, true)].map(|(victim, is_attached)| {
        let before = is_attached.then(|| victim.open().unwrap());
        victim.patch(ENTRY_AT + field, bytes);
        let segment = before.map_or_else(|| victim.open(), Ok);
        (victim, segment)
    })
}

/// The damage is found at the entry, by whoever looks.
#[track_caller]
fn assert_corrupt(field: u64, bytes: &[u8]) {
    for (_victim, segment) in damaged(field, bytes) {
        let Ok(segment) = segment else {
            assert_refused!(segment, SegmentError::Corrupt { offset: ENTRY_AT, .. });
            continue;
        };
        assert_refused!(segment.get::<Array<u32>>("array"), SegmentError::Corrupt { offset: ENTRY_AT, .. });
        assert_refused!(segment.get_or_add::<Array<u32>>("array", 8), SegmentError::Corrupt { .. });
        assert_refused!(segment.objects(), SegmentError::Corrupt { offset: ENTRY_AT, .. });
        assert_refused!(segment.add::<Mutex>("more", ()), SegmentError::Corrupt { offset: ENTRY_AT, .. });
        // What comes before the damage is as good as ever.
        assert_eq!(segment.get::<Value<u64>>("value").unwrap().get(), 7);
        segment.reap().unwrap();
    }
}

#[test]
fn directory_count_too_large_returns_corrupt() {
    for used in [5, 1 << 32, u64::MAX] {
        for victim in Victim::both(with_array) {
            let attached = victim.open().unwrap();
            victim.patch(120, &u64::to_ne_bytes(used));
            assert_refused!(attached.objects(), SegmentError::Corrupt { offset: 120, .. });
            assert_refused!(attached.get::<Value<u64>>("value"), SegmentError::Corrupt { offset: 120, .. });
            assert_refused!(attached.add::<Mutex>("more", ()), SegmentError::Corrupt { offset: 120, .. });
            assert_refused!(
                attached.get_or_add::<Mutex>("more", ()),
                SegmentError::Corrupt { offset: 120, .. }
            );
            attached.reap().unwrap();
            drop(attached);
            assert_refused!(victim.open(), SegmentError::Corrupt { offset: 120, .. });
            victim.patch(120, &2_u64.to_ne_bytes());
            victim.open().unwrap();
        }
    }
}

#[test]
fn directory_count_reset_to_zero_lists_nothing() {
    for victim in Victim::both(with_array) {
        victim.patch(120, &0_u64.to_ne_bytes());
        let segment = victim.open().unwrap();
        assert!(segment.objects().unwrap().is_empty());
        assert_refused!(segment.get::<Value<u64>>("value"), SegmentError::NoSuchObject { .. });
        assert_eq!(segment.add::<Value<u64>>("new", 1).unwrap().get(), 1);
    }
}

/// An entry that counts, though nobody made one.
#[test]
fn open_with_zeroed_directory_entry_returns_corrupt() {
    for victim in Victim::both(with_array) {
        victim.patch(120, &3_u64.to_ne_bytes());
        assert_refused!(victim.open(), SegmentError::Corrupt { .. });
    }
}

#[test]
fn object_offset_or_length_invalid_returns_corrupt() {
    let value_ends = ARENA_AT + 64;
    let offsets = [
        0,
        8,
        256,
        DIRECTORY_AT,
        ARENA_AT,
        value_ends,
        ARENA_AT + 129,
        ARENA_AT + 136,
        LENGTH,
        LENGTH + 128,
        1 << 40,
    ];
    for offset in offsets.into_iter().chain([LENGTH - 64, i64::MAX as u64, u64::MAX - 127, u64::MAX]) {
        assert_corrupt(OFFSET, &offset.to_ne_bytes());
    }
    for length in [LENGTH, LENGTH - 1152, 1 << 40, u64::MAX - 1279, u64::MAX] {
        assert_corrupt(SIZE, &length.to_ne_bytes());
    }
}

#[test]
fn object_name_invalid_returns_corrupt() {
    assert_corrupt(0, b"\xff\xfe");
    assert_corrupt(0, b"\0");
    assert_corrupt(0, &[b'a'; 64]);
    assert_corrupt(0, &[0xff; 64]);
}

#[test]
fn object_kind_unknown_returns_type_mismatch() {
    for kind in [0, 18, 99, u32::MAX] {
        for (_victim, segment) in damaged(KIND, &u32::to_ne_bytes(kind)) {
            let segment = segment.unwrap();
            assert_refused!(
                segment.get::<Array<u32>>("array"),
                SegmentError::TypeMismatch { found, .. } if found.contains(&kind.to_string())
            );
            assert_refused!(segment.get_or_add::<Array<u32>>("array", 8), SegmentError::TypeMismatch { .. });
            assert_refused!(segment.add::<Array<u32>>("array", 8), SegmentError::ObjectExists { .. });
            let kinds: Vec<_> = segment.objects().unwrap().iter().map(|object| object.kind).collect();
            assert_eq!(kinds, [Some(Kind::Value), None]);
            segment.add::<Mutex>("more", ()).unwrap();
        }
    }
}

#[test]
fn object_kind_or_type_differs_returns_type_mismatch() {
    for (field, bytes) in [
        (KIND, &1_u32.to_ne_bytes()[..]),
        (KIND, &3_u32.to_ne_bytes()),
        (KIND, &4_u32.to_ne_bytes()),
        (ALIGN, &8_u32.to_ne_bytes()),
        (ALIGN, &0_u32.to_ne_bytes()),
        (ELEMENT_SIZE, &8_u64.to_ne_bytes()),
        (ELEMENT_SIZE, &u64::MAX.to_ne_bytes()),
        (HASH, &0_u64.to_ne_bytes()),
    ] {
        for (_victim, segment) in damaged(field, bytes) {
            let error = refused(segment.unwrap().get::<Array<u32>>("array"));
            assert!(matches!(error, SegmentError::TypeMismatch { .. }), "{field}: {error:?}");
        }
    }
}

#[test]
fn object_type_name_invalid_does_not_prevent_get() {
    for bytes in [&[0xff; 64][..], &[b'a'; 64], &[0; 64]] {
        for (_victim, segment) in damaged(TYPE_NAME, bytes) {
            let segment = segment.unwrap();
            // It is for messages only.
            assert_eq!(segment.get::<Array<u32>>("array").unwrap().len(), 8);
            assert_refused!(segment.get::<Array<i8>>("array"), SegmentError::TypeMismatch { .. });
            assert!(segment.objects().unwrap()[1].type_name.len() < 64);
        }
    }
}

#[test]
fn object_count_or_flags_mismatch_returns_corrupt() {
    let counts = [0, 1, 9, 10, 1 << 32, 1 << 62, u64::MAX].map(|count: u64| (COUNT, count));
    let others = [
        (SIZE, 64),
        (SIZE, 63),
        (SIZE, 0),
        (SIZE, 88),
        (SIZE, 104),
        (FLAGS, 1),
        (FLAGS, 2),
        (FLAGS, u64::MAX),
    ];
    for (field, number) in counts.into_iter().chain(others) {
        for (_victim, segment) in damaged(field, &number.to_ne_bytes()) {
            let segment = segment.unwrap();
            assert_refused!(
                segment.get::<Array<u32>>("array"),
                SegmentError::Corrupt { offset, .. } if offset == ARENA_AT + 128
            );
            let asked = segment.get_or_add::<Array<u32>>("array", 8);
            assert_refused!(asked, SegmentError::Corrupt { .. } | SegmentError::TypeMismatch { .. });
        }
    }
    // Cells are one each, of one length.
    for (field, number) in [(COUNT, 0_u64), (COUNT, 2), (FLAGS, 1), (SIZE, 72), (SIZE, 8), (SIZE, 0)] {
        for victim in Victim::both(|segment| drop(segment.add::<Atomic<u8>>("atomic", 1))) {
            victim.patch(DIRECTORY_AT + field, &number.to_ne_bytes());
            victim.patch(ENTRY_AT + field, &(number + 1).to_ne_bytes());
            if (field, number) == (COUNT, 0) || (field, number) == (FLAGS, 0) {
                victim.patch(ENTRY_AT + field, &7_u64.to_ne_bytes());
            }
            let segment = victim.open().unwrap();
            assert_refused!(
                segment.get::<Value<u64>>("value"),
                SegmentError::Corrupt { offset: ARENA_AT, .. }
            );
            assert_refused!(segment.get::<Atomic<u8>>("atomic"), SegmentError::Corrupt { .. });
        }
    }
}

/// A lock of any bytes is one.
#[test]
fn add_with_damaged_directory_lock_succeeds() {
    let _watchdog = Watchdog::start(60);
    for byte in [0, 1, 0xff] {
        for victim in Victim::both(with_array) {
            victim.patch(128, &[byte; 64]);
            let segment = victim.open().unwrap();
            drop(segment.add::<Mutex>("more", ()).unwrap().lock().unwrap());
            assert!(segment.get_or_add::<Mutex>("more", ()).is_ok());
            assert_eq!(segment.get::<Array<u32>>("array").unwrap().to_vec(), [0; 8]);
        }
    }
}

/// The highest id that a participant ever had.
const HIGHEST_ID_AT: u64 = 200;

#[test]
fn participants_entries_of_any_bytes_count_as_dead() {
    let _watchdog = Watchdog::start(60);
    for byte in [0x01, 0x80, 0xff] {
        for victim in Victim::both(with_array) {
            victim.patch(PARTICIPANTS_AT, &[byte; 128]);
            // No lock of the kernel's speaks for them: they are dead, whatever they say of themselves.
            let segment = victim.open().unwrap();
            assert_eq!(segment.participant_id().unwrap(), 1);
            victim.patch(PARTICIPANTS_AT + 64, &[byte; 64]);
            victim.patch(HIGHEST_ID_AT, &2_u32.to_le_bytes());
            let all = segment.participants().unwrap();
            assert_eq!(
                all.iter().map(|one| (one.id, one.alive)).collect::<Vec<_>>(),
                [(1, true), (2, false)]
            );
            assert_eq!(segment.reap().unwrap(), 1);
            assert_eq!(segment.participants().unwrap().len(), 1);
            // Our own entry may be spoilt under us.
            victim.patch(PARTICIPANTS_AT, &[byte; 64]);
            assert!(segment.participants().unwrap()[0].alive);
            assert_eq!(segment.reap().unwrap(), 0);
            victim.patch(PARTICIPANTS_AT, &[0; 64]);
            segment.add::<Mutex>("more", ()).unwrap();
        }
    }
}
