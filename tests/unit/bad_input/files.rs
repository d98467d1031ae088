//! Files that are not segments, are from another machine, truncated, of another owner, or have an
//! invalid header.

use std::fs::{self, OpenOptions, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};

use breezeway::{Array, Journaled, Segment, SegmentError, Value};
use support::Watchdog;
use support::scratch::Scratch;

use super::victim::{ARENA_AT, DIRECTORY_AT, LENGTH, PARTICIPANTS_AT, Victim};
use super::{assert_refused, refused};

/// What opening says, the same for a file and a name, after these bytes were written to it.
#[track_caller]
fn opening_after(offset: u64, bytes: &[u8]) -> SegmentError {
    let [file, named] = Victim::both(|_| ()).map(|victim| {
        victim.patch(offset, bytes);
        let error = refused(victim.open());
        // Neither does anybody replace it, whatever it is.
        assert_refused!(victim.replace(), SegmentError::AlreadyExists { .. });
        error
    });
    assert_eq!(format!("{file:?}"), format!("{named:?}"));
    file
}

#[track_caller]
fn corrupt_header(offset: u64, bytes: &[u8]) {
    let error = opening_after(offset, bytes);
    match error {
        SegmentError::Corrupt { what, offset: told } if told == offset && !what.is_empty() => {}
        other => panic!("{other:?}"),
    }
    assert!(error.to_string().contains(&offset.to_string()));
}

#[test]
fn open_undamaged_segment_succeeds() {
    for victim in Victim::both(|_| ()) {
        assert_eq!(victim.open().unwrap().get::<Value<u64>>("value").unwrap().get(), 7);
        victim.remove().unwrap();
    }
}

#[test]
fn open_other_file_returns_not_a_segment() {
    assert!(matches!(opening_after(0, b"breezewy"), SegmentError::NotASegment { .. }));
    assert!(matches!(opening_after(7, b"\0"), SegmentError::NotASegment { .. }));
    assert!(matches!(opening_after(0, &[0; 256]), SegmentError::NotASegment { .. }));

    let scratch = Scratch::new("other");
    let path = scratch.file("noise");
    let mut noise = 0x2545_f491_4f6c_dd1d_u64;
    let bytes = std::iter::repeat_with(|| {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        noise as u8
    });
    let bytes: Vec<u8> = bytes.take(70_000).collect();
    for length in [1, 7, 8, 255, 256, 4096, 70_000] {
        fs::write(&path, &bytes[..length]).unwrap();
        assert_refused!(Segment::open_file(&path), SegmentError::NotASegment { .. });
        assert_refused!(Segment::remove_file(&path), SegmentError::NotASegment { .. });
    }
}

#[test]
fn open_other_machine_or_version_fails() {
    let foreign =
        |offset, bytes: &[u8]| assert!(matches!(opening_after(offset, bytes), SegmentError::ForeignMachine));
    foreign(8, &0x0102_0304_u32.swap_bytes().to_ne_bytes());
    foreign(8, &[0; 4]);
    foreign(16, &32_u32.to_ne_bytes());
    foreign(16, &0_u32.to_ne_bytes());
    for version in [0, 1, 3, u32::MAX] {
        let error = opening_after(12, &version.to_ne_bytes());
        assert!(matches!(error, SegmentError::WrongVersion { expected: 2, found } if found == version));
    }
    // It may go, though: that is for its user to say.
    for victim in Victim::both(|_| ()) {
        victim.patch(12, &9_u32.to_ne_bytes());
        victim.remove().unwrap();
        assert!(!victim.path().exists());
    }
}

#[test]
fn open_truncated_file_returns_truncated() {
    for victim in Victim::both(|_| ()) {
        let whole = fs::read(victim.path()).unwrap();
        for length in [8191, 4097, 4096, 1153, 1152, 384, 257, 256] {
            fs::write(victim.path(), &whole[..length]).unwrap();
            assert_refused!(
                victim.open(),
                SegmentError::Truncated { expected: LENGTH, found } if found == length as u64
            );
            assert_refused!(victim.replace(), SegmentError::AlreadyExists { .. });
        }
        for length in [255, 128, 30, 9, 8] {
            fs::write(victim.path(), &whole[..length]).unwrap();
            assert_refused!(
                victim.open(),
                SegmentError::Truncated { expected: 256, found } if found == length as u64
            );
        }
        // So short that it may be anything.
        for length in [7, 1] {
            fs::write(victim.path(), &whole[..length]).unwrap();
            assert_refused!(victim.open(), SegmentError::Truncated { .. } | SegmentError::NotASegment { .. });
        }
        fs::write(victim.path(), "").unwrap();
        assert_refused!(victim.open(), SegmentError::NotASegment { .. });
        fs::write(victim.path(), &whole[..300]).unwrap();
        victim.remove().unwrap();
    }
}

#[test]
fn open_file_longer_than_header_says_returns_corrupt() {
    for victim in Victim::both(|_| ()) {
        OpenOptions::new().write(true).open(victim.path()).unwrap().set_len(LENGTH + 4096).unwrap();
        assert_refused!(victim.open(), SegmentError::Corrupt { offset: 24, .. });
    }
}

#[test]
fn open_invalid_table_counts_returns_corrupt() {
    for count in [0_u32, 1, 3, 65_535, 65_536, 1 << 31, u32::MAX] {
        // Other numbers of entries than the offsets are for are told by the first offset that disagrees.
        let at = |is_possible: bool, table: u64, count_at: u64| if is_possible { table } else { count_at };
        let is_possible = (1..=65_535).contains(&count);
        for (count_at, table) in [(52, 72), (56, 80)] {
            let error = opening_after(count_at, &count.to_ne_bytes());
            let expected = at(is_possible, table, count_at);
            assert!(
                matches!(error, SegmentError::Corrupt { offset, .. } if offset == expected),
                "{count}: {error:?}"
            );
        }
    }
}

#[test]
fn open_invalid_table_offsets_returns_corrupt() {
    let offsets = [
        0,
        1,
        128,
        PARTICIPANTS_AT,
        DIRECTORY_AT,
        ARENA_AT,
        LENGTH,
        LENGTH * 2,
        1 << 40,
        i64::MAX as u64,
        u64::MAX,
    ];
    for (field, right) in [(64, PARTICIPANTS_AT), (72, DIRECTORY_AT), (80, ARENA_AT)] {
        for offset in offsets.into_iter().filter(|offset| *offset != right) {
            corrupt_header(field, &offset.to_ne_bytes());
        }
    }
}

#[test]
fn open_length_mismatch_returns_corrupt_or_truncated() {
    for length in [0, 1, 256, ARENA_AT - 1, ARENA_AT, 4096, LENGTH - 1] {
        corrupt_header(24, &length.to_ne_bytes());
    }
    for length in [LENGTH + 1, 2 * LENGTH, 1 << 62, u64::MAX] {
        let error = opening_after(24, &length.to_ne_bytes());
        assert!(matches!(error, SegmentError::Truncated { expected, found: LENGTH } if expected == length));
    }
    // A file that ends where the header says, but before its tables do.
    for victim in Victim::both(|_| ()) {
        victim.patch(24, &(ARENA_AT - 128).to_ne_bytes());
        OpenOptions::new().write(true).open(victim.path()).unwrap().set_len(ARENA_AT - 128).unwrap();
        assert_refused!(victim.open(), SegmentError::Corrupt { offset: 24, .. });
    }
}

#[test]
fn open_accessible_to_others_returns_too_open() {
    for (mode, group, other) in [
        (0o666, true, true),
        (0o620, true, false),
        (0o602, false, true),
        (0o640, true, false),
        (0o604, false, true),
    ] {
        for victim in Victim::both(|_| ()) {
            fs::set_permissions(victim.path(), Permissions::from_mode(mode)).unwrap();
            assert_refused!(victim.open(), SegmentError::TooOpen { mode: told } if told == mode);
            let half = Segment::builder().group_access(!group).other_access(!other);
            assert_refused!(victim.open_with(&half), SegmentError::TooOpen { .. });
            victim.open_with(&Segment::builder().group_access(group).other_access(other)).unwrap();
        }
    }
}

#[test]
fn open_foreign_owner_returns_foreign_owner() {
    if !rustix::process::geteuid().is_root() {
        return; // Only root can give a file away.
    }
    for victim in Victim::both(|_| ()) {
        chown(victim.path(), Some(65_534), None).unwrap();
        assert_refused!(victim.open(), SegmentError::ForeignOwner { uid: 65_534 });
        assert_refused!(victim.replace(), SegmentError::AlreadyExists { .. });
        victim.open_with(&Segment::builder().foreign_owner(true)).unwrap();
    }
}

/// Any byte may be any other: that is an error, or a segment whose every part can be asked for everything.
#[test]
fn open_with_any_single_byte_changed_never_panics() {
    let _watchdog = Watchdog::start(120);
    let victim = Victim::named(|segment| {
        segment.add::<Value<bool>>("checked", false).unwrap();
        segment.add::<Array<u16>>("journaled", Journaled([1, 2, 3])).unwrap();
        segment.add::<Array<[u64; 3]>>("large", [[1; 3], [2; 3]]).unwrap();
    });
    let whole = fs::read(victim.path()).unwrap();
    let used = victim.offset_of("large") as usize + 64 + 64 + 48;
    for (at, byte) in whole[..used].iter().enumerate() {
        for change in [0x01, 0x80, 0xff] {
            victim.patch(at as u64, &[byte ^ change]);
            if let Ok(segment) = victim.open() {
                ask_for_everything(&segment);
            }
            fs::write(victim.path(), &whole).unwrap();
        }
    }
    ask_for_everything(&victim.open().unwrap());
}

fn ask_for_everything(segment: &Segment) {
    let _ = (segment.objects(), segment.participants(), segment.reap());
    if let Ok(value) = segment.get::<Value<u64>>("value") {
        let _ = (value.get(), value.set(1), value.lock().map(|value| *value));
    }
    if let Ok(value) = segment.get::<Value<bool>>("checked") {
        let _ = (value.get_checked(), value.lock().map(|value| *value), value.set(true));
    }
    if let Ok(array) = segment.get::<Array<u16>>("journaled") {
        let _ = (array.to_vec(), array.get(2), array.lock().map(|mut array| array[0] = 2), array.set(2, 1));
    }
    if let Ok(array) = segment.get::<Array<[u64; 3]>>("large") {
        let _ = (
            array.to_vec(),
            array.get(1),
            array.lock().map(|mut array| array[0] = [2; 3]),
            array.set(1, [1; 3]),
        );
    }
    let _ = segment.add::<Value<u64>>("more", 1);
    let _ = segment.get_or_add::<Value<u64>>("value", 1);
}
