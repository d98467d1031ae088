//! [`Region`]: where an object lies in a segment.

#![allow(unsafe_code)]

use super::handle::Segment;
use crate::error::SegmentError;
use crate::layout::header::{DirectoryEntry, field_text};
use crate::primitive::{AtomicU32, AtomicU64};
use crate::raw::Cells;
use crate::sys::file::FileId;

/// The part of an object's size that its type does not give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// How many elements.
    pub(crate) count: u64,
    /// A second size, whose meaning is the kind's.
    pub(crate) aux: u64,
}

impl Shape {
    pub(crate) const ONE: Self = Self { count: 1, aux: 0 };
}

/// Where an object lies, checked once and kept in private memory.
#[derive(Clone, Debug)]
pub struct Region {
    segment: Segment,
    entry: DirectoryEntry,
}

impl Region {
    /// The region of an entry whose offset and length lie in the segment.
    pub(super) fn new(segment: &Segment, entry: DirectoryEntry) -> Self {
        Self { segment: segment.clone(), entry }
    }

    pub(crate) fn segment(&self) -> &Segment {
        &self.segment
    }

    /// What tells the object from all others, in whatever mapping.
    pub(crate) fn file_and_offset(&self) -> (FileId, u64) {
        (self.segment.mapping().file_id(), self.entry.offset)
    }

    /// The object's name in its segment.
    pub(crate) fn name(&self) -> &str {
        field_text(&self.entry.name).unwrap_or_default()
    }

    #[cfg(feature = "serde")]
    pub(super) fn entry(&self) -> &DirectoryEntry {
        &self.entry
    }

    pub(crate) fn shape(&self) -> Shape {
        Shape { count: self.entry.element_count, aux: self.entry.aux }
    }

    /// The object's words from byte `start` to its end.
    pub(crate) fn words_from(&self, start: u64) -> &[AtomicU64] {
        let length = self.entry.length.saturating_sub(start);
        self.segment.mapping().words(self.entry.offset + start, (length / 8) as usize)
    }

    /// `count` of the object's words of 32 bits, from byte `start` on.
    pub(crate) fn words32_from(&self, start: u64, count: usize) -> &[AtomicU32] {
        self.segment.mapping().words32(self.entry.offset + start, count)
    }

    /// The state at byte `start` of the object.
    pub(crate) fn state_at<C: Cells>(&self, start: u64) -> &C {
        self.segment.mapping().cells(self.entry.offset + start)
    }

    /// The state at the object's start.
    pub(crate) fn state<C: Cells>(&self) -> &C {
        self.segment.mapping().cells(self.entry.offset)
    }

    /// The error for contents that contradict themselves.
    pub(crate) fn corrupt(&self, what: &'static str) -> SegmentError {
        SegmentError::Corrupt { what, offset: self.entry.offset }
    }

    /// Sets all bytes to zero, before the object is built.
    pub(super) fn zero(&self) {
        let start = self.segment.mapping().at(self.entry.offset, self.entry.length);
        // SAFETY: `at` found that many bytes in the mapping, and no entry that counts names them,
        // so no other thread or process knows of them.
        unsafe { start.write_bytes(0, self.entry.length as usize) };
    }
}
