//! The one user of the `shared_memory` crate: making POSIX shared memory.
//!
//! That crate makes a name of a length, and maps it. It never owns the name: it would unlink the
//! name whatever file has it by then, and in a forked child too. Nor does its mapping stay, because
//! it would keep a descriptor: the segment's own descriptor and mapping take its place.

use std::io;

use shared_memory::{ShmemConf, ShmemError};

use crate::sys::descriptors;

/// Makes a name of this length in `/dev/shm`. No page is allocated yet.
pub(super) fn create(name: &str, len: usize) -> io::Result<()> {
    let _standard = descriptors::hold_standard();
    let mut shmem = ShmemConf::new().os_id(name).size(len).create().map_err(answer)?;
    shmem.set_owner(false);
    Ok(())
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
