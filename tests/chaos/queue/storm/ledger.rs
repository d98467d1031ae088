//! The ledger: pushes begun and completed, and deliveries with their number. It lies in a file that
//! every process maps, so that the entries of dead processes stay.

#![allow(unsafe_code)]

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

use memmap2::{MmapOptions, MmapRaw};

/// The most that one process pushes.
pub const LONGEST: u64 = 1 << 20;

/// Words of a process: about to push, pushed, values at stake; on a cache line of their own.
const LINE: usize = 8;
const ABOUT: usize = 0;
const PUSHED: usize = 1;
const AT_STAKE: usize = 2;

/// Words of the whole.
const STOP: usize = 0;
const DELIVERED: usize = 1;

pub struct Ledger {
    map: MmapRaw,
    processes: usize,
}

/// How often a message was delivered: to the first who had it, and to those behind the dead and the careless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deliveries {
    pub first: u8,
    pub again: u8,
}

impl Ledger {
    /// Books for so many processes, one after the other.
    pub fn create(path: &Path, processes: usize) -> Self {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path).unwrap();
        file.set_len((processes * (8 * LINE + LONGEST as usize) + 8 * LINE) as u64).unwrap();
        Self::open(path, processes)
    }

    pub fn open(path: &Path, processes: usize) -> Self {
        let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
        let map = MmapOptions::new().map_raw(&file).unwrap();
        Self { map, processes }
    }

    fn words(&self) -> usize {
        LINE * (1 + self.processes)
    }

    fn word(&self, line: usize, word: usize) -> &AtomicU64 {
        // SAFETY: `create` made the file longer than that, and its start is aligned; everybody's access is atomic.
        let words = unsafe { std::slice::from_raw_parts(self.map.as_ptr().cast(), self.words()) };
        &words[LINE * line + word]
    }

    fn of_process(&self, process: u64, word: usize) -> &AtomicU64 {
        self.word(1 + process as usize, word)
    }

    fn entry(&self, process: u64, n: u64) -> &AtomicU8 {
        let start = self.map.as_ptr().wrapping_add(8 * self.words());
        // SAFETY: `create` made the file so long; everybody's access is atomic.
        let entries: &[AtomicU8] =
            unsafe { std::slice::from_raw_parts(start.cast(), self.processes * LONGEST as usize) };
        &entries[(process * LONGEST + n) as usize]
    }

    /// Whether producers are to come to an end.
    pub fn is_over(&self) -> bool {
        self.word(0, STOP).load(Relaxed) != 0
    }

    pub fn stop(&self) {
        self.word(0, STOP).store(1, Relaxed);
    }

    pub fn about_to_push(&self, process: u64, n: u64) {
        self.of_process(process, ABOUT).store(n + 1, Relaxed);
    }

    pub fn has_pushed(&self, process: u64, n: u64) {
        self.of_process(process, PUSHED).store(n + 1, Relaxed);
    }

    /// Messages whose push returned, and those whose push began.
    pub fn pushes(&self, process: u64) -> (u64, u64) {
        let [pushed, about] = [PUSHED, ABOUT].map(|word| self.of_process(process, word).load(Relaxed));
        assert!(pushed <= about && about <= pushed + 1);
        (pushed, about)
    }

    /// How many values a consumer may have taken out that are not in the books yet.
    pub fn put_at_stake(&self, process: u64, values: u64) {
        self.of_process(process, AT_STAKE).store(values, Relaxed);
    }

    pub fn at_stake(&self, process: u64) -> u64 {
        self.of_process(process, AT_STAKE).load(Relaxed)
    }

    /// Enters a delivery. One instruction: it is done, or not.
    pub fn deliver(&self, process: u64, n: u64, again: bool) {
        let times = self.entry(process, n).fetch_add(if again { 16 } else { 1 }, Relaxed);
        assert!(times & 15 < 3 && times >> 4 < 15, "message {n} of {process} for ever again: {times:#x}");
        self.word(0, DELIVERED).fetch_add(1, Relaxed);
    }

    /// All deliveries.
    pub fn delivered(&self) -> u64 {
        self.word(0, DELIVERED).load(Relaxed)
    }

    pub fn deliveries(&self, process: u64, n: u64) -> Deliveries {
        let times = self.entry(process, n).load(Relaxed);
        Deliveries { first: times & 15, again: times >> 4 }
    }
}
