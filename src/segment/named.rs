//! The one user of the `shared_memory` crate: mappings of POSIX shared memory by name.
//!
//! Only what that crate does well is asked of it, mapping a name. It never owns: it would unlink by name whatever has the
//! name by then, and in a forked child too.

#![allow(unsafe_code)]

use std::io;

use shared_memory::{Shmem, ShmemConf, ShmemError};

/// A mapped name. Dropped, it is unmapped; the name stays.
pub(super) struct NamedMap(Shmem);

// SAFETY: `Shmem` is not `Send` only for the raw pointer it holds. It is never written after construction, and dropping it
// calls munmap and close, which any thread may.
unsafe impl Send for NamedMap {}
// SAFETY: as above; `&NamedMap` only gives out the pointer and the length.
unsafe impl Sync for NamedMap {}

impl NamedMap {
    /// Makes a new name of this length and maps it. Nothing is allocated yet.
    pub(super) fn create(name: &str, len: usize) -> io::Result<Self> {
        let mut shmem = ShmemConf::new().os_id(name).size(len).create().map_err(answer)?;
        shmem.set_owner(false);
        Ok(Self(shmem))
    }

    /// Maps an existing name.
    pub(super) fn open(name: &str) -> io::Result<Self> {
        Ok(Self(ShmemConf::new().os_id(name).open().map_err(answer)?))
    }

    pub(super) fn start(&self) -> *mut u8 {
        self.0.as_ptr()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// The system's error number, where the crate passes it on.
fn answer(error: ShmemError) -> io::Error {
    match error {
        ShmemError::MapCreateFailed(code)
        | ShmemError::MapOpenFailed(code)
        | ShmemError::UnknownOsError(code) => io::Error::from_raw_os_error(code as i32),
        ShmemError::MappingIdExists => io::ErrorKind::AlreadyExists.into(),
        other => io::Error::other(other),
    }
}
