//! With which other users a segment may be shared.

/// Which users a segment may be shared with, beyond its owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Access {
    pub(super) group: bool,
    pub(super) other: bool,
    pub(super) foreign_owner: bool,
}
