//! What the parent sees of a stopped child: the bytes of a segment, its lock, the child's robust
//! list.

use std::fs::File;
use std::io;
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
    /// A dead thread.
    Dead,
    /// The thread of this id.
    Thread(u32),
}

impl LockView {
    /// Of the only object of a segment.
    pub(crate) fn of(segment: &Segment) -> Self {
        let mapping = FileMapping::open(&segment.path().expect("a name")).expect("a segment");
        Self { mapping, at: segment.objects().expect("a directory")[0].offset as usize }
    }

    pub(crate) fn holder(&self) -> LockHolder {
        match self.mapping.word32(self.at) {
            word if word & 0x4000_0000 != 0 => LockHolder::Dead,
            word if word & 0x3fff_ffff == 0 => LockHolder::Nobody,
            word => LockHolder::Thread(word & 0x3fff_ffff),
        }
    }

    /// Makes the lock look held by this thread.
    pub(crate) fn set_holder(&self, segment: &Segment, thread: u32) {
        let file = File::options().write(true).open(segment.path().expect("a name")).expect("a segment");
        file.write_all_at(&thread.to_ne_bytes(), self.at as u64).expect("room for a word");
    }

    /// Whether the lock is marked as having waiters.
    pub(crate) fn has_waiters(&self) -> bool {
        self.mapping.word32(self.at) & 0x8000_0000 != 0
    }

    /// The word beside the lock: how many records of an array's journal are armed.
    pub(crate) fn pending(&self) -> u64 {
        self.mapping.word64(self.at + 56)
    }
}

/// Where the kernel looks for a thread's locks when it dies.
#[derive(Debug)]
pub(crate) struct RobustList {
    pid: libc::pid_t,
    /// The head's address in that process; 0 if there is none.
    head: u64,
}

/// The head of a robust list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RobustHead {
    first: u64,
    pending: u64,
}

impl RobustList {
    /// Of a process with one thread.
    pub(crate) fn of(pid: u32) -> Self {
        let mut head = 0_u64;
        let mut length = 0_usize;
        // SAFETY: both are locals, of the sizes that the call writes.
        let answer = unsafe { libc::syscall(libc::SYS_get_robust_list, pid, &raw mut head, &raw mut length) };
        assert_eq!(answer, 0, "the robust list of {pid}: {}", io::Error::last_os_error());
        Self { pid: pid as libc::pid_t, head }
    }

    /// The head, of a process that is stopped.
    pub(crate) fn head(&self) -> RobustHead {
        if self.head == 0 {
            return RobustHead::default();
        }
        // Next, the offset from an entry to its futex, pending.
        let mut words = [0_u64; 3];
        let size = size_of_val(&words);
        let local = libc::iovec { iov_base: words.as_mut_ptr().cast(), iov_len: size };
        let remote = libc::iovec { iov_base: self.head as *mut libc::c_void, iov_len: size };
        // SAFETY: writes to `words`, which is as long as `local` says.
        let count = unsafe { libc::process_vm_readv(self.pid, &raw const local, 1, &raw const remote, 1, 0) };
        assert_eq!(count, size as isize, "the robust list of {}: {}", self.pid, io::Error::last_os_error());
        RobustHead { first: words[0], pending: words[2] }
    }
}
