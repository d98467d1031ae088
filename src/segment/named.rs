//! The one user of the `shared_memory` crate: mappings of POSIX shared memory by name.
//!
//! That crate maps a name, and nothing more. It never owns the name: it would unlink the name
//! whatever file has it by then, and in a forked child too.

#![allow(unsafe_code)]

use std::io;

use shared_memory::{Shmem, ShmemConf, ShmemError};

use crate::sys::descriptors;

/// A mapped name. Dropping this unmaps the memory; the name stays.
pub(super) struct NamedMap(Shmem);

// SAFETY: `Shmem` is not `Send` only because of the raw pointer that it holds. It is never written
// after construction, and dropping it calls munmap and close, which any thread may.
unsafe impl Send for NamedMap {}
// SAFETY: as above; `&NamedMap` only gives out the pointer and the length.
unsafe impl Sync for NamedMap {}

impl NamedMap {
    /// Creates a name of this length and maps it. No page is allocated yet.
    pub(super) fn create(name: &str, len: usize) -> io::Result<Self> {
        let _standard = descriptors::hold_standard();
        let mut shmem = ShmemConf::new().os_id(name).size(len).create().map_err(answer)?;
        shmem.set_owner(false);
        Ok(Self(shmem))
    }

    /// Maps an existing name.
    pub(super) fn open(name: &str) -> io::Result<Self> {
        let _standard = descriptors::hold_standard();
        Ok(Self(ShmemConf::new().os_id(name).open().map_err(answer)?))
    }

    pub(super) fn start(&self) -> *mut u8 {
        self.0.as_ptr()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// The system's error, if the crate passes its number on.
fn answer(error: ShmemError) -> io::Error {
    match error {
        ShmemError::MapCreateFailed(code)
        | ShmemError::MapOpenFailed(code)
        | ShmemError::UnknownOsError(code) => io::Error::from_raw_os_error(code as i32),
        ShmemError::MappingIdExists => io::ErrorKind::AlreadyExists.into(),
        other => io::Error::other(other),
    }
}
