//! With which other users a segment may be shared.

/// Which users a segment may be shared with, beyond its owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Access {
    pub(super) group: bool,
    pub(super) other: bool,
    pub(super) foreign_owner: bool,
}

impl Access {
    /// This access, and what the creator of a segment grants by the file's mode: references to the
    /// segment carry that on.
    pub(super) fn with_mode(self, mode: u32) -> Self {
        Self { group: self.group || mode & 0o020 != 0, other: self.other || mode & 0o002 != 0, ..self }
    }
}
