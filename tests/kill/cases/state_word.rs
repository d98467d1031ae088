//! The only object of a segment, a word of it to be looked at and put back, and how to wait there.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use breezeway::{Initial, Object, Segment};

use crate::cpu;
use crate::window::Window;

/// What the object is called.
const OBJECT: &str = "it";

/// Makes an object whose segment has few participants: who waits looks from time to time whether they live, which is a long way to
/// step through where there may be many.
pub(super) fn create<O: Object>(name: &str, initial: impl Initial<O>) -> O {
    let segment = Segment::options().participants(8).create(name, 1 << 16).unwrap();
    segment.add(OBJECT, initial).unwrap()
}

pub(super) fn open<O: Object>(name: &str) -> O {
    Segment::open(name).unwrap().get(OBJECT).unwrap()
}

/// Leaves this process and its children one CPU, which lets nobody spin: stepping through that takes longer than they wait. The first
/// wait of a process counts its CPUs; its children inherit the number.
pub(super) fn without_spinning() {
    cpu::settle_without_spinning();
}

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
