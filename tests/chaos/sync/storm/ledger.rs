//! The ledger: operations that each process has begun and completed, and the data behind the locks.
//! It lies in a file that every process maps, so that the entries of dead processes stay.

#![allow(unsafe_code)]

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use memmap2::{MmapOptions, MmapRaw};

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Deed {
    Nothing,
    Mutex,
    ReentrantMutex,
    Write,
    Read,
    /// Puts something on the rack of the condition variable.
    Put,
    Take,
    /// Of the semaphore.
    Release,
    Acquire,
    /// Of the bounded semaphore.
    Permit,
    /// Waits for the event.
    Event,
    /// Sets the event, and clears it.
    Pulse,
    Once,
    /// Waits at the barrier.
    Meet,
    Reset,
}

pub const DEEDS: [Deed; 15] = {
    use Deed::*;
    [
        Nothing,
        Mutex,
        ReentrantMutex,
        Write,
        Read,
        Put,
        Take,
        Release,
        Acquire,
        Permit,
        Event,
        Pulse,
        Once,
        Meet,
        Reset,
    ]
};

/// Words of the whole, in front of those of the processes.
const STOP: usize = 0;
const OPERATIONS: usize = 1;
/// Which `Once` it is the turn of.
const TURN: usize = 2;
/// Who is inside of the bounded semaphore: a bit for each place.
const INSIDE: usize = 3;
/// How often an action at the barrier was done.
const ACTIONS: usize = 4;
/// Who tries to be the last at the barrier: a bit for each place.
const TRYING: usize = 5;
/// The process ids, by place.
const PIDS: usize = 8;
pub const PLACES: usize = 8;
/// Two words for each deed, which lie behind its lock.
const PAIRS: usize = PIDS + PLACES;
/// Two words for each `Once`.
const ONCES: usize = PAIRS + 2 * DEEDS.len();

/// Words of a process: what it is at, its operations, its indices at the barrier, and what of each deed it has begun and completed.
const OF_A_PROCESS: usize = 48;
const AT: usize = 0;
const DONE: usize = 1;
const INDICES: usize = 2;
const COUNTS: usize = 8;

pub struct Ledger {
    map: MmapRaw,
    processes: usize,
    onces: usize,
}

impl Ledger {
    /// Books for so many processes, one after the other.
    pub fn create(path: &Path, processes: usize, onces: usize) -> Self {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path).unwrap();
        file.set_len(8 * (ONCES + 2 * onces + OF_A_PROCESS * processes) as u64).unwrap();
        Self::open(path, processes, onces)
    }

    pub fn open(path: &Path, processes: usize, onces: usize) -> Self {
        let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
        let map = MmapOptions::new().map_raw(&file).unwrap();
        Self { map, processes, onces }
    }

    fn word(&self, n: usize) -> &AtomicU64 {
        let count = ONCES + 2 * self.onces + OF_A_PROCESS * self.processes;
        // SAFETY: `create` made the file so long, and its start is aligned; everybody's access is atomic.
        let words = unsafe { std::slice::from_raw_parts(self.map.as_ptr().cast(), count) };
        &words[n]
    }

    fn of_process(&self, process: usize, n: usize) -> &AtomicU64 {
        assert!(process < self.processes);
        self.word(ONCES + 2 * self.onces + OF_A_PROCESS * process + n)
    }

    /// Whether all are to come to an end.
    pub fn is_over(&self) -> bool {
        self.word(STOP).load(SeqCst) != 0
    }

    pub fn stop(&self) {
        self.word(STOP).store(1, SeqCst);
    }

    /// All operations that came to an end.
    pub fn operations(&self) -> u64 {
        self.word(OPERATIONS).load(SeqCst)
    }

    pub fn turn(&self) -> &AtomicU64 {
        self.word(TURN)
    }

    pub fn inside(&self) -> &AtomicU64 {
        self.word(INSIDE)
    }

    pub fn actions(&self) -> &AtomicU64 {
        self.word(ACTIONS)
    }

    pub fn trying(&self) -> &AtomicU64 {
        self.word(TRYING)
    }

    /// The id of the process in a place.
    pub fn pid(&self, place: usize) -> &AtomicU64 {
        assert!(place < PLACES);
        self.word(PIDS + place)
    }

    /// What lies behind the lock of a deed.
    pub fn pair(&self, deed: Deed) -> [&AtomicU64; 2] {
        [0, 1].map(|n| self.word(PAIRS + 2 * deed as usize + n))
    }

    /// How often a `Once` was begun, and whether it is known to be done.
    pub fn once(&self, n: usize) -> [&AtomicU64; 2] {
        assert!(n < self.onces);
        [0, 1].map(|word| self.word(ONCES + 2 * n + word))
    }

    pub fn onces(&self) -> usize {
        self.onces
    }

    /// What a process is at.
    pub fn at(&self, process: usize) -> Deed {
        DEEDS[self.of_process(process, AT).load(SeqCst) as usize]
    }

    pub fn set_at(&self, process: usize, deed: Deed) {
        self.of_process(process, AT).store(deed as u64, SeqCst);
    }

    /// Operations that a process has brought to an end.
    pub fn done(&self, process: usize) -> u64 {
        self.of_process(process, DONE).load(SeqCst)
    }

    pub fn count_operation(&self, process: usize) {
        self.of_process(process, DONE).fetch_add(1, SeqCst);
        self.word(OPERATIONS).fetch_add(1, SeqCst);
    }

    /// How often it has passed the barrier under this index.
    pub fn passes(&self, process: usize, index: usize) -> &AtomicU64 {
        assert!(index < COUNTS - INDICES);
        self.of_process(process, INDICES + index)
    }

    fn counts(&self, process: usize, deed: Deed) -> [&AtomicU64; 2] {
        [0, 1].map(|n| self.of_process(process, COUNTS + 2 * deed as usize + n))
    }

    pub fn begin(&self, process: usize, deed: Deed, times: u64) {
        self.counts(process, deed)[0].fetch_add(times, SeqCst);
    }

    /// It came to nothing.
    pub fn withdraw(&self, process: usize, deed: Deed) {
        self.counts(process, deed)[0].fetch_sub(1, SeqCst);
    }

    pub fn complete(&self, process: usize, deed: Deed, times: u64) {
        self.counts(process, deed)[1].fetch_add(times, SeqCst);
    }

    /// What of a deed all have begun, and completed. In between is what the dead were at.
    pub fn sums(&self, deed: Deed) -> (u64, u64) {
        let sum = |n: usize| (0..self.processes).map(|p| self.counts(p, deed)[n].load(SeqCst)).sum();
        (sum(0), sum(1))
    }

    /// How often all have passed the barrier under this index.
    pub fn sum_of_passes(&self, index: usize) -> u64 {
        (0..self.processes).map(|process| self.passes(process, index).load(SeqCst)).sum()
    }
}
