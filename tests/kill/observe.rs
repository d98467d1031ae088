//! What the parent sees of a stopped child: the bytes of a segment, and its lock.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

use breezeway::Segment;

/// A segment's file, mapped for reading.
#[derive(Debug)]
pub(crate) struct FileMapping {
    start: *const u8,
    len: usize,
}

impl FileMapping {
    /// Maps the file. `None` if it does not exist, or is empty.
    pub(crate) fn open(path: &Path) -> Option<Self> {
        let file = File::open(path).ok()?;
        let len = file.metadata().ok()?.len() as usize;
        if len == 0 {
            return None;
        }
        // SAFETY: a new mapping, of as many bytes as the file has.
        let start = unsafe {
            libc::mmap(core::ptr::null_mut(), len, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd(), 0)
        };
        (start != libc::MAP_FAILED).then(|| Self { start: start.cast(), len })
    }

    /// The 32-bit word at an offset.
    pub(crate) fn word32(&self, offset: usize) -> u32 {
        assert!(offset + 4 <= self.len && offset.is_multiple_of(4));
        // SAFETY: inside the mapping, aligned; volatile, since others write it.
        unsafe { self.start.add(offset).cast::<u32>().read_volatile() }
    }

    /// The 64-bit word at an offset.
    pub(crate) fn word64(&self, offset: usize) -> u64 {
        assert!(offset + 8 <= self.len && offset.is_multiple_of(8));
        // SAFETY: as above.
        unsafe { self.start.add(offset).cast::<u64>().read_volatile() }
    }
}

impl Drop for FileMapping {
    fn drop(&mut self) {
        // SAFETY: the mapping of `open`, to which no reference is left.
        unsafe { libc::munmap(self.start.cast_mut().cast(), self.len) };
    }
}

/// A mapping, and its contents when they were last read.
#[derive(Debug)]
pub(crate) struct ChangeDetector {
    mapping: FileMapping,
    copy: Vec<u8>,
}

impl ChangeDetector {
    pub(crate) fn new(mapping: FileMapping) -> Self {
        let mut detector = Self { copy: vec![0; mapping.len], mapping };
        detector.has_changed();
        detector
    }

    /// Whether the contents differ from those last read. No process that might write runs.
    pub(crate) fn has_changed(&mut self) -> bool {
        // SAFETY: the whole mapping; the child that shares it is stopped, and this process is not
        // writing now.
        let now = unsafe { core::slice::from_raw_parts(self.mapping.start, self.mapping.len) };
        let changed = now != self.copy;
        if changed {
            self.copy.copy_from_slice(now);
        }
        changed
    }
}

/// The lock at the start of an object.
#[derive(Debug)]
pub(crate) struct LockView {
    mapping: FileMapping,
    at: usize,
}

/// The holder of a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LockHolder {
    Nobody,
    /// A dead thread; or none, after a dead one whose death is still to be reported.
    Dead,
    /// The thread of this id.
    Thread(u32),
}

/// The word of a lock: `{epoch:25 | recovered:1 | participant id:16 | thread:22}`.
const THREAD: u64 = (1 << 22) - 1;
const ID_AT: u32 = 22;
const RECOVERED: u64 = 1 << 38;
const EPOCH_AT: u32 = 39;

impl LockView {
    /// Of the only object of a segment.
    pub(crate) fn of(segment: &Segment) -> Self {
        let mapping = FileMapping::open(&segment.path().expect("a name")).expect("a segment");
        Self { mapping, at: segment.objects().expect("a directory")[0].offset as usize }
    }

    pub(crate) fn word(&self) -> u64 {
        self.mapping.word64(self.at)
    }

    pub(crate) fn holder(&self) -> LockHolder {
        match self.word() {
            0 => LockHolder::Nobody,
            RECOVERED => LockHolder::Dead,
            word => {
                let thread = (word & THREAD) as u32;
                // SAFETY: signal 0 is not sent.
                let exists = unsafe { libc::kill(thread as libc::pid_t, 0) } == 0;
                if exists { LockHolder::Thread(thread) } else { LockHolder::Dead }
            }
        }
    }

    /// Makes the lock look held by a thread of a process that is no participant any more.
    pub(crate) fn set_ownerless(&self, segment: &Segment, thread: u32) {
        let file = File::options().write(true).open(segment.path().expect("a name")).expect("a segment");
        let word = 1 << EPOCH_AT | 99 << ID_AT | u64::from(thread);
        file.write_all_at(&word.to_ne_bytes(), self.at as u64).expect("room for a word");
    }

    /// Whether the lock is marked as having waiters.
    pub(crate) fn has_waiters(&self) -> bool {
        self.mapping.word32(self.at + 8) & 1 != 0
    }

    /// The word beside the lock: how many records of an array's journal are armed.
    pub(crate) fn pending(&self) -> u64 {
        self.mapping.word64(self.at + 56)
    }
}
