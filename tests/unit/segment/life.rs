//! Names and their owners, and what remains when the last handle is dropped.

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use breezeway::sync::Mutex;
use breezeway::{Segment, SegmentError, Value};
use support::scratch::{Name, Scratch};

const SIZE: u64 = 1 << 16;

#[test]
fn create_then_open_same_segment() {
    let name = Name::new("made");
    let made = Segment::create(&name, SIZE).unwrap();
    let opened = Segment::open(&name).unwrap();
    assert_eq!((made.was_created(), opened.was_created()), (true, false));
    assert_eq!((made.name(), opened.name()), (Some(&*name), Some(&*name)));
    assert_eq!(made.path(), Some(name.path()));
    assert_eq!((made.id(), made.len()), (opened.id(), opened.len()));
    assert!(made.clone().was_created());
    assert!(made.is_linked() && opened.is_linked());
}

#[test]
fn open_or_create_was_created_tells_which() {
    let (name, scratch) = (Name::new("either"), Scratch::new("either"));
    let first = Segment::open_or_create(&name, SIZE).unwrap();
    let second = Segment::open_or_create(&name, SIZE).unwrap();
    assert_eq!((first.was_created(), second.was_created(), first.id()), (true, false, second.id()));

    let path = scratch.file("segment");
    let first = Segment::builder().open_or_create_file(&path, SIZE).unwrap();
    let second = Segment::builder().open_or_create_file(&path, SIZE).unwrap();
    assert_eq!((first.was_created(), second.was_created(), first.id()), (true, false, second.id()));
    assert_eq!((first.name(), first.path()), (None, Some(path)));

    let (name, value) = (Name::new("either"), 7_u64);
    let first = Value::<u64>::open_or_create(&name, value).unwrap();
    let second = Value::<u64>::open_or_create(&name, 8).unwrap();
    assert_eq!(
        (first.segment().was_created(), second.segment().was_created(), second.get()),
        (true, false, 7)
    );
}

#[test]
fn id_is_unique_per_segment() {
    let ids = [(); 50].map(|()| Segment::new(SIZE).unwrap().id());
    for (n, id) in ids.iter().enumerate() {
        assert!(*id != 0 && !ids[..n].contains(id));
    }
}

#[test]
fn remove_keeps_memory_of_current_users() {
    let name = Name::new("removed");
    let segment = Segment::create(&name, SIZE).unwrap();
    let value = segment.add::<Value<u64>>("value", 1).unwrap();
    let user = Segment::open(&name).unwrap();
    Segment::remove(&name).unwrap();

    assert!(!segment.is_linked() && !user.is_linked() && !name.is_taken());
    assert!(matches!(Segment::open(&name), Err(SegmentError::NotFound { name: lost }) if *lost == *name));
    assert!(matches!(Segment::remove(&name), Err(SegmentError::NotFound { .. })));
    value.set(2).unwrap();
    assert_eq!(user.get::<Value<u64>>("value").unwrap().get(), 2);
    user.add::<Mutex>("mutex", ()).unwrap();
}

#[test]
fn drop_of_creators_last_handle_removes_name() {
    let name = Name::new("last");
    let segment = Segment::create(&name, SIZE).unwrap();
    let value = segment.add::<Value<u64>>("value", 1).unwrap();
    let clone = value.clone();
    let opener = Segment::open(&name).unwrap();
    drop((segment, value));
    assert!(name.is_taken() && clone.segment().is_linked());
    drop(clone);
    assert!(!name.is_taken() && !opener.is_linked());
    assert_eq!(opener.get::<Value<u64>>("value").unwrap().get(), 1);
}

#[test]
fn drop_of_creator_keeps_later_segment_of_its_name() {
    let name = Name::new("successor");
    let first = Segment::create(&name, SIZE).unwrap();
    Segment::remove(&name).unwrap();
    let second = Segment::create(&name, SIZE).unwrap();
    assert_ne!(first.id(), second.id());
    drop(first);
    assert!(second.is_linked());
    assert_eq!(Segment::open(&name).unwrap().id(), second.id());
    drop(second);
    assert!(!name.is_taken());
}

#[test]
fn persist_segment_outlives_its_users() {
    let name = Name::new("persists");
    let value = Value::<u64>::create(&name, 1).unwrap();
    value.segment().persist(true);
    drop(value);
    let value = Value::<u64>::open(&name).unwrap();
    assert_eq!(value.get(), 1);
    // It is not the maker's any more, so ceasing to persist takes no name away.
    value.segment().persist(false);
    drop(value);
    assert!(matches!(Value::<u64>::open(&name), Err(SegmentError::Stale { .. })));

    let by_options = Name::new("persists");
    let segment = Segment::builder().persist(true).create(&by_options, SIZE).unwrap();
    assert!(matches!(Segment::create(&by_options, SIZE), Err(SegmentError::AlreadyExists { .. })));
    drop(segment);
    assert!(matches!(Segment::create(&by_options, SIZE), Err(SegmentError::AlreadyExists { .. })));
    assert!(!Segment::open_or_create(&by_options, SIZE).unwrap().was_created());
    Segment::remove(&by_options).unwrap();
}

#[test]
fn persist_false_file_is_removed_with_creator() {
    let scratch = Scratch::new("brief");
    let path = scratch.file("segment");
    let segment = Segment::builder().persist(false).create_file(&path, SIZE).unwrap();
    assert!(path.exists() && segment.is_linked());
    drop(segment);
    assert!(!path.exists());
}

#[test]
fn anonymous_segment_has_no_name_and_fixed_length() {
    let segment = Segment::new(SIZE).unwrap();
    assert!(segment.was_created());
    assert_eq!((segment.name(), segment.path()), (None, None));
    assert!(!segment.is_linked());
    let file = OpenOptions::new().read(true).write(true).open(descriptor_of(&segment)).unwrap();
    assert_eq!(file.metadata().unwrap().len(), segment.len());
    for len in [0, SIZE - 4096, SIZE + 4096] {
        assert_eq!(file.set_len(len).unwrap_err().kind(), ErrorKind::PermissionDenied);
    }
    assert_eq!(file.metadata().unwrap().len(), segment.len());
}

/// Among this process's open files, the one with the segment's id in its header.
fn descriptor_of(segment: &Segment) -> PathBuf {
    let is_it = |path: &PathBuf| {
        let mut id = [0; 16];
        let is_memory =
            fs::read_link(path).is_ok_and(|target| target.starts_with("/memfd:breezeway (deleted)"));
        let read = fs::File::open(path).and_then(|file| file.read_exact_at(&mut id, 32));
        is_memory && read.is_ok() && u128::from_ne_bytes(id) == segment.id()
    };
    let files = fs::read_dir("/proc/self/fd").unwrap().flatten();
    files.map(|file| file.path()).find(is_it).unwrap()
}

#[test]
fn debug_shows_name_and_no_contents() {
    let name = Name::new("debug");
    let segment = Segment::create(&name, SIZE).unwrap();
    let value = segment.add::<Value<u64>>("value", 1_234_567).unwrap();
    let text = format!("{segment:?} {value:?}");
    assert!(
        text.contains(&*name) && text.contains("65536") && text.contains(&format!("{:032x}", segment.id()))
    );
    assert!(!text.contains("1234567"));
    assert!(format!("{:?}", Segment::new(SIZE).unwrap()).contains("anonymous"));
    assert!(format!("{:?}", segment.tagged(0xfeed)).contains(&*name));
}
