//! The overflow file: tasks and results that are longer than a slot of the task ring.
//!
//! It is a memfd of the pool, which the keeper keeps, and which a worker opens through the keeper.
//! Both open it anew if the program closes their descriptors. The pool and each worker write a part
//! of their own, and the pool returns the memory of contents that were read:
//!
//! ```text
//! 0            1 TiB          2 TiB            2^62
//! +--------------+--------------+-- ... --------+-----------------+
//! | results of   | results of   |               | tasks           |
//! | worker 0     | worker 1     |               |                 |
//! +--------------+--------------+-- ... --------+-----------------+
//! ```
//!
//! The parts are address space in the file: only contents take memory. A worker that replaces a
//! dead one has another number, and another part. A worker that reaches the end of its part goes on
//! at its beginning: results that were not read yet never fill a terabyte.

use core::cell::RefCell;
use core::ops::Range;
use std::io;

use crate::sys::checked_file::CheckedFile;
use crate::sys::keeper::FileAddress;
use crate::sys::{file, process};

const PARTITION_LEN: u64 = 1 << 40;
const TASKS_OFFSET: u64 = 1 << 62;
/// Memory is freed by pages.
const PAGE: u64 = 4096;

/// One side's handle of the file.
#[derive(Debug)]
pub(super) struct OverflowFile {
    file: CheckedFile,
    partition: Range<u64>,
    next: u64,
}

/// The part of the file for the results of a worker of this number.
fn partition_of(number: u64) -> Range<u64> {
    let start = number % (TASKS_OFFSET / PARTITION_LEN) * PARTITION_LEN;
    start..start + PARTITION_LEN
}

impl OverflowFile {
    /// In the pool: creates the file.
    pub(super) fn create() -> io::Result<Self> {
        let file = CheckedFile::without_path(file::create_anonymous()?)?;
        file.keep();
        Ok(Self { file, partition: TASKS_OFFSET..i64::MAX as u64, next: TASKS_OFFSET })
    }

    /// Where workers open the file.
    pub(super) fn address(&self) -> FileAddress {
        self.file.address()
    }

    /// The offset at which the part of a worker of this number begins.
    pub(super) fn partition_start(number: u64) -> u64 {
        partition_of(number).start
    }

    /// In a worker of this number: opens the pool's file.
    pub(super) fn open(address: FileAddress, number: u64) -> io::Result<Self> {
        let file = CheckedFile::open(address)?;
        if file.ask(|file| file::status(file))?.owner != process::effective_user() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let partition = partition_of(number);
        Ok(Self { file, next: partition.start, partition })
    }

    /// Writes contents, and returns their offset.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<u64> {
        let room = (bytes.len() as u64).next_multiple_of(PAGE);
        if room > self.partition.end - self.partition.start {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let at = if room > self.partition.end - self.next { self.partition.start } else { self.next };
        file::check_size_limit(at + room)?;
        self.file.change(|file| file::write_at(file, at, bytes))?;
        self.next = at + room;
        Ok(at)
    }

    /// Appends the contents at an offset to `into`.
    pub(super) fn read(&self, at: u64, len: u64, into: &mut Vec<u8>) -> io::Result<()> {
        let start = into.len();
        let into = RefCell::new(into);
        self.file.ask(|file| {
            // A damaged length allocates nothing.
            let there = file::status(file)?.len;
            if at.checked_add(len).is_none_or(|end| end > there) {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let mut into = into.borrow_mut();
            into.truncate(start);
            into.resize(start + len as usize, 0);
            let count = file::read_at(file, at, &mut into[start..])?;
            if count as u64 == len { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
        })
    }

    /// Frees the memory of contents that were read.
    pub(super) fn free(&self, at: u64, len: u64) {
        // If that fails, the memory is freed with the file.
        let _ = self.file.change(|file| file::punch(file, at, len.next_multiple_of(PAGE)));
    }

    /// Frees the memory of everything that an ended worker has left.
    pub(super) fn free_partition(&self, number: u64) {
        self.free(partition_of(number).start, PARTITION_LEN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overflow_file_round_trip() {
        let mut ours = OverflowFile::create().unwrap();
        let mut theirs = OverflowFile::open(ours.address(), 3).unwrap();
        let large = vec![7; 100_000];
        let at = ours.write(&large).unwrap();
        let mut found = vec![1];
        theirs.read(at, 100_000, &mut found).unwrap();
        assert!(found[0] == 1 && found[1..] == large);
        ours.free(at, 100_000);
        let first = theirs.write(b"first").unwrap();
        let second = theirs.write(b"second").unwrap();
        assert!(partition_of(3).contains(&first) && second > first);
        found.clear();
        ours.read(second, 6, &mut found).unwrap();
        assert_eq!(found, b"second");
        ours.free_partition(3);
        assert_eq!(blocks(&ours), 0, "no memory is left");
        assert!(ours.read(u64::MAX, 6, &mut found).is_err());
        assert!(ours.read(TASKS_OFFSET, u64::MAX, &mut found).is_err());
    }

    fn blocks(overflow: &OverflowFile) -> u64 {
        use std::os::fd::AsRawFd;
        use std::os::unix::fs::MetadataExt;
        let file = overflow.file.current().unwrap();
        std::fs::metadata(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap().blocks()
    }

    #[test]
    fn overflow_file_write_wraps_around() {
        let ours = OverflowFile::create().unwrap();
        let mut theirs = OverflowFile::open(ours.address(), 0).unwrap();
        theirs.next = theirs.partition.end - PAGE;
        assert_eq!(theirs.write(&[1; 5000]).unwrap(), 0);
        assert_eq!(theirs.write(&[1; 10]).unwrap(), 2 * PAGE);
    }
}
