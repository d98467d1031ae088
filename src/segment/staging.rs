//! Staging: a segment's file has a private name until it is complete and gets its public one.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::backing::Backing;
use super::location::{Location, STAGING_PREFIX};
use super::named;
use super::open;
use crate::error::SegmentError;
use crate::sys::file::{self, FileId};
use crate::sys::fork;
use crate::sys::process::{self, Identity, random_id};

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
                let folder = file::named_path("");
                remove_orphans(&folder);
                let (name, ()) = file::check_size_limit(length)
                    .and_then(|()| with_private_name(|name| named::create(name, size)))
                    .map_err(|error| allocation_error(error, length))?;
                let path = folder.join(name);
                let staged = Self { path: Some(path.clone()) };
                // The umask may deny access even to the owner.
                file::set_mode_of_path(&path, 0o600)
                    .map_err(SegmentError::os("set the mode of the segment's file"))?;
                let (file, _) =
                    file::open_existing(&path).map_err(|error| open::open_error(error, location))?;
                allocate(&file, length, mode)?;
                let backing = Backing::map(&file, length).map_err(|error| allocation_error(error, length))?;
                Ok((staged, file, backing))
            }
            Location::File(path) => {
                let folder = path.parent().unwrap_or(Path::new("/"));
                remove_orphans(folder);
                let (name, file) = with_private_name(|name| file::create_new(&folder.join(name)))
                    .map_err(SegmentError::os("create the segment's file"))?;
                let staged = Self { path: Some(folder.join(name)) };
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

    /// Where the file lies until it has its public name.
    pub(super) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
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

/// The error for bytes that could not be allocated: too many for the file system, for the memory or
/// for the address space, or another, such as a limit of this process.
fn allocation_error(error: std::io::Error, length: u64) -> SegmentError {
    use std::io::ErrorKind::{InvalidInput, OutOfMemory, QuotaExceeded, StorageFull};
    match error.kind() {
        StorageFull | OutOfMemory | QuotaExceeded | InvalidInput => SegmentError::NoSpace { needed: length },
        _ => SegmentError::Os { operation: "allocate the segment's file", source: error },
    }
}

/// How many private names to try. Each is random: one that is taken is no chance, so a few suffice.
const NAME_ATTEMPTS: u32 = 16;

/// Creates something under a private name that is free, and returns both.
fn with_private_name<R>(create: impl Fn(&str) -> io::Result<R>) -> io::Result<(String, R)> {
    let mut attempts = 0;
    loop {
        let name = private_name();
        attempts += 1;
        match create(&name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempts < NAME_ATTEMPTS => {}
            created => return created.map(|created| (name, created)),
        }
    }
}

/// A name that identifies this process, and that no other process can foresee.
fn private_name() -> String {
    let me = Identity::current();
    let random = u128::from_ne_bytes(random_id());
    format!("{STAGING_PREFIX}{:x}-{}-{:x}-{random:x}", me.pidns, me.pid, me.start)
}

/// The process that a private name identifies, if it is one.
fn creator_of(name: &str) -> Option<Identity> {
    let mut fields = name.strip_prefix(STAGING_PREFIX)?.split('-');
    let pidns = u64::from_str_radix(fields.next()?, 16).ok()?;
    let pid = fields.next()?.parse().ok()?;
    let start = u64::from_str_radix(fields.next()?, 16).ok()?;
    Some(Identity { pid, start, pidns })
}

/// Removes this user's files of processes that died while they created a segment in this folder.
///
/// A process does so once in each folder: to list a folder takes the longer the more files it has.
fn remove_orphans(folder: &Path) {
    /// The folders that are swept, and the fork generation of the process that swept them.
    static SWEPT: Mutex<(u32, Vec<FileId>)> = Mutex::new((0, Vec::new()));
    // After a fork, the lock may stay held by a thread that the child does not have: then it sweeps
    // each time.
    if let (Ok(mut swept), Ok(Some(status))) = (SWEPT.try_lock(), file::status_of_path(folder)) {
        if swept.0 != fork::generation() {
            *swept = (fork::generation(), Vec::new());
        }
        if swept.1.contains(&status.id) {
            return;
        }
        swept.1.push(status.id);
    }
    let Ok(files) = std::fs::read_dir(folder) else { return };
    for name in files.flatten().map(|file| file.file_name()) {
        let Some(creator) = name.to_str().and_then(creator_of) else { continue };
        let path = folder.join(&name);
        let status = file::status_of_path(&path).ok().flatten();
        let is_own = status.is_some_and(|status| status.owner == process::effective_user());
        if is_own && creator.is_gone() {
            // Fails if another process was faster.
            let _ = file::unlink(&path);
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

    #[test]
    fn with_private_name_goes_on_while_names_are_taken() {
        let tried = std::cell::RefCell::new(Vec::new());
        let create = |free_after: usize| {
            with_private_name(|name| {
                tried.borrow_mut().push(name.to_owned());
                if tried.borrow().len() > free_after {
                    Ok(7)
                } else {
                    Err(io::ErrorKind::AlreadyExists.into())
                }
            })
        };
        let (name, made) = create(3).unwrap();
        assert_eq!((&name, made, tried.borrow().len()), (&tried.borrow()[3], 7, 4));
        tried.borrow_mut().clear();
        assert_eq!(create(usize::MAX).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }
}
