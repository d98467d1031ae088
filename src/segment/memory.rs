//! A segment's bytes in this process, and where its tables lie in them.

#![allow(unsafe_code)]

use core::mem::{offset_of, size_of};

use super::backing::Backing;
use super::geometry::Geometry;
use crate::layout::header::{DirectoryEntry, FLAG_PERSIST, Header, ParticipantEntry};
use crate::primitive::{AtomicU32, AtomicU64, Ordering};
use crate::raw::{Cells, mutex};
use crate::sys::checked_file::CheckedFile;

/// A mapped segment, and its open file.
pub(crate) struct SegmentMemory {
    pub(super) geometry: Geometry,
    file: CheckedFile,
    /// Last, so that it is dropped, and unmapped, after everything else.
    backing: Backing,
}

impl SegmentMemory {
    /// # Panics
    /// If `backing` is of another length than the one that `geometry` was checked for.
    pub(super) fn new(geometry: Geometry, file: CheckedFile, backing: Backing) -> Self {
        assert_eq!(
            backing.len() as u64,
            geometry.total_len,
            "the mapping is as long as the header was checked for"
        );
        Self { geometry, file, backing }
    }

    pub(super) fn file(&self) -> &CheckedFile {
        &self.file
    }

    /// The address of byte `offset`, at which `len` bytes lie.
    ///
    /// # Panics
    /// If they do not: offsets that come from the segment are checked before they come here.
    #[inline]
    pub(crate) fn at(&self, offset: u64, len: u64) -> *mut u8 {
        let end = offset.checked_add(len);
        assert!(end.is_some_and(|end| end <= self.geometry.total_len), "an offset inside the segment");
        // SAFETY: inside the mapping, as just checked.
        unsafe { self.backing.start().add(offset as usize) }
    }

    /// Whether this address is in the mapping.
    #[cfg(feature = "async")]
    pub(crate) fn contains(&self, address: *const u32) -> bool {
        let start = self.at(0, self.geometry.total_len).addr() as u64;
        (start..start + self.geometry.total_len).contains(&(address.addr() as u64))
    }

    /// `count` words at `offset`, which every participant may change.
    pub(crate) fn words(&self, offset: u64, count: usize) -> &[AtomicU64] {
        let start = self.at(offset, count as u64 * 8).cast::<AtomicU64>();
        assert!(start.is_aligned(), "words are aligned");
        // SAFETY: aligned, inside the mapping, which lives as long as `self`; atomics may change
        // under a shared reference.
        unsafe { core::slice::from_raw_parts(start, count) }
    }

    /// `count` words of 32 bits at `offset`, which every participant may change.
    pub(crate) fn words32(&self, offset: u64, count: usize) -> &[AtomicU32] {
        let start = self.at(offset, count as u64 * 4).cast::<AtomicU32>();
        assert!(start.is_aligned(), "words are aligned");
        // SAFETY: as in `words`.
        unsafe { core::slice::from_raw_parts(start, count) }
    }

    /// The state at `offset`, which is made of cells only.
    pub(crate) fn cells<C: Cells>(&self, offset: u64) -> &C {
        let start = self.at(offset, size_of::<C>() as u64).cast::<C>();
        assert!(start.is_aligned(), "states are aligned");
        // SAFETY: aligned, inside the mapping, which lives as long as `self`; `Cells` promises that
        // any bytes are a `C`, which may change under a shared reference.
        unsafe { &*start }
    }

    /// The lock of the directory.
    pub(crate) fn directory_lock(&self) -> &mutex::MutexState {
        self.cells(offset_of!(Header, directory_lock) as u64)
    }

    /// How many directory entries count.
    pub(crate) fn directory_used(&self) -> &AtomicU64 {
        &self.words(offset_of!(Header, directory_used) as u64, 1)[0]
    }

    /// Where directory entry `index` lies.
    pub(crate) fn directory_entry_at(&self, index: u32) -> u64 {
        assert!(index < self.geometry.tables.directory_capacity, "an entry of the directory");
        self.geometry.tables.directory_at + u64::from(index) * size_of::<DirectoryEntry>() as u64
    }

    /// How many participants the segment has entries for: their ids are 1 to this.
    pub(crate) fn participants(&self) -> u32 {
        self.geometry.tables.participants
    }

    /// Where the entry of participant `id` lies.
    pub(crate) fn participant_entry_at(&self, id: u32) -> u64 {
        assert!((1..=self.participants()).contains(&id), "a participant's id");
        self.geometry.tables.participants_at + u64::from(id - 1) * size_of::<ParticipantEntry>() as u64
    }

    /// The state word of participant `id`.
    pub(crate) fn participant_state(&self, id: u32) -> &AtomicU32 {
        let offset = self.participant_entry_at(id) + offset_of!(ParticipantEntry, state) as u64;
        &self.words32(offset, 1)[0]
    }

    /// Which registration of its id participant `id` is.
    pub(crate) fn participant_epoch(&self, id: u32) -> &AtomicU32 {
        let offset = self.participant_entry_at(id) + offset_of!(ParticipantEntry, epoch) as u64;
        &self.words32(offset, 1)[0]
    }

    /// The highest id that a participant has had.
    pub(crate) fn highest_id(&self) -> &AtomicU32 {
        &self.words32(offset_of!(Header, highest_id) as u64, 1)[0]
    }

    /// When a process last looked for dead participants.
    pub(crate) fn reaped_at(&self) -> &AtomicU64 {
        &self.words(offset_of!(Header, reaped_at) as u64, 1)[0]
    }

    fn flags(&self) -> &AtomicU64 {
        &self.words(offset_of!(Header, flags) as u64, 1)[0]
    }

    /// Whether the segment outlives its participants.
    pub(crate) fn is_persistent(&self) -> bool {
        // ORDER: relaxed; the flag publishes nothing but itself.
        self.flags().load(Ordering::Relaxed) & FLAG_PERSIST != 0
    }

    pub(crate) fn set_persistent(&self, persist: bool) {
        if persist {
            self.flags().fetch_or(FLAG_PERSIST, Ordering::Relaxed);
        } else {
            self.flags().fetch_and(!FLAG_PERSIST, Ordering::Relaxed);
        }
    }

    /// Asks the kernel for huge pages.
    pub(super) fn advise_huge_pages(&self) {
        // SAFETY: the whole of a live mapping.
        unsafe { crate::sys::file::advise_huge_pages(self.backing.start(), self.backing.len()) };
    }

    /// Leaves the segment out of this process's core dumps.
    pub(super) fn exclude_from_core_dumps(&self) {
        // SAFETY: the whole of a live mapping.
        unsafe { crate::sys::file::exclude_from_core_dumps(self.backing.start(), self.backing.len()) };
    }
}
