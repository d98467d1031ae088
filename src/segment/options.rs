//! The options of creating and opening a segment.

use super::access::Access;
use super::geometry::{MAX_OBJECTS, MAX_PARTICIPANTS};
use crate::error::SegmentError;
use crate::sys::process;

/// What [`SegmentBuilder`](super::builder::SegmentBuilder) collects.
#[derive(Clone, Debug)]
pub(super) struct SegmentOptions {
    pub(super) participants: u32,
    pub(super) objects: u32,
    pub(super) mode: u32,
    pub(super) huge_pages: bool,
    /// Whether core dumps of this process contain the segment.
    pub(super) core_dumps: bool,
    /// As the caller said, or `None` for what the location's kind has by default.
    pub(super) persist: Option<bool>,
    pub(super) access: Access,
}

impl Default for SegmentOptions {
    fn default() -> Self {
        Self {
            participants: default_participants(process::machine_cpus()),
            objects: 64,
            mode: 0o600,
            huge_pages: false,
            core_dumps: false,
            persist: None,
            access: Access::default(),
        }
    }
}

/// Four for each CPU of the machine, and at least 256.
fn default_participants(cpus: u32) -> u32 {
    cpus.saturating_mul(4).clamp(256, MAX_PARTICIPANTS)
}

impl SegmentOptions {
    /// # Errors
    /// [`SegmentError::InvalidOption`] if a number or the mode is out of its range.
    pub(super) fn checked(&self) -> Result<&Self, SegmentError> {
        if !(1..=MAX_PARTICIPANTS).contains(&self.participants) {
            return Err(SegmentError::InvalidOption { option: "participants", allowed: "1 to 65535" });
        }
        if !(1..=MAX_OBJECTS).contains(&self.objects) {
            return Err(SegmentError::InvalidOption { option: "objects", allowed: "1 to 65535" });
        }
        if self.mode & !0o777 != 0 || self.mode & 0o600 != 0o600 {
            let allowed = "0600 to 0777, its owner able to read and write it";
            return Err(SegmentError::InvalidOption { option: "mode", allowed });
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_participants_suffice_for_four_on_each_cpu() {
        let counts = [1, 64, 65, 1000, u32::MAX].map(default_participants);
        assert_eq!(counts, [256, 256, 260, 4000, MAX_PARTICIPANTS]);
    }
}
