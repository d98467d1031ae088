//! A word of the only object of a segment, to be looked at and put back.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use breezeway::Segment;

use crate::kill::window::Window;

#[derive(Debug)]
pub(super) struct StateWord {
    path: PathBuf,
    window: Window,
    at: u64,
}

impl StateWord {
    /// The word at this byte of the object.
    pub(super) fn of(segment: &Segment, byte: u64) -> Self {
        let path = segment.path().expect("a named segment");
        let window = Window::open(&path).expect("its file");
        Self { path, window, at: segment.objects().unwrap()[0].offset + byte }
    }

    pub(super) fn get(&self) -> u64 {
        self.window.word64(self.at as usize)
    }

    pub(super) fn set(&self, word: u64) {
        let file = OpenOptions::new().write(true).open(&self.path).unwrap();
        file.write_all_at(&word.to_ne_bytes(), self.at).unwrap();
    }
}
