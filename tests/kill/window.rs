//! What the parent sees of a child that does not run: the bytes of a segment, its lock, the child's robust list.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

use breezeway::Segment;

/// A segment's file, mapped to be looked at.
#[derive(Debug)]
pub(crate) struct Window {
    start: *const u8,
    len: usize,
}

impl Window {
    /// Maps the file. `None` where it is not there, or empty.
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

impl Drop for Window {
    fn drop(&mut self) {
        // SAFETY: the mapping of `open`, to which no reference is left.
        unsafe { libc::munmap(self.start.cast_mut().cast(), self.len) };
    }
}

/// A window, and what was to be seen in it last time.
#[derive(Debug)]
pub(crate) struct Shadow {
    window: Window,
    copy: Vec<u8>,
}

impl Shadow {
    pub(crate) fn new(window: Window) -> Self {
        let mut shadow = Self { copy: vec![0; window.len], window };
        shadow.has_changed();
        shadow
    }

    /// Whether it looks different than last time. Whoever might write does not run.
    pub(crate) fn has_changed(&mut self) -> bool {
        // SAFETY: the whole mapping; the child that shares it is stopped, and this process is not writing now.
        let now = unsafe { core::slice::from_raw_parts(self.window.start, self.window.len) };
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
    window: Window,
    at: usize,
}

/// Whose a lock is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    Nobody,
    /// Nobody alive.
    Dead,
    /// The thread of this id.
    Thread(u32),
}

impl LockView {
    /// That of the only object of a segment.
    pub(crate) fn of(segment: &Segment) -> Self {
        let window = Window::open(&segment.path().expect("a name")).expect("a segment");
        Self { window, at: segment.objects().expect("a directory")[0].offset as usize }
    }

    pub(crate) fn holder(&self) -> Holder {
        match self.window.word32(self.at) {
            word if word & 0x4000_0000 != 0 => Holder::Dead,
            word if word & 0x3fff_ffff == 0 => Holder::Nobody,
            word => Holder::Thread(word & 0x3fff_ffff),
        }
    }

    /// Makes the lock look held by this thread.
    pub(crate) fn set_holder(&self, segment: &Segment, thread: u32) {
        let file = File::options().write(true).open(segment.path().expect("a name")).expect("a segment");
        file.write_all_at(&thread.to_ne_bytes(), self.at as u64).expect("room for a word");
    }

    /// Whether somebody sleeps.
    pub(crate) fn has_waiters(&self) -> bool {
        self.window.word32(self.at) & 0x8000_0000 != 0
    }

    /// The word beside the lock: how many records of an array's journal count.
    pub(crate) fn pending(&self) -> u64 {
        self.window.word64(self.at + 56)
    }
}

/// Where the kernel looks for a thread's locks when it dies.
#[derive(Debug)]
pub(crate) struct RobustList {
    pid: libc::pid_t,
    /// Where the head lies in that process; 0 for nowhere.
    head: u64,
}

/// The head of a robust list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RobustHead {
    first: u64,
    pending: u64,
}

impl RobustList {
    /// That of a process with one thread.
    pub(crate) fn of(pid: u32) -> Self {
        let mut head = 0_u64;
        let mut length = 0_usize;
        // SAFETY: both are locals, of the sizes that the call writes.
        let answer = unsafe { libc::syscall(libc::SYS_get_robust_list, pid, &raw mut head, &raw mut length) };
        assert_eq!(answer, 0, "the robust list of {pid}: {}", io::Error::last_os_error());
        Self { pid: pid as libc::pid_t, head }
    }

    /// Its head, of a process that does not run.
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
