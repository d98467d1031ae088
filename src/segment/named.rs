//! The one user of the `shared_memory` crate: mappings of POSIX shared memory by name.
//!
//! Only what that crate does well is asked of it, mapping a name. It never owns: it would unlink by name whatever has the
//! name by then, and in a forked child too.

use std::io;

use shared_memory::{Shmem, ShmemConf, ShmemError};

/// Makes a new name of this length and maps it. Nothing is allocated yet.
pub(super) fn create(name: &str, len: usize) -> io::Result<Shmem> {
    let mut shmem = ShmemConf::new().os_id(name).size(len).create().map_err(answer)?;
    shmem.set_owner(false);
    Ok(shmem)
}

/// Maps an existing name.
pub(super) fn open(name: &str) -> io::Result<Shmem> {
    ShmemConf::new().os_id(name).open().map_err(answer)
}

/// The system's error number, where the crate passes it on.
fn answer(error: ShmemError) -> io::Error {
    match error {
        ShmemError::MapCreateFailed(code) | ShmemError::MapOpenFailed(code) | ShmemError::UnknownOsError(code) => {
            io::Error::from_raw_os_error(code as i32)
        }
        ShmemError::MappingIdExists => io::ErrorKind::AlreadyExists.into(),
        other => io::Error::other(other),
    }
}
