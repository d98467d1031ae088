//! The overflow file: where tasks and results lie that are too long for a slot of the task ring.
//!
//! A memfd of the pool's, which a worker opens through it. Each side writes a part of its own, and the pool gives memory back when
//! contents have been read:
//!
//! ```text
//! 0            1 TiB          2 TiB            2^62
//! +--------------+--------------+-- ... --------+-----------------+
//! | results of   | results of   |               | tasks           |
//! | worker 0     | worker 1     |               |                 |
//! +--------------+--------------+-- ... --------+-----------------+
//! ```
//!
//! Places are not memory: of these, only what has contents takes any. A worker that takes a dead one's place in the pool has another
//! number here. It goes round in its part; nobody has a terabyte of results that are not read.

use core::ops::Range;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

use crate::sys::{file, process};

const PARTITION_LEN: u64 = 1 << 40;
const TASKS_OFFSET: u64 = 1 << 62;
/// Memory is given back by pages.
const PAGE: u64 = 4096;

/// The file, at one side.
#[derive(Debug)]
pub(super) struct OverflowFile {
    file: File,
    partition: Range<u64>,
    next: u64,
}

/// Where a worker's results go.
fn partition_of(number: u64) -> Range<u64> {
    let start = number % (TASKS_OFFSET / PARTITION_LEN) * PARTITION_LEN;
    start..start + PARTITION_LEN
}

impl OverflowFile {
    /// Makes one, at the pool.
    pub(super) fn create() -> io::Result<Self> {
        let file = File::from(file::create_anonymous()?);
        Ok(Self { file, partition: TASKS_OFFSET..i64::MAX as u64, next: TASKS_OFFSET })
    }

    /// Under which number workers find it at the pool.
    pub(super) fn descriptor(&self) -> i32 {
        self.file.as_raw_fd()
    }

    /// Where the part of a worker of this number begins.
    pub(super) fn partition_start(number: u64) -> u64 {
        partition_of(number).start
    }

    /// Opens the pool's, at a worker of this number.
    pub(super) fn open(pool: u32, fd: i32, number: u64) -> io::Result<Self> {
        let (file, status) = file::open_descriptor(pool, fd).map_err(|error| match error {
            file::NotOpened::Refused(error) => error,
            _ => io::ErrorKind::NotFound.into(),
        })?;
        if status.owner != process::effective_user() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let partition = partition_of(number);
        Ok(Self { file: File::from(file), next: partition.start, partition })
    }

    /// Writes contents, and says where.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<u64> {
        let room = (bytes.len() as u64).next_multiple_of(PAGE);
        if room > self.partition.end - self.partition.start {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let at = if room > self.partition.end - self.next { self.partition.start } else { self.next };
        self.file.write_all_at(bytes, at)?;
        self.next = at + room;
        Ok(at)
    }

    /// Appends contents that lie there.
    pub(super) fn read(&self, at: u64, len: u64, into: &mut Vec<u8>) -> io::Result<()> {
        // A length that the other side has damaged takes no memory.
        let there = self.file.metadata()?.len();
        if at.checked_add(len).is_none_or(|end| end > there) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let start = into.len();
        into.resize(start + len as usize, 0);
        self.file.read_exact_at(&mut into[start..], at)
    }

    /// Gives back the memory of contents that have been read.
    pub(super) fn free(&self, at: u64, len: u64) {
        // Where that fails, it is given back with the file.
        let _ = file::punch(&self.file, at, len.next_multiple_of(PAGE));
    }

    /// Gives back what a worker has left there that has ended.
    pub(super) fn free_partition(&self, number: u64) {
        self.free(partition_of(number).start, PARTITION_LEN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_at_both_ends() {
        let mut ours = OverflowFile::create().unwrap();
        let mut theirs = OverflowFile::open(std::process::id(), ours.descriptor(), 3).unwrap();
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
        let status = rustix_blocks(&ours.file);
        assert_eq!(status, 0, "no memory is left");
        assert!(ours.read(u64::MAX, 6, &mut found).is_err());
        assert!(ours.read(TASKS_OFFSET, u64::MAX, &mut found).is_err());
    }

    fn rustix_blocks(file: &File) -> u64 {
        use std::os::unix::fs::MetadataExt;
        file.metadata().unwrap().blocks()
    }

    #[test]
    fn a_part_is_gone_round_in() {
        let ours = OverflowFile::create().unwrap();
        let mut theirs = OverflowFile::open(std::process::id(), ours.descriptor(), 0).unwrap();
        theirs.next = theirs.partition.end - PAGE;
        assert_eq!(theirs.write(&[1; 5000]).unwrap(), 0);
        assert_eq!(theirs.write(&[1; 10]).unwrap(), 2 * PAGE);
    }
}
