//! Faults that can meet any operation on an object: each family has a variant for them, and they are worded here.

use core::fmt;

/// This forked child could not register as a participant of the segment. Each family's `NotAttached` is made from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotAttached;

impl fmt::Display for NotAttached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "this forked process could not register as a participant of the segment: open the segment anew",
        )
    }
}

/// Makes a family's `NotAttached` of this fault.
macro_rules! from_not_attached {
    ($error:ty) => {
        impl From<$crate::error::fault::NotAttached> for $error {
            #[inline]
            fn from(_: $crate::error::fault::NotAttached) -> Self {
                Self::NotAttached
            }
        }
    };
}
pub(super) use from_not_attached;

/// The message of each family's `Corrupt`.
pub(super) struct Corrupt<'a>(pub(super) &'a str);

impl fmt::Display for Corrupt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the shared memory is corrupt ({}): recreate the segment", self.0)
    }
}
