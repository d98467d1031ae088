//! Valid segments, made to be damaged.

use std::path::{Path, PathBuf};

use breezeway::{Segment, SegmentError, Value};
use support::scratch::{Name, Scratch, patch};

/// The tables of a victim lie here: it is made for 2 participants and 4 objects.
pub const PARTICIPANTS_AT: u64 = 256;
pub const DIRECTORY_AT: u64 = 384;
pub const ARENA_AT: u64 = 1152;
pub const LENGTH: u64 = 8192;

/// A segment that nobody has open, as a file or under a name, with `Value<u64>` "value" and whatever `fill` adds.
pub struct Victim {
    path: PathBuf,
    name: Option<Name>,
    _scratch: Scratch,
}

impl Victim {
    pub fn both(fill: impl Fn(&Segment)) -> [Self; 2] {
        [Self::file(&fill), Self::named(&fill)]
    }

    pub fn file(fill: impl Fn(&Segment)) -> Self {
        let scratch = Scratch::new("victim");
        let path = scratch.file("segment");
        let options = Segment::builder().participants(2).objects(4);
        let segment = options.create_file(&path, LENGTH).unwrap();
        segment.add::<Value<u64>>("value", 7).unwrap();
        fill(&segment);
        Self { path, name: None, _scratch: scratch }
    }

    pub fn named(fill: impl Fn(&Segment)) -> Self {
        let (scratch, name) = (Scratch::new("victim"), Name::new("victim"));
        let options = Segment::builder().participants(2).objects(4).persist(true);
        let segment = options.create(&name, LENGTH).unwrap();
        segment.add::<Value<u64>>("value", 7).unwrap();
        fill(&segment);
        Self { path: name.path(), name: Some(name), _scratch: scratch }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn patch(&self, offset: u64, bytes: &[u8]) {
        patch(&self.path, offset, bytes);
    }

    pub fn open(&self) -> Result<Segment, SegmentError> {
        self.open_with(&Segment::builder())
    }

    pub fn open_with(&self, options: &breezeway::SegmentBuilder) -> Result<Segment, SegmentError> {
        match &self.name {
            Some(name) => options.open(name),
            None => options.open_file(&self.path),
        }
    }

    /// Tries to make a segment where this one is.
    pub fn replace(&self) -> Result<Segment, SegmentError> {
        match &self.name {
            Some(name) => Segment::create(name, 1 << 16),
            None => Segment::create_file(&self.path, 1 << 16),
        }
    }

    pub fn remove(&self) -> Result<(), SegmentError> {
        match &self.name {
            Some(name) => Segment::remove(name),
            None => Segment::remove_file(&self.path),
        }
    }

    /// Where an object of it lies.
    pub fn offset_of(&self, object: &str) -> u64 {
        let objects = self.open().unwrap().objects().unwrap();
        objects.iter().find(|one| one.name == object).unwrap().offset
    }
}
