//! Staging: a segment's file has a private name until it is complete and gets its public one.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use super::backing::Backing;
use super::location::{Location, STAGING_PREFIX};
use super::open;
use crate::error::SegmentError;
use crate::primitive::{AtomicU32, Ordering};
use crate::sys::file;
use crate::sys::process::Identity;

/// A file under a private name, which dropping this removes. A process that dies leaves the name
/// for [`remove_orphans`].
pub(super) struct StagedFile {
    path: Option<PathBuf>,
}

impl StagedFile {
    /// Creates a mapped file of `length` allocated bytes, which only this process knows of.
    pub(super) fn new(
        location: &Location,
        length: u64,
        mode: u32,
    ) -> Result<(Self, OwnedFd, Backing), SegmentError> {
        let no_space = |_| SegmentError::NoSpace { needed: length };
        let size = usize::try_from(length).map_err(no_space)?;
        match location {
            Location::Named(_) => {
                let name = private_name();
                remove_orphans(&file::named_path(""));
                let backing =
                    Backing::create_named(&name, size).map_err(|error| allocation_error(error, length))?;
                let path = file::named_path(&name);
                let staged = Self { path: Some(path.clone()) };
                // The umask may deny access even to the owner.
                file::set_mode_of_path(&path, 0o600)
                    .map_err(SegmentError::os("set the mode of the segment's file"))?;
                let (file, _) =
                    file::open_existing(&path).map_err(|error| open::open_error(error, location))?;
                allocate(&file, length, mode)?;
                Ok((staged, file, backing))
            }
            Location::File(path) => {
                let folder = path.parent().unwrap_or(Path::new("/"));
                remove_orphans(folder);
                let path = folder.join(private_name());
                let file = file::create_new(&path).map_err(SegmentError::os("create the segment's file"))?;
                let staged = Self { path: Some(path) };
                allocate(&file, length, mode)?;
                let backing = Backing::map(&file, length).map_err(|error| allocation_error(error, length))?;
                Ok((staged, file, backing))
            }
            Location::Anonymous => {
                let file = file::create_anonymous().map_err(SegmentError::os("create the segment's file"))?;
                allocate(&file, length, mode)?;
                file::seal_length(&file).map_err(SegmentError::os("seal the segment's length"))?;
                let backing = Backing::map(&file, length).map_err(|error| allocation_error(error, length))?;
                Ok((Self { path: None }, file, backing))
            }
        }
    }

    /// Gives the file its public name. Returns whether that was free.
    pub(super) fn publish(&mut self, public: &Path) -> Result<bool, SegmentError> {
        let Some(path) = &self.path else { return Ok(true) };
        match file::publish(path, public) {
            Ok(()) => {
                self.path = None;
                Ok(true)
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(SegmentError::Os { operation: "name the segment's file", source: error }),
        }
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // Fails only if another process has removed the name.
            let _ = file::unlink(path);
        }
    }
}

fn allocate(file: &OwnedFd, length: u64, mode: u32) -> Result<(), SegmentError> {
    file::allocate(file, length).map_err(|error| allocation_error(error, length))?;
    file::set_mode(file, mode).map_err(SegmentError::os("set the mode of the segment's file"))
}

/// The error for bytes that could not be allocated: too many for the file system, for a file, or
/// for the address space, or another.
fn allocation_error(error: std::io::Error, length: u64) -> SegmentError {
    use std::io::ErrorKind::{FileTooLarge, InvalidInput, OutOfMemory, QuotaExceeded, StorageFull};
    match error.kind() {
        StorageFull | FileTooLarge | OutOfMemory | QuotaExceeded | InvalidInput => {
            SegmentError::NoSpace { needed: length }
        }
        _ => SegmentError::Os { operation: "allocate the segment's file", source: error },
    }
}

/// A name that no other process uses, and that identifies this one.
fn private_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let me = Identity::current();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{STAGING_PREFIX}{:x}-{}-{:x}-{count:x}", me.pidns, me.pid, me.start)
}

/// The process that a private name identifies, if it is one.
fn creator_of(name: &str) -> Option<Identity> {
    let mut fields = name.strip_prefix(STAGING_PREFIX)?.split('-');
    let pidns = u64::from_str_radix(fields.next()?, 16).ok()?;
    let pid = fields.next()?.parse().ok()?;
    let start = u64::from_str_radix(fields.next()?, 16).ok()?;
    Some(Identity { pid, start, pidns })
}

/// Removes the files of processes that died while they created a segment in this folder.
fn remove_orphans(folder: &Path) {
    let Ok(files) = std::fs::read_dir(folder) else { return };
    for name in files.flatten().map(|file| file.file_name()) {
        if name.to_str().and_then(creator_of).is_some_and(|creator| creator.is_gone()) {
            // Fails if another process was faster, or if the file is another user's.
            let _ = file::unlink(&folder.join(name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_name_identifies_its_creator() {
        assert_eq!(creator_of(&private_name()), Some(Identity::current()));
        assert_ne!(private_name(), private_name());
        assert_eq!(creator_of("plant"), None);
        assert_eq!(creator_of(".breezeway-plant"), None);
    }
}
