//! The files under segments: open, allocate, publish, unlink, seal.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, FileType, FsWord, MemfdFlags, Mode, OFlags, RenameFlags, SealFlags, Stat, chmod, fchmod,
    fcntl_add_seals, fstat, fstatfs, linkat, lstat, memfd_create, open, renameat_with, statfs,
    unlink as unlink_path,
};
use rustix::io::Errno;

use super::{descriptors, memory};

/// From this many bytes on, a file on tmpfs is allocated only if that much memory is available.
const NOTEWORTHY: u64 = 16 << 20;

/// The type that `statfs` gives for tmpfs.
const TMPFS_MAGIC: FsWord = 0x0102_1994;
/// The type that `statfs` gives for hugetlbfs.
const HUGETLBFS_MAGIC: FsWord = 0x9584_58f6;
/// The type that `statfs` gives for overlayfs.
const OVERLAYFS_MAGIC: FsWord = 0x794c_7630;

/// A file, whatever its name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId {
    pub(super) device: u64,
    pub(super) inode: u64,
}

/// A file's identity, length, mode and owner.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Status {
    pub(crate) id: FileId,
    pub(crate) len: u64,
    /// Permission bits only.
    pub(crate) mode: u32,
    pub(crate) owner: u32,
}

impl From<Stat> for Status {
    fn from(stat: Stat) -> Self {
        Self {
            id: FileId { device: stat.st_dev as _, inode: stat.st_ino as _ },
            len: stat.st_size as u64,
            mode: stat.st_mode & 0o7777,
            owner: stat.st_uid,
        }
    }
}

/// Why an existing file was not opened.
#[derive(Debug)]
pub(crate) enum NotOpened {
    /// There is no file of this name.
    Missing,
    /// The name belongs to something else than a regular file.
    NotRegular(&'static str),
    /// The system refused.
    Refused(io::Error),
}

impl From<NotOpened> for io::Error {
    fn from(error: NotOpened) -> Self {
        match error {
            NotOpened::Missing => io::ErrorKind::NotFound.into(),
            NotOpened::NotRegular(_) => io::ErrorKind::InvalidInput.into(),
            NotOpened::Refused(error) => error,
        }
    }
}

/// Opens an existing regular file for reading and writing. It follows no symlink, and opens nothing
/// but a regular file: neither a FIFO, whose writer would go on, nor a device.
pub(crate) fn open_existing(path: &Path) -> Result<(OwnedFd, Status), NotOpened> {
    open_regular(path, OFlags::NOFOLLOW, OFlags::RDWR)
}

/// Opens an existing regular file for reading, as [`open_existing`] does.
pub(crate) fn open_to_read(path: &Path) -> Result<(OwnedFd, Status), NotOpened> {
    open_regular(path, OFlags::NOFOLLOW, OFlags::RDONLY)
}

fn open_regular(path: &Path, links: OFlags, how: OFlags) -> Result<(OwnedFd, Status), NotOpened> {
    let refused = |error: Errno| match error {
        Errno::NOENT => NotOpened::Missing,
        Errno::LOOP => NotOpened::NotRegular("a symbolic link"),
        error => NotOpened::Refused(error.into()),
    };
    let _standard = descriptors::hold_standard();
    // This refers to the file and opens it for nothing.
    let found = open(path, OFlags::PATH | OFlags::CLOEXEC | links, Mode::empty()).map_err(refused)?;
    let id = regular(&found)?.id;
    let flags = OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY | how;
    let by_number = format!("/proc/thread-self/fd/{}", found.as_raw_fd());
    let file = match open(by_number.as_str(), flags, Mode::empty()) {
        // There is no /proc here. The path may lead elsewhere by now, so what it leads to is compared.
        Err(Errno::NOENT | Errno::NOTDIR) => open(path, flags | links, Mode::empty()).map_err(refused)?,
        file => file.map_err(refused)?,
    };
    match regular(&file)? {
        status if status.id == id => Ok((file, status)),
        _ => Err(NotOpened::Missing),
    }
}

/// The status of a regular file.
fn regular(file: &OwnedFd) -> Result<Status, NotOpened> {
    let stat = fstat(file).map_err(|error| NotOpened::Refused(error.into()))?;
    Err(NotOpened::NotRegular(match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => return Ok(stat.into()),
        FileType::Symlink => "a symbolic link",
        FileType::Directory => "a directory",
        FileType::Fifo => "a FIFO",
        FileType::Socket => "a socket",
        _ => "a device",
    }))
}

/// Creates an empty file that only this user may read and write.
pub(crate) fn create_new(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let _standard = descriptors::hold_standard();
    Ok(open(path, flags, Mode::RUSR | Mode::WUSR)?)
}

/// Creates a file in memory without a name.
pub(crate) fn create_anonymous() -> io::Result<OwnedFd> {
    let _standard = descriptors::hold_standard();
    match memfd_create(c"breezeway", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING) {
        // A sandbox may refuse the call. A file of /dev/shm that never has a name is as good, except
        // that its length cannot be sealed.
        Err(refused @ (Errno::PERM | Errno::ACCESS | Errno::NOSYS)) => {
            let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::EXCL | OFlags::CLOEXEC;
            open(named_path("").as_path(), flags, Mode::RUSR | Mode::WUSR).map_err(|_| refused.into())
        }
        file => Ok(file?),
    }
}

/// Seals the length of a file made by [`create_anonymous`]: no process can change it any more. A
/// file that is no memfd has no seals, and stays as it is.
pub(crate) fn seal_length(file: impl AsFd) -> io::Result<()> {
    match fcntl_add_seals(file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL) {
        Err(Errno::PERM | Errno::INVAL) => Ok(()),
        sealed => Ok(sealed?),
    }
}

/// Opens the file of a process's descriptor once more, as a description of its own.
///
/// The path is a magic link of /proc, which leads to the file itself, even if the file has no name.
#[cfg(any(test, feature = "serde"))]
pub(crate) fn open_descriptor(pid: u32, fd: i32) -> Result<(OwnedFd, Status), NotOpened> {
    open_magic_link(&format!("/proc/{pid}/fd/{fd}"))
}

/// Opens the file of a thread's descriptor once more, as [`open_descriptor`] does; thread 0 is the
/// process's first.
#[cfg(feature = "process")]
pub(crate) fn open_thread_descriptor(pid: u32, thread: u32, fd: i32) -> Result<(OwnedFd, Status), NotOpened> {
    match thread {
        0 => open_descriptor(pid, fd),
        _ => open_magic_link(&format!("/proc/{pid}/task/{thread}/fd/{fd}")),
    }
}

/// Opens the FIFO of a process's descriptor for writing, if it is this one. Neither another file is
/// opened, nor is anything waited for.
#[cfg(feature = "process")]
pub(crate) fn open_pipe_to_write(pid: u32, fd: i32, id: FileId) -> io::Result<OwnedFd> {
    let _standard = descriptors::hold_standard();
    let path = format!("/proc/{pid}/fd/{fd}");
    let found = open(path.as_str(), OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    if status(&found)?.id != id {
        return Err(io::ErrorKind::NotFound.into());
    }
    let path = format!("/proc/thread-self/fd/{}", found.as_raw_fd());
    Ok(open(path.as_str(), OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty())?)
}

#[cfg(any(test, feature = "serde"))]
fn open_magic_link(path: &str) -> Result<(OwnedFd, Status), NotOpened> {
    if !super::process::shows_own_pids() {
        let other = "/proc belongs to another pid namespace: processes cannot be found by pid";
        return Err(NotOpened::Refused(io::Error::other(other)));
    }
    open_regular(Path::new(path), OFlags::empty(), OFlags::RDWR)
}

/// Opens the file of one of this process's descriptors once more, as a description of its own.
pub(crate) fn reopen_own(fd: i32) -> io::Result<OwnedFd> {
    let _standard = descriptors::hold_standard();
    let path = format!("/proc/thread-self/fd/{fd}");
    match open(path, OFlags::RDWR | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty()) {
        Err(Errno::NOENT | Errno::NOTDIR) if lstat("/proc/self/fd").is_err() => Err(io::Error::new(
            io::ErrorKind::NotFound,
            "a file without a name is opened once more by /proc/self/fd, but /proc is not mounted here, or belongs to a pid namespace that this process is not in",
        )),
        file => Ok(file?),
    }
}

/// Allocates `len` bytes of the file: no later write to them can fail for want of space.
pub(crate) fn allocate(file: impl AsFd, len: u64) -> io::Result<()> {
    let off = libc::off_t::try_from(len).map_err(|_| io::Error::from(Errno::NOSPC))?;
    let system = fstatfs(&file)?;
    let free = system.f_bavail.saturating_mul(system.f_bsize as u64);
    // A tmpfs may promise more than there is memory, and that of a memfd has no bound at all (0
    // blocks): asked for that much, the kernel would take memory from every process before it
    // fails.
    let bounded = system.f_blocks != 0;
    let in_memory = system.f_type == TMPFS_MAGIC && len >= NOTEWORTHY;
    if (bounded && len > free) || (in_memory && len > memory::available()) {
        return Err(Errno::NOSPC.into());
    }
    check_size_limit(len)?;
    loop {
        // SAFETY: no memory is passed.
        match unsafe { libc::posix_fallocate(file.as_fd().as_raw_fd(), 0, off) } {
            0 => return Ok(()),
            libc::EINTR => {}
            error => return Err(io::Error::from_raw_os_error(error)),
        }
    }
}

/// Checks that this process may make a file of `len` bytes: to try more than its limit
/// (`ulimit -f`) would end it by SIGXFSZ.
///
/// # Errors
/// `EFBIG` if it may not.
pub(crate) fn check_size_limit(len: u64) -> io::Result<()> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Fsize).current;
    if limit.is_some_and(|limit| len > limit) { Err(Errno::FBIG.into()) } else { Ok(()) }
}

/// Frees the memory of a part of a file, which reads as zeros from then on.
#[cfg(feature = "process")]
pub(crate) fn punch(file: impl AsFd, at: u64, len: u64) -> io::Result<()> {
    use rustix::fs::FallocateFlags;
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    Ok(rustix::fs::fallocate(file, flags, at, len)?)
}

/// Sets the permission bits of an open file, whatever the umask.
pub(crate) fn set_mode(file: impl AsFd, mode: u32) -> io::Result<()> {
    Ok(fchmod(file, Mode::from_raw_mode(mode))?)
}

/// Sets the permission bits of the file that a path names right now.
pub(crate) fn set_mode_of_path(path: &Path, mode: u32) -> io::Result<()> {
    Ok(chmod(path, Mode::from_raw_mode(mode))?)
}

/// The status of an open file.
pub(crate) fn status(file: impl AsFd) -> io::Result<Status> {
    Ok(fstat(file)?.into())
}

/// The file that a path names right now, symlinks not followed; `None` if it names none.
pub(crate) fn id_of_path(path: &Path) -> io::Result<Option<FileId>> {
    Ok(status_of_path(path)?.map(|status| status.id))
}

/// The status of what a path names right now, symlinks not followed; `None` if it names nothing.
pub(crate) fn status_of_path(path: &Path) -> io::Result<Option<Status>> {
    match lstat(path) {
        Ok(stat) => Ok(Some(stat.into())),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The size of a huge page if `folder` is on hugetlbfs, where files consist of whole huge pages.
pub(crate) fn huge_page_size(folder: &Path) -> Option<u64> {
    let system = statfs(folder).ok()?;
    (system.f_type == HUGETLBFS_MAGIC).then_some(system.f_bsize as u64)
}

/// The size of the pages that a mapping of the file consists of.
pub(super) fn page_size(file: impl AsFd) -> usize {
    const PAGE: usize = 4096;
    let huge = fstatfs(file).ok().filter(|system| system.f_type == HUGETLBFS_MAGIC);
    huge.map_or(PAGE, |system| system.f_bsize as usize)
}

/// Whether a mapping of the file refers to another file than its descriptor does.
pub(super) fn maps_another_file(file: impl AsFd) -> bool {
    fstatfs(file).is_ok_and(|system| system.f_type == OVERLAYFS_MAGIC)
}

/// Reads `buffer.len()` bytes from byte `place` of the file on, fewer if the file ends before.
/// Returns how many.
pub(crate) fn read_at(file: impl AsFd, place: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match rustix::io::pread(&file, &mut buffer[done..], place + done as u64) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(done)
}

/// Writes the bytes to the file, from byte `place` on.
#[cfg(feature = "process")]
pub(crate) fn write_at(file: impl AsFd, place: u64, bytes: &[u8]) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        match rustix::io::pwrite(&file, &bytes[done..], place + done as u64) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => done += count,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Gives a staged file its public name in one step; fails with `AlreadyExists` if the name is
/// taken.
pub(crate) fn publish(staged: &Path, public: &Path) -> io::Result<()> {
    match renameat_with(CWD, staged, CWD, public, RenameFlags::NOREPLACE) {
        // Not every file system has this rename. A hard link is as atomic, but the staged name
        // stays for a moment after it.
        Err(Errno::INVAL | Errno::NOSYS) => {
            linkat(CWD, staged, CWD, public, AtFlags::empty())?;
            let _ = unlink_path(staged);
            Ok(())
        }
        other => Ok(other?),
    }
}

/// Removes a name.
pub(crate) fn unlink(path: &Path) -> io::Result<()> {
    Ok(unlink_path(path)?)
}

/// The path of POSIX shared memory of this name.
pub(crate) fn named_path(name: &str) -> PathBuf {
    Path::new("/dev/shm").join(name)
}

/// Asks the kernel to back the mapping with huge pages. It is a hint, which the kernel may ignore.
///
/// # Safety
/// `start` and `len` are a live mapping.
pub(crate) unsafe fn advise_huge_pages(start: *mut u8, len: usize) {
    // SAFETY: passed on; the advice changes no contents.
    let _ = unsafe { rustix::mm::madvise(start.cast(), len, rustix::mm::Advice::LinuxHugepage) };
}

/// Leaves the mapping out of core dumps.
///
/// # Safety
/// `start` and `len` are a live mapping.
pub(crate) unsafe fn exclude_from_core_dumps(start: *mut u8, len: usize) {
    // SAFETY: passed on; the advice changes no contents. It is as old as the kernels that this crate
    // runs on.
    let _ = unsafe { rustix::mm::madvise(start.cast(), len, rustix::mm::Advice::LinuxDontDump) };
}

/// Moves the file offset of a description to `offset`, and returns it; `None` if this kind of file has
/// none.
pub(crate) fn set_offset(file: &OwnedFd, offset: u64) -> Option<u64> {
    rustix::fs::seek(file, rustix::fs::SeekFrom::Start(offset)).ok()
}

/// The file offset of a description.
pub(crate) fn offset(file: BorrowedFd<'_>) -> Option<u64> {
    rustix::fs::tell(file).ok()
}
