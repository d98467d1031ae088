//! Options for creating and opening a segment.

#![allow(unsafe_code)]

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};

use breezeway::{Segment, SegmentError, Value};
use support::scratch::{Name, Scratch};

const SIZE: u64 = 1 << 16;

/// A user that is not this one.
const NOBODY: u32 = 65_534;

/// Only root can become somebody else; other users pass the tests about that by.
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn length_is_rounded_up_to_pages() {
    let (name, scratch) = (Name::new("length"), Scratch::new("length"));
    // By default their number is the machine's.
    let builder = Segment::builder().participants(128);
    for (asked, given) in [(20_736, 24_576), (24_575, 24_576), (24_576, 24_576), (24_577, 28_672)] {
        let named = builder.create(&name, asked).unwrap();
        assert_eq!((named.len(), fs::metadata(name.path()).unwrap().len()), (given, given));
        assert_eq!(Segment::open(&name).unwrap().len(), given);
        let path = scratch.file(&asked.to_string());
        assert_eq!(builder.create_file(&path, asked).unwrap().len(), given);
        assert_eq!(fs::metadata(path).unwrap().len(), given);
        assert_eq!(builder.create_anonymous(asked).unwrap().len(), given);
    }
}

#[test]
fn create_allocates_all_blocks() {
    let name = Name::new("allocated");
    let _segment = Segment::create(&name, 1 << 20).unwrap();
    assert!(fs::metadata(name.path()).unwrap().blocks() * 512 >= 1 << 20);
}

#[test]
fn participants_and_objects_options_set_limits() {
    let name = Name::new("counts");
    let segment = Segment::builder().participants(1).objects(1).create(&name, 4096).unwrap();
    // One process has one slot, however often it opens the segment.
    let again = Segment::open(&name).unwrap();
    assert_eq!((segment.participant_id().unwrap(), again.participant_id().unwrap()), (1, 1));
    assert!((segment.was_created(), again.was_created()) == (true, false));
    drop(segment);
    assert!(!again.is_linked(), "the creator's last handle unlinks the name");

    let most = Segment::builder().participants(65_535).objects(65_535).create_anonymous(1 << 25).unwrap();
    most.add::<Value<u64>>("value", 1).unwrap();
    assert_eq!(most.participants().unwrap().len(), 1);
}

#[test]
fn open_writable_by_others_requires_access_options() {
    for (mode, group, other) in [
        (0o660, true, false),
        (0o620, true, false),
        (0o640, true, false),
        (0o644, true, true),
        (0o606, false, true),
        (0o604, false, true),
        (0o602, false, true),
        (0o666, true, true),
    ] {
        let name = Name::new("open");
        let _segment = Segment::builder().mode(mode).create(&name, SIZE).unwrap();
        for (allow_group, allow_other) in [(false, false), (true, false), (false, true), (true, true)] {
            let options = Segment::builder().group_access(allow_group).other_access(allow_other);
            match options.open(&name) {
                Ok(_) => assert!((allow_group || !group) && (allow_other || !other), "{mode:o}"),
                Err(SegmentError::TooOpen { mode: found }) => {
                    assert_eq!(found, mode);
                    assert!((group && !allow_group) || (other && !allow_other), "{mode:o}");
                }
                Err(error) => panic!("{error:?}"),
            }
            assert_eq!(options.open_or_create(&name, SIZE).is_ok(), options.open(&name).is_ok());
        }
        assert!(matches!(Value::<u64>::open(&name), Err(SegmentError::TooOpen { .. })));
    }
    for mode in [0o600, 0o610, 0o700, 0o711] {
        let name = Name::new("closed");
        let _segment = Segment::builder().mode(mode).create(&name, SIZE).unwrap();
        Segment::open(&name).unwrap();
    }
}

#[test]
fn open_file_foreign_owner_requires_option() {
    if !is_root() {
        return;
    }
    let scratch = Scratch::new("owner");
    let path = scratch.file("segment");
    Segment::create_file(&path, SIZE).unwrap();
    chown(&path, Some(NOBODY), None).unwrap();
    assert!(matches!(Segment::open_file(&path), Err(SegmentError::ForeignOwner { uid: NOBODY })));
    Segment::builder().foreign_owner(true).open_file(&path).unwrap();
}

#[test]
fn huge_pages_option_is_a_hint() {
    let (name, scratch) = (Name::new("huge"), Scratch::new("huge"));
    let options = Segment::builder().huge_pages(true);
    let length = 4 << 20;
    let segments = [
        options.create(&name, length).unwrap(),
        options.open(&name).unwrap(),
        options.create_file(scratch.file("segment"), length).unwrap(),
        options.open_file(scratch.file("segment")).unwrap(),
        options.create_anonymous(length).unwrap(),
    ];
    for segment in segments {
        assert_eq!(segment.len(), length);
        segment.get_or_add::<Value<[u64; 4]>>("value", [1; 4]).unwrap().set([2; 4]).unwrap();
    }
}

/// The flags that the kernel has for each mapping of a file, by the file's path.
fn mapping_flags(path: &std::path::Path) -> Vec<String> {
    let text = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let mut flags = Vec::new();
    let mut is_it = false;
    for line in text.lines() {
        if let Some(found) = line.strip_prefix("VmFlags:") {
            if is_it {
                flags.push(found.to_owned());
            }
        } else if line.split(' ').next().is_some_and(|first| first.contains('-')) {
            is_it = line.ends_with(path.to_str().unwrap());
        }
    }
    flags
}

#[test]
fn core_dumps_option_is_off_by_default() {
    for (wanted, options) in [(false, Segment::builder()), (true, Segment::builder().core_dumps(true))] {
        let (name, scratch) = (Name::new("dump"), Scratch::new("dump"));
        let path = scratch.file("segment");
        let segments = [
            options.create(&name, SIZE).unwrap(),
            options.open(&name).unwrap(),
            options.create_file(&path, SIZE).unwrap(),
            options.open_file(&path).unwrap(),
        ];
        for path in [name.path(), path] {
            // `dd` is "do not include area into core dump". A mapping that cannot be accessed has
            // no contents to be dumped.
            let flags = mapping_flags(&path);
            let mut readable = flags.iter().filter(|flags| flags.contains(" rd")).peekable();
            assert!(readable.peek().is_some(), "{flags:?}");
            assert!(readable.all(|flags| flags.contains(" dd") != wanted), "{flags:?}");
        }
        drop(segments);
    }
}
