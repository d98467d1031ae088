//! The only object of a segment, a word of it to read and restore, and how to wait there.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use breezeway::{Initial, Object, Segment};

use crate::affinity;
use crate::observe::FileMapping;

/// The object's name.
const OBJECT: &str = "it";

/// Creates an object in a segment of few participants.
pub(super) fn create<O: Object>(name: &str, initial: impl Initial<O>) -> O {
    super::small_segment::create(name).add(OBJECT, initial).unwrap()
}

pub(super) fn open<O: Object>(name: &str) -> O {
    Segment::open(name).unwrap().get(OBJECT).unwrap()
}

/// Keeps this process and its children to one CPU, so none of them spins: stepping through a spin
/// takes longer than the wait.
pub(super) fn pin_without_spinning() {
    affinity::pin_without_spinning();
}

#[derive(Debug)]
pub(super) struct StateWord {
    path: PathBuf,
    mapping: FileMapping,
    at: u64,
}

impl StateWord {
    /// The word at this offset of the object.
    pub(super) fn of(segment: &Segment, byte: u64) -> Self {
        let path = segment.path().expect("a named segment");
        let mapping = FileMapping::open(&path).expect("its file");
        Self { path, mapping, at: segment.objects().unwrap()[0].offset + byte }
    }

    pub(super) fn get(&self) -> u64 {
        self.mapping.word64(self.at as usize)
    }

    pub(super) fn set(&self, word: u64) {
        let file = OpenOptions::new().write(true).open(&self.path).unwrap();
        file.write_all_at(&word.to_ne_bytes(), self.at).unwrap();
    }
}
