//! A fuzzer's input as a program: which operations to call, and with what.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;

use breezeway::Segment;

use crate::scratch;

/// The rest of the input.
pub struct Program<'a>(&'a [u8]);

impl<'a> Program<'a> {
    /// Makes a program of these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Returns the next byte; `None` at the end.
    pub fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// Returns the next byte modulo `end`; 0 at the end.
    pub fn below(&mut self, end: usize) -> usize {
        usize::from(self.next().unwrap_or(0)) % end.max(1)
    }

    /// Returns the next eight bytes; after the end, zeros.
    pub fn word(&mut self) -> u64 {
        (0..8).fold(0, |word, _| word << 8 | u64::from(self.next().unwrap_or(0)))
    }
}

/// A segment in a file with one object, whose bytes can be damaged without the library's knowledge.
pub struct Arena {
    /// The segment.
    pub segment: Segment,
    bytes: File,
    _file: scratch::File,
}

/// The object's name.
pub const NAME: &str = "object";

impl Arena {
    /// Makes an empty segment of this many bytes.
    pub fn new(length: u64) -> Self {
        let file = scratch::File::absent();
        let options = Segment::builder().participants(2).objects(2);
        let segment = options.create_file(file.path(), length).expect("a small segment");
        let bytes = OpenOptions::new().write(true).open(file.path()).expect("the segment's file");
        Self { segment, bytes, _file: file }
    }

    /// Overwrites a word of the object as the program says: mostly with a word that looks valid
    /// there.
    pub fn damage(&self, program: &mut Program<'_>) {
        let objects = self.segment.objects().expect("an undamaged directory");
        let object = objects.first().expect("the object");
        let (kind, near) = (program.below(8), program.below(256) as u64);
        let words = object.length / 8;
        let at = match kind {
            // The words of the state that have a meaning: two indices, and what follows them.
            0 => 0,
            1 => 16,
            2 => 32 + near % 4,
            // After the state.
            3..6 => (48 + near).min(words - 1),
            _ => near % words,
        };
        let word = match program.below(6) {
            0 => program.word(),
            1 => u64::MAX - near,
            2 => near,
            3 => near << 32,
            4 => 1 << (near % 64),
            // A slot word of the first laps, in any state.
            _ => (near & 3) << 20 | (near >> 2 & 3) << 4 | near >> 4,
        };
        self.bytes.write_all_at(&word.to_ne_bytes(), object.offset + at * 8).expect("room in the file");
    }
}
