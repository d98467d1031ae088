//! Names and paths that are invalid, that do not exist, or that exist already.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use breezeway::sync::Mutex;
use breezeway::{Array, Atomic, Segment, SegmentError, Value};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use support::scratch::{Name, Scratch};
use support::unique;

use super::assert_refused;

const SIZE: u64 = 1 << 16;

/// A name of this many bytes.
fn name_of_length(length: usize) -> String {
    let start = unique("long-");
    let rest = "n".repeat(length - start.len());
    start + &rest
}

#[test]
fn create_open_remove_invalid_name_returns_invalid_name() {
    let too_long = [name_of_length(256), name_of_length(1000), format!("{}ü", name_of_length(254))];
    let others = ["", "/", "a/b", "/a", "a/", ".", "..", "a\0b", "\0", ".breezeway-", ".breezeway-x"];
    for name in others.into_iter().chain(too_long.iter().map(String::as_str)) {
        assert_refused!(
            Segment::create(name, SIZE),
            SegmentError::InvalidName { name: told, reason } if told == name && !reason.is_empty()
        );
        assert_refused!(Segment::open(name), SegmentError::InvalidName { .. });
        assert_refused!(Segment::open_or_create(name, SIZE), SegmentError::InvalidName { .. });
        assert_refused!(Segment::remove(name), SegmentError::InvalidName { .. });
        assert_refused!(Value::<u8>::create(name, 1), SegmentError::InvalidName { .. });
        assert_refused!(Value::<u8>::open(name), SegmentError::InvalidName { .. });
        assert_refused!(Value::<u8>::open_or_create(name, 1), SegmentError::InvalidName { .. });
        assert_refused!(Array::<u8>::create(name, 1), SegmentError::InvalidName { .. });
        assert_refused!(Atomic::<u8>::open(name), SegmentError::InvalidName { .. });
        assert_refused!(Mutex::create(name), SegmentError::InvalidName { .. });
        assert_refused!(Mutex::open_or_create(name), SegmentError::InvalidName { .. });
    }
}

#[test]
fn create_open_longest_and_odd_names() {
    let longest = [253, 254, 255].map(name_of_length);
    let mut odd = ["-", "...", " ", "ü\n", "breezeway", "%s"].map(|what| unique("odd") + what).to_vec();
    odd.push(format!(".hidden-{}", unique("odd")));
    for name in longest.into_iter().chain(odd) {
        let name = Name::exactly(name);
        let length = name.len();
        let segment = Segment::create(&name, SIZE).unwrap_or_else(|error| panic!("{length}: {error:?}"));
        let opened = Segment::open(&name).unwrap_or_else(|error| panic!("{length} bytes: {error:?}"));
        assert_eq!(segment.id(), opened.id());
        Segment::open_or_create(&name, SIZE).unwrap();
        Segment::remove(&name).unwrap();
    }
}

#[test]
fn create_file_open_file_invalid_path_is_invalid_name() {
    let with_nul = Path::new(std::ffi::OsStr::from_bytes(b"/a\0b"));
    for path in [Path::new(""), Path::new("/"), Path::new(".."), Path::new("/a/.."), with_nul] {
        assert_refused!(Segment::create_file(path, SIZE), SegmentError::InvalidName { .. });
        assert_refused!(Segment::open_file(path), SegmentError::InvalidName { .. });
        assert_refused!(Segment::remove_file(path), SegmentError::InvalidName { .. });
    }
}

/// What the system says of a path is passed on; the name is not taken for it.
#[test]
fn open_file_create_file_pass_os_errors_on() {
    let scratch = Scratch::new("paths");
    fs::write(scratch.file("file"), "no folder").unwrap();
    for path in [scratch.file(&"n".repeat(256)), scratch.file("file/segment")] {
        assert_refused!(Segment::open_file(&path), SegmentError::Os { .. });
        assert_refused!(Segment::remove_file(&path), SegmentError::Os { .. });
        assert_refused!(Segment::builder().open_or_create_file(&path, SIZE), SegmentError::Os { .. });
        assert_refused!(Segment::create_file(&path, SIZE), SegmentError::Os { .. });
    }
    let missing = scratch.file("missing/segment");
    assert_refused!(Segment::open_file(&missing), SegmentError::NotFound { .. });
    assert_refused!(
        Segment::create_file(&missing, SIZE),
        SegmentError::Os { source, .. } if source.kind() == ErrorKind::NotFound
    );
}

#[test]
fn add_get_invalid_object_name_returns_invalid_name() {
    let segment = Segment::new(SIZE).unwrap();
    let (longest, too_long) = ("n".repeat(63), "n".repeat(64));
    for name in ["", "a\0", "\0", &too_long, &format!("{}ü", "n".repeat(62))] {
        assert_refused!(
            segment.add::<Mutex>(name, ()),
            SegmentError::InvalidName { name: told, .. } if told == name
        );
        assert_refused!(segment.get::<Mutex>(name), SegmentError::InvalidName { .. });
        assert_refused!(segment.get_or_add::<Mutex>(name, ()), SegmentError::InvalidName { .. });
        assert_refused!(segment.tagged(1).add::<Mutex>(name, ()), SegmentError::InvalidName { .. });
    }
    for name in [&longest, "/", "..", "ü", " ", ".breezeway-x", "root"] {
        segment.add::<Mutex>(name, ()).unwrap();
        segment.get::<Mutex>(name).unwrap();
    }
    assert_refused!(segment.get::<Mutex>("nobody"), SegmentError::NoSuchObject { name } if name == "nobody");
}

#[test]
fn open_remove_missing_name_returns_not_found() {
    let name = Name::new("missing");
    assert_refused!(Segment::open(&name), SegmentError::NotFound { name: told } if *told == *name);
    assert_refused!(Segment::remove(&name), SegmentError::NotFound { .. });
    assert_refused!(Value::<u64>::open(&name), SegmentError::NotFound { .. });
    assert_refused!(Array::<u64>::open(&name), SegmentError::NotFound { .. });
    assert_refused!(Atomic::<u64>::open(&name), SegmentError::NotFound { .. });
    assert_refused!(Mutex::open(&name), SegmentError::NotFound { .. });
    assert!(!name.is_taken());
}

#[test]
fn create_over_live_segment_returns_already_exists() {
    let name = Name::new("live");
    let value = Value::<u64>::create(&name, 1).unwrap();
    assert_refused!(
        Segment::create(&name, SIZE),
        SegmentError::AlreadyExists { name: told } if *told == *name
    );
    assert_refused!(Value::<u64>::create(&name, 2), SegmentError::AlreadyExists { .. });
    assert_refused!(Mutex::create(&name), SegmentError::AlreadyExists { .. });
    assert_refused!(Mutex::open(&name), SegmentError::TypeMismatch { .. });
    assert_refused!(Mutex::open_or_create(&name), SegmentError::TypeMismatch { .. });
    assert_eq!(value.get(), 1);
    assert!(value.segment().is_linked());
}

/// Something that has the name and is no segment.
fn obstacle(what: &str, path: &Path, segment: &Path) {
    match what {
        "empty file" => fs::write(path, "").unwrap(),
        "text" => fs::write(path, "not a segment").unwrap(),
        "zeros" => fs::write(path, vec![0; 65_536]).unwrap(),
        "directory" => fs::create_dir(path).unwrap(),
        "fifo" => mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap(),
        "symlink to nothing" => symlink("/nowhere/at/all", path).unwrap(),
        "symlink to a segment" => symlink(segment, path).unwrap(),
        "symlink to itself" => symlink(path, path).unwrap(),
        _ => drop(UnixListener::bind(path).unwrap()),
    }
}

#[test]
fn open_create_remove_of_non_segment_files_fail() {
    let (scratch, real) = (Scratch::new("obstacles"), Name::new("real"));
    let segment = Value::<u64>::create(&real, 1).unwrap();
    let obstacles = [
        "empty file",
        "text",
        "zeros",
        "directory",
        "fifo",
        "symlink to nothing",
        "symlink to a segment",
        "symlink to itself",
        "socket",
    ];
    for what in obstacles {
        let name = Name::new("obstacle");
        obstacle(what, &name.path(), &real.path());
        assert_refused!(Segment::create(&name, SIZE), SegmentError::AlreadyExists { .. });
        assert_refused!(Value::<u64>::create(&name, 1), SegmentError::AlreadyExists { .. });
        assert_refused!(Segment::open(&name), SegmentError::NotASegment { what } if !what.is_empty());
        assert_refused!(Value::<u64>::open(&name), SegmentError::NotASegment { .. });
        assert_refused!(Segment::open_or_create(&name, SIZE), SegmentError::NotASegment { .. });
        assert_refused!(Value::<u64>::open_or_create(&name, 1), SegmentError::NotASegment { .. });
        assert_refused!(Segment::remove(&name), SegmentError::NotASegment { .. });
        assert!(name.is_taken(), "{what}");

        let path: PathBuf = scratch.file(what);
        obstacle(what, &path, &real.path());
        assert_refused!(Segment::create_file(&path, SIZE), SegmentError::AlreadyExists { .. });
        assert_refused!(Segment::open_file(&path), SegmentError::NotASegment { .. });
        assert_refused!(
            Segment::builder().open_or_create_file(&path, SIZE),
            SegmentError::NotASegment { .. }
        );
        assert_refused!(Segment::remove_file(&path), SegmentError::NotASegment { .. });
        assert!(path.symlink_metadata().is_ok(), "{what}");
    }
    assert_eq!(segment.get(), 1);
    assert!(segment.segment().is_linked());
}

#[test]
fn open_file_of_device_returns_not_a_segment() {
    assert_refused!(Segment::open_file("/dev/null"), SegmentError::NotASegment { .. });
    assert_refused!(Segment::open_file("/dev/zero"), SegmentError::NotASegment { .. });
    assert_refused!(Segment::create_file("/dev/null", SIZE), SegmentError::AlreadyExists { .. });
    assert_refused!(Segment::remove_file("/dev/null"), SegmentError::NotASegment { .. });
}
