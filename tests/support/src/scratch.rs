//! Places of a test's own, which are gone when it ends.

use std::fs::{self, File, OpenOptions};
use std::ops::Deref;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::unique;

/// A folder for files. Dropped, it is gone with all that is in it.
pub struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    pub fn new(what: &str) -> Self {
        Self::inside(&std::env::temp_dir(), what)
    }

    /// In the folder of the named segments, for what needs its file system.
    pub fn in_shared_memory(what: &str) -> Self {
        Self::inside(Path::new(SHARED_MEMORY), what)
    }

    fn inside(parent: &Path, what: &str) -> Self {
        let folder = parent.join(unique(what));
        fs::create_dir(&folder).unwrap();
        Self { folder }
    }

    /// The path of a file that may come to be in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

const SHARED_MEMORY: &str = "/dev/shm";

/// A segment name of its own. Dropped, it names nothing any more.
pub struct Name(String);

impl Name {
    pub fn new(what: &str) -> Self {
        Self(unique(what))
    }

    /// Exactly this name.
    pub fn exactly(name: String) -> Self {
        Self(name)
    }

    /// Where the name is a file's.
    pub fn path(&self) -> PathBuf {
        Path::new(SHARED_MEMORY).join(&self.0)
    }

    /// Whether it names anything.
    pub fn is_taken(&self) -> bool {
        self.path().symlink_metadata().is_ok()
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let path = self.path();
        let _ = if path.is_dir() { fs::remove_dir(path) } else { fs::remove_file(path) };
    }
}

/// Writes into an existing file, as a process would that keeps to no rules.
pub fn patch(path: &Path, offset: u64, bytes: &[u8]) {
    OpenOptions::new().write(true).open(path).unwrap().write_all_at(bytes, offset).unwrap();
}

/// Some bytes of a file.
pub fn peek<const N: usize>(path: &Path, offset: u64) -> [u8; N] {
    let mut bytes = [0; N];
    File::open(path).unwrap().read_exact_at(&mut bytes, offset).unwrap();
    bytes
}

/// The private names of segments in the making by one of these processes.
pub fn stages_of(pids: &[u32]) -> Vec<String> {
    let names = fs::read_dir(SHARED_MEMORY).unwrap().flatten().map(|file| file.file_name());
    let maker = |name: &str| name.strip_prefix(".breezeway-")?.split('-').nth(1)?.parse().ok();
    names
        .filter_map(|name| name.into_string().ok())
        .filter(|name| maker(name).is_some_and(|pid| pids.contains(&pid)))
        .collect()
}
