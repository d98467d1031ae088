//! A file that is removed when dropped.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A file in a folder of its own; both are removed when this is dropped. A process has one at a
/// time: the next one has the same path, so a crash leaves at most one.
pub struct File {
    path: PathBuf,
}

impl File {
    /// Writes a file of these bytes that only this user may write.
    pub fn with(bytes: &[u8]) -> Self {
        let file = Self::absent();
        let mut options = OpenOptions::new();
        let mut created =
            options.write(true).create_new(true).mode(0o600).open(&file.path).expect("a new file");
        created.write_all(bytes).expect("room for a small file");
        file
    }

    /// Makes the folder, and returns a path in it at which no file is yet.
    pub fn absent() -> Self {
        let folder = std::env::temp_dir().join(format!("breezeway-fuzz-{}", std::process::id()));
        let file = Self { path: folder.join("segment") };
        file.remove();
        fs::create_dir(folder).expect("a new folder");
        file
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn remove(&self) {
        // The file is gone if the segment in it was removed; before the first use, file and folder
        // are.
        let _ = fs::remove_file(&self.path);
        let _ = self.path.parent().map(fs::remove_dir);
    }
}

impl Drop for File {
    fn drop(&mut self) {
        self.remove();
    }
}
