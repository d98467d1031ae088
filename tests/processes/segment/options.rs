//! Options of a segment that depend on the process: umask, user, working directory.

#![allow(unsafe_code)]

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

use breezeway::{Segment, SegmentError, Value};
use support::scratch::{Name, Scratch};
use support::{Role, Watchdog, listen, role, say};

const SIZE: u64 = 1 << 16;

/// A user that is not this one.
const NOBODY: u32 = 65_534;

/// Only root can become somebody else; other users pass the tests about that by.
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn become_nobody() {
    // SAFETY: no memory is passed.
    assert_eq!(unsafe { libc::setgid(NOBODY) }, 0);
    // SAFETY: as above.
    assert_eq!(unsafe { libc::setuid(NOBODY) }, 0);
}

/// Child: makes segments of many modes under many umasks.
#[test]
fn masked() {
    let Some(arguments) = role() else { return };
    if arguments[0] == "nobody" {
        become_nobody();
    }
    let (name, path) = (Name::exactly(arguments[1].clone()), Path::new(&arguments[2]));
    for umask in [0o022, 0o077, 0o000, 0o777, 0o700, 0o600, 0o200] {
        rustix::process::umask(umask.into());
        for mode in [0o600, 0o660, 0o640, 0o666, 0o777] {
            let options = Segment::builder().mode(mode).group_access(true).other_access(true);
            let told = format!("mode {mode:o}, umask {umask:o}");
            let named = options.create(&name, SIZE).unwrap_or_else(|error| panic!("{told}: {error:?}"));
            assert_eq!(mode_of(&name.path()), mode, "{told}");
            options.open(&name).unwrap();
            let file = options.create_file(path, SIZE).unwrap_or_else(|error| panic!("{told}: {error:?}"));
            assert_eq!(mode_of(path), mode, "{told}");
            options.open_file(path).unwrap();
            options.create_anonymous(SIZE).unwrap();
            drop((named, file));
            Segment::remove_file(path).unwrap();
        }
    }
    say("done");
}

/// Child, as another user: tries to use a segment of this one, then makes one of its own.
#[test]
fn stranger() {
    let Some(arguments) = role() else { return };
    become_nobody();
    let (theirs, own) = (&arguments[0], &arguments[1]);
    let error = Segment::open(theirs).unwrap_err();
    say(&format!("{error:?}"));
    if listen() == "again" {
        let error = Segment::open(theirs).unwrap_err();
        assert!(matches!(error, SegmentError::ForeignOwner { uid: 0 }), "{error:?}");
        let error = Segment::open_or_create(theirs, SIZE).unwrap_err();
        assert!(matches!(error, SegmentError::ForeignOwner { uid: 0 }), "{error:?}");
        let options = Segment::builder().foreign_owner(true);
        assert!(matches!(options.open(theirs), Err(SegmentError::TooOpen { mode: 0o666 })));
        let segment = options.other_access(true).group_access(true).open(theirs).unwrap();
        segment.get::<Value<u64>>("value").unwrap().set(2).unwrap();
    }
    let segment = Segment::create(own, SIZE).unwrap();
    segment.add::<Value<u64>>("value", 3).unwrap();
    say("mine");
    listen();
}

/// Child: makes a segment in the folder it stands in.
#[test]
fn traveller() {
    let Some(arguments) = role() else { return };
    std::env::set_current_dir(&arguments[0]).unwrap();
    let segment = Segment::create_file("segment", SIZE).unwrap();
    segment.add::<Value<u64>>("value", 1).unwrap();
    assert!(segment.is_linked());
    assert_eq!(Segment::open_file("./segment").unwrap().id(), segment.id());
    // It is where it was made, wherever its maker goes.
    std::env::set_current_dir("/").unwrap();
    assert!(segment.is_linked());
    say("made");
    listen();
}

#[test]
fn the_mode_is_the_one_asked_for_whatever_the_umask() {
    let _watchdog = Watchdog::start(60);
    let (name, scratch) = (Name::new("umask"), Scratch::new("umask"));
    let path = scratch.file("segment");
    let mut masked = Role::spawn(masked, &["myself", &name, path.to_str().unwrap()]);
    assert_eq!(masked.hear(), "done");
}

#[test]
fn the_mode_is_the_one_asked_for_whatever_the_umask_of_an_ordinary_user() {
    if !is_root() {
        return;
    }
    let _watchdog = Watchdog::start(60);
    let (name, scratch) = (Name::new("umask"), Scratch::new("umask"));
    let path = scratch.file("segment");
    chown(path.parent().unwrap(), Some(NOBODY), Some(NOBODY)).unwrap();
    let mut masked = Role::spawn(masked, &["nobody", &name, path.to_str().unwrap()]);
    assert_eq!(masked.hear(), "done");
}

#[test]
fn what_is_somebody_elses_opens_only_where_that_is_meant() {
    if !is_root() {
        return;
    }
    let _watchdog = Watchdog::start(60);
    let (ours, theirs) = (Name::new("ours"), Name::new("theirs"));
    let value =
        Segment::builder().mode(0o600).create(&ours, SIZE).unwrap().add::<Value<u64>>("value", 1).unwrap();
    let mut stranger = Role::spawn(stranger, &[&ours, &theirs]);
    let refused = stranger.hear();
    assert!(refused.starts_with("Os") && refused.contains("PermissionDenied"), "{refused}");
    fs::set_permissions(ours.path(), std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    stranger.tell("again");
    assert_eq!(stranger.hear(), "mine");
    assert_eq!(value.get(), 2);

    assert!(matches!(Segment::open(&theirs), Err(SegmentError::ForeignOwner { uid: NOBODY })));
    assert!(matches!(Value::<u64>::open(&theirs), Err(SegmentError::ForeignOwner { uid: NOBODY })));
    assert!(matches!(Segment::create(&theirs, SIZE), Err(SegmentError::AlreadyExists { .. })));
    let open = || Segment::builder().foreign_owner(true).open(&theirs).unwrap();
    assert_eq!(open().get::<Value<u64>>("value").unwrap().get(), 3);
    // Also stale it is not ours to replace.
    stranger.kill();
    assert!(matches!(Segment::create(&theirs, SIZE), Err(SegmentError::AlreadyExists { .. })));
    assert!(matches!(
        Segment::open_or_create(&theirs, SIZE),
        Err(SegmentError::ForeignOwner { uid: NOBODY })
    ));
}

#[test]
fn a_path_may_have_any_form() {
    let scratch = Scratch::new("paths");
    fs::create_dir(scratch.file("inner")).unwrap();
    let segment = Segment::create_file(scratch.file("inner/../segment"), SIZE).unwrap();
    assert!(segment.is_linked());
    assert_eq!(Segment::open_file(scratch.file("segment")).unwrap().id(), segment.id());

    // The folder that a process stands in is all its threads', so a child goes there.
    let _watchdog = Watchdog::start(60);
    let mut traveller = Role::spawn(traveller, &[scratch.file("inner").to_str().unwrap()]);
    assert_eq!(traveller.hear(), "made");
    let segment = Segment::open_file(scratch.file("inner/segment")).unwrap();
    assert_eq!(segment.get::<Value<u64>>("value").unwrap().get(), 1);
}
