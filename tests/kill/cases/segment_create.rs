//! Creating and removing a segment: the name exists complete, or not at all.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use breezeway::{Segment, SegmentError, Value};

use crate::case_process::names_in;
use crate::child::Child;
use crate::kill::{self, Death, Scenario};
use crate::kill_counts::KillCounts;

const LENGTH: u64 = 1 << 16;

/// How a segment is created, opened, checked and removed.
#[derive(Clone, Copy)]
struct Method {
    create: fn(&str) -> Result<Segment, SegmentError>,
    open: fn(&str) -> Result<Segment, SegmentError>,
    remove: fn(&str) -> Result<(), SegmentError>,
    /// Checks that the segment is what was to be created, and works.
    check: fn(&Segment),
    persists: bool,
}

const NAMED: Method = Method {
    create: |name| Segment::create(name, LENGTH),
    open: Segment::open,
    remove: Segment::remove,
    check: |segment| {
        assert_eq!((segment.len(), segment.objects().unwrap().len()), (LENGTH, 0));
        assert_eq!(segment.add::<Value<u64>>("object", 8).unwrap().get(), 8);
    },
    persists: false,
};

const PERSISTENT: Method =
    Method { create: |name| Segment::builder().persist(true).create(name, LENGTH), persists: true, ..NAMED };

const OPENED_OR_CREATED: Method = Method { create: |name| Segment::open_or_create(name, LENGTH), ..NAMED };

const SINGLE_VALUE: Method = Method {
    create: |name| Value::<u64>::create(name, 7).map(|value| value.segment().clone()),
    check: |segment| {
        let value = segment.get::<Value<u64>>(&segment.objects().unwrap()[0].name).unwrap();
        assert_eq!(value.replace(8).unwrap(), 7);
        assert_eq!(value.get(), 8);
    },
    ..NAMED
};

const FILE: Method = Method {
    create: |path| Segment::create_file(path, LENGTH),
    open: |path| Segment::open_file(path),
    remove: |path| Segment::remove_file(path),
    persists: true,
    ..NAMED
};

/// Checks what is left of a segment that a child was creating or removing when it was killed.
fn check(method: Method, name: &str, death: &Death) -> &'static str {
    let outcome = match (method.open)(name) {
        Err(SegmentError::NotFound { .. }) => "no name",
        Err(SegmentError::Stale { .. }) if !method.persists => "complete and stale",
        Ok(segment) if method.persists => {
            (method.check)(&segment);
            drop(segment);
            (method.remove)(name).unwrap();
            "complete"
        }
        other => panic!("complete or not at all: {other:?}"),
    };
    let segment = (method.create)(name).expect("the name is available");
    (method.check)(&segment);
    // A process sweeps a folder once, and this one has: a forked child does it anew.
    let other = format!("{name}-other");
    Child::fork(|| (), |()| drop((method.create)(&other))).finish();
    let _ = (method.remove)(&other);
    let left = unfinished(&folder_of(&segment), death.pid);
    assert!(left.is_empty(), "the next process to create a segment removes the unfinished files: {left:?}");
    drop(segment);
    if method.persists {
        (method.remove)(name).unwrap();
    }
    let gone = (method.open)(name);
    assert!(matches!(gone, Err(SegmentError::NotFound { .. })), "{gone:?}");
    outcome
}

fn folder_of(segment: &Segment) -> PathBuf {
    segment.path().unwrap().parent().unwrap().to_owned()
}

/// The files of segments whose creation this process has begun.
fn unfinished(folder: &Path, pid: u32) -> Vec<PathBuf> {
    let is_by_this_process = |name: &String| {
        let creator = name.strip_prefix(".breezeway-").and_then(|fields| fields.split('-').nth(1));
        creator.is_some_and(|creator| creator == pid.to_string())
    };
    names_in(folder).filter(is_by_this_process).map(|name| folder.join(name)).collect()
}

/// A child creates a segment.
struct Create {
    method: Method,
    name: String,
    folder: PathBuf,
    /// Whether there is a stale segment of the name.
    over_stale: bool,
}

impl Create {
    fn named(name: &str, method: Method) -> Self {
        Self { method, name: name.to_owned(), folder: "/dev/shm".into(), over_stale: false }
    }
}

impl Scenario for Create {
    type Handle = ();

    fn reset(&mut self) {
        if self.over_stale {
            Child::fork(|| (self.method.create)(&self.name).unwrap(), |_| {}).kill();
        }
    }

    fn open(&self) {}

    fn operate(&self, (): &()) {
        core::mem::forget((self.method.create)(&self.name).unwrap());
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        let outcome = check(self.method, &self.name, death);
        assert!(!death.completed || outcome != "no name", "it was created");
        outcome
    }

    fn watched_files(&self, child: u32) -> Vec<PathBuf> {
        let mut files = unfinished(&self.folder, child);
        files.push(self.folder.join(&self.name));
        files
    }
}

pub(crate) fn create(name: &str) -> KillCounts {
    kill::at_changes(&mut Create::named(name, NAMED))
}

pub(crate) fn create_persistent(name: &str) -> KillCounts {
    kill::at_changes(&mut Create::named(name, PERSISTENT))
}

pub(crate) fn open_or_create_stale(name: &str) -> KillCounts {
    kill::at_changes(&mut Create { over_stale: true, ..Create::named(name, OPENED_OR_CREATED) })
}

pub(crate) fn create_value(name: &str) -> KillCounts {
    kill::at_changes(&mut Create::named(name, SINGLE_VALUE))
}

pub(crate) fn create_file(name: &str) -> KillCounts {
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("segment").to_str().unwrap().to_owned();
    let kills = kill::at_changes(&mut Create { folder: folder.clone(), ..Create::named(&path, FILE) });
    std::fs::remove_dir(&folder).expect("nothing is left in the folder");
    kills
}

/// The creator of a segment drops it as the last participant.
struct DropByCreator {
    name: String,
}

impl Scenario for DropByCreator {
    type Handle = RefCell<Option<Segment>>;

    fn open(&self) -> Self::Handle {
        RefCell::new(Some(Segment::create(&self.name, LENGTH).unwrap()))
    }

    fn operate(&self, segment: &Self::Handle) {
        drop(segment.take());
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        let outcome = check(NAMED, &self.name, death);
        assert!(!death.completed || outcome == "no name", "its creator has taken the name away");
        outcome
    }

    fn watched_files(&self, _: u32) -> Vec<PathBuf> {
        vec![Path::new("/dev/shm").join(&self.name)]
    }
}

pub(crate) fn drop_by_creator(name: &str) -> KillCounts {
    kill::at_changes(&mut DropByCreator { name: name.to_owned() })
}

/// A child removes the name of a segment that its parent uses.
struct Remove {
    name: String,
    segment: Option<Segment>,
}

impl Scenario for Remove {
    type Handle = ();

    fn reset(&mut self) {
        self.segment = None;
        self.segment = Some(Segment::create(&self.name, LENGTH).unwrap());
    }

    fn open(&self) {}

    fn operate(&self, (): &()) {
        Segment::remove(&self.name).unwrap();
    }

    fn check_survivors(&mut self, death: &Death) -> &'static str {
        let outcome = match Segment::open(&self.name) {
            Ok(segment) => {
                (NAMED.check)(&segment);
                "still there"
            }
            Err(SegmentError::NotFound { .. }) => "gone",
            other => panic!("there or not: {other:?}"),
        };
        assert!(!death.completed || outcome == "gone", "it was removed");
        let segment = self.segment.take().unwrap();
        assert_eq!(segment.is_linked(), outcome == "still there");
        outcome
    }

    fn watched_files(&self, _: u32) -> Vec<PathBuf> {
        Vec::new()
    }
}

pub(crate) fn remove(name: &str) -> KillCounts {
    kill::at_changes(&mut Remove { name: name.to_owned(), segment: None })
}
