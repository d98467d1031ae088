//! Segments of few participants.
//!
//! A process that looks for the dead goes through all participants that a segment may have, by
//! instructions that are alike for each unused one.

use breezeway::Segment;

/// More than any case has at a time.
const PARTICIPANTS: u32 = 12;

/// Creates the segment of a case.
pub(super) fn create(name: &str) -> Segment {
    Segment::builder().participants(PARTICIPANTS).create(name, 1 << 16).unwrap()
}
