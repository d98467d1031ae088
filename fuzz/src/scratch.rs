//! A file that is gone afterwards.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A file in a folder of its own, both removed on drop. One at a time: the next of this process has the same path, so what a
/// crash leaves is no more than that.
pub struct File {
    path: PathBuf,
}

impl File {
    /// A file of these bytes, which only this user may write.
    pub fn with(bytes: &[u8]) -> Self {
        let file = Self::absent();
        let mut options = OpenOptions::new();
        let mut created =
            options.write(true).create_new(true).mode(0o600).open(&file.path).expect("a new file");
        created.write_all(bytes).expect("room for a small file");
        file
    }

    /// The folder, and a path in it for somebody else to make the file at.
    pub fn absent() -> Self {
        let folder = std::env::temp_dir().join(format!("breezeway-fuzz-{}", std::process::id()));
        let file = Self { path: folder.join("segment") };
        file.remove();
        fs::create_dir(folder).expect("a new folder");
        file
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn remove(&self) {
        // The file is gone already where the segment in it was removed, and at first both are.
        let _ = fs::remove_file(&self.path);
        let _ = self.path.parent().map(fs::remove_dir);
    }
}

impl Drop for File {
    fn drop(&mut self) {
        self.remove();
    }
}
