//! One process's mapping of a segment, and its membership among the participants.

#![allow(unsafe_code)]

use core::mem::{offset_of, size_of};
#[cfg(feature = "serde")]
use std::os::fd::AsRawFd;
use std::os::fd::{AsFd, BorrowedFd};

use super::admin_lock::{AdminLock, ThreadLock};
use super::backing::Backing;
use super::builder::Access;
use super::geometry::Geometry;
use super::location::Location;
use super::participants;
use crate::error::SegmentError;
use crate::layout::header::{DirectoryEntry, FLAG_PERSIST, Header, PARTICIPANT_FREE, ParticipantEntry};
use crate::primitive::{AtomicU32, AtomicU64, Ordering};
use crate::raw::{Cells, atomic_copy, mutex};
use crate::shareable;
use crate::sys::clock;
use crate::sys::file::FileId;
use crate::sys::fork::{self, UnsharedFile};

/// A mapped segment, attached as a participant. Handles share one through an `Arc`; the last of them unmaps.
pub(crate) struct Mapping {
    pub(super) geometry: Geometry,
    pub(super) location: Location,
    /// What references to the segment carry on.
    #[cfg_attr(not(feature = "serde"), expect(dead_code))]
    pub(super) access: Access,
    pub(super) file_id: FileId,
    /// Whether this mapping made the segment.
    pub(super) was_created: bool,
    /// The process that has this mapping from its own doing, by fork generation: forked children inherit no duties.
    generation: u32,
    /// `{fork generation:32 | participant id:32}`: in which process, and as whom, this mapping is attached; 0 for not yet.
    membership: AtomicU64,
    /// The description whose locks prove this process alive.
    file: UnsharedFile,
    thread_lock: ThreadLock,
    /// When this process last saw whether anybody has died, in nanoseconds.
    reaped_at: AtomicU64,
    /// Last: dropped, hence unmapped, when all is said.
    backing: Backing,
}

/// How the fields of a mapping come together.
pub(super) struct MappingParts {
    pub(super) geometry: Geometry,
    pub(super) location: Location,
    pub(super) access: Access,
    pub(super) file_id: FileId,
    pub(super) was_created: bool,
    pub(super) file: UnsharedFile,
    pub(super) backing: Backing,
}

/// How often to see whether anybody has died, at most, in nanoseconds: a little more often than a waiter wakes up.
const REAP_INTERVAL: u64 = 50_000_000;

impl Mapping {
    /// A mapping that is not attached yet.
    ///
    /// `backing` maps exactly the `total_len` bytes that `geometry` was checked for.
    pub(super) fn new(parts: MappingParts) -> Self {
        let MappingParts { geometry, location, access, file_id, was_created, file, backing } = parts;
        assert_eq!(
            backing.len() as u64,
            geometry.total_len,
            "the mapping is as long as the header was checked for"
        );
        Self {
            geometry,
            location,
            access,
            file_id,
            was_created,
            generation: fork::generation(),
            membership: AtomicU64::new(0),
            file,
            thread_lock: ThreadLock::default(),
            reaped_at: AtomicU64::new(0),
            backing,
        }
    }

    /// Waits until who is in the gate now has left it, seconds at most.
    pub(crate) fn wait_for_admin_lock(&self) {
        let _ = self.lock_admin();
    }

    /// Enters the segment's gate.
    pub(super) fn lock_admin(&self) -> Result<AdminLock<'_>, SegmentError> {
        AdminLock::acquire_exclusive(self.file(), &self.location, &self.thread_lock)
    }

    pub(crate) fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    #[cfg(feature = "serde")]
    pub(crate) fn descriptor(&self) -> i32 {
        self.file.as_fd().as_raw_fd()
    }

    /// The address of byte `offset`, which `len` bytes follow.
    ///
    /// # Panics
    /// Where they do not: offsets that come from the segment are checked before they come here.
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

    /// `count` words at `offset`, as everybody may change them.
    pub(crate) fn words(&self, offset: u64, count: usize) -> &[AtomicU64] {
        let start = self.at(offset, count as u64 * 8).cast::<AtomicU64>();
        assert!(start.is_aligned(), "words are aligned");
        // SAFETY: aligned, inside the mapping, which lives as long as `self`; atomics may change under a shared reference.
        unsafe { core::slice::from_raw_parts(start, count) }
    }

    /// `count` words of 32 bits at `offset`, as everybody may change them.
    pub(crate) fn words32(&self, offset: u64, count: usize) -> &[AtomicU32] {
        let start = self.at(offset, count as u64 * 4).cast::<AtomicU32>();
        assert!(start.is_aligned(), "words are aligned");
        // SAFETY: as in `words`.
        unsafe { core::slice::from_raw_parts(start, count) }
    }

    /// What lies at `offset` and is made of cells only.
    pub(crate) fn cells<C: Cells>(&self, offset: u64) -> &C {
        let start = self.at(offset, size_of::<C>() as u64).cast::<C>();
        assert!(start.is_aligned(), "states are aligned");
        // SAFETY: aligned, inside the mapping, which lives as long as `self`; `Cells` promises that any bytes are one, and that they
        // may change under a shared reference.
        unsafe { &*start }
    }

    fn word32(&self, offset: u64) -> &AtomicU32 {
        let start = self.at(offset, 4).cast::<AtomicU32>();
        assert!(start.is_aligned(), "words are aligned");
        // SAFETY: as in `words`.
        unsafe { &*start }
    }

    /// The lock that lies at `offset`.
    pub(crate) fn lock_at(&self, offset: u64) -> &mutex::MutexState {
        let start = self.at(offset, size_of::<mutex::MutexState>() as u64).cast::<mutex::MutexState>();
        assert!(start.is_aligned(), "locks are aligned");
        // SAFETY: aligned, inside the mapping, which lives as long as `self`; a `State` is all cells and atomics, valid for any
        // bytes.
        unsafe { &*start }
    }

    /// The lock of the directory.
    pub(crate) fn directory_lock(&self) -> &mutex::MutexState {
        self.lock_at(offset_of!(Header, directory_lock) as u64)
    }

    /// How many directory entries count.
    pub(crate) fn directory_used(&self) -> &AtomicU64 {
        &self.words(offset_of!(Header, directory_used) as u64, 1)[0]
    }

    fn flags(&self) -> &AtomicU64 {
        &self.words(offset_of!(Header, flags) as u64, 1)[0]
    }

    /// Where directory entry `index` lies.
    pub(crate) fn directory_entry_at(&self, index: u32) -> u64 {
        assert!(index < self.geometry.tables.directory_capacity, "an entry of the directory");
        self.geometry.tables.directory_at + u64::from(index) * size_of::<DirectoryEntry>() as u64
    }

    /// Where the entry of participant `id` lies.
    pub(crate) fn participant_entry_at(&self, id: u32) -> u64 {
        assert!((1..=self.geometry.tables.participants).contains(&id), "a participant's id");
        self.geometry.tables.participants_at + u64::from(id - 1) * size_of::<ParticipantEntry>() as u64
    }

    /// The state word of participant `id`.
    pub(crate) fn participant_state(&self, id: u32) -> &AtomicU32 {
        self.word32(self.participant_entry_at(id) + offset_of!(ParticipantEntry, state) as u64)
    }

    /// Whether the segment outlives its participants.
    pub(crate) fn is_persistent(&self) -> bool {
        // ORDER: relaxed; the flag stands for itself.
        self.flags().load(Ordering::Relaxed) & FLAG_PERSIST != 0
    }

    pub(crate) fn set_persistent(&self, persist: bool) {
        if persist {
            self.flags().fetch_or(FLAG_PERSIST, Ordering::Relaxed);
        } else {
            self.flags().fetch_and(!FLAG_PERSIST, Ordering::Relaxed);
        }
    }

    /// Whether the mapped memory is the segment of this id.
    pub(super) fn has_id(&self, id: [u8; 16]) -> bool {
        let words = self.words(offset_of!(Header, id) as u64, 2);
        shareable::read_bits::<[u8; 16]>(|bytes| atomic_copy::load(words, bytes)) == id
    }

    /// Asks for huge pages.
    pub(super) fn advise_huge_pages(&self) {
        // SAFETY: the whole of a live mapping.
        unsafe { crate::sys::file::advise_huge_pages(self.backing.start(), self.backing.len()) };
    }

    /// The fork generation of the process that attached this mapping last.
    pub(crate) fn attached_generation(&self) -> u32 {
        (self.membership.load(Ordering::Relaxed) >> 32) as u32
    }

    /// Whether this process is attached as this participant.
    pub(super) fn is_attached_as(&self, id: u32) -> bool {
        self.membership.load(Ordering::Relaxed) == u64::from(fork::generation()) << 32 | u64::from(id)
    }

    /// How many participants there can be: their ids are 1 to this.
    pub(crate) fn participants(&self) -> u32 {
        self.geometry.tables.participants
    }

    /// Whether nobody is the participant of this id, and yet it `holds` something: nobody that keeps to the rules has left that. For
    /// ids that can be, while this process is attached.
    #[cold]
    pub(crate) fn is_unowned(&self, id: u32, is_held: impl Fn() -> bool) -> bool {
        // ORDER: Acquire pairs with the Release of who left, and of who freed the id of a dead: it had let everything go before.
        let is_unowned_now =
            || self.participant_state(id).load(Ordering::Acquire) == PARTICIPANT_FREE && is_held();
        // Inside the gate, nobody becomes a participant between the two looks.
        is_unowned_now()
            && AdminLock::try_acquire_exclusive(self.file(), &self.thread_lock)
                .is_some_and(|_admin_lock| is_unowned_now())
    }

    /// Whether the participant of this id lives; the kernel vouches for it.
    pub(crate) fn is_alive(&self, id: u32) -> bool {
        participants::is_alive(self, id)
    }

    /// The process id of a participant.
    pub(crate) fn process_of(&self, id: u32) -> u32 {
        participants::process_of(self, id)
    }

    /// Repairs after those who have died attached, if there are any and it was not done just now. Somebody who waits may wait for
    /// one of them.
    #[cold]
    pub(crate) fn reap_dead_peers(&self) {
        let now = clock::monotonic_nanos();
        let due = self.reaped_at.load(Ordering::Relaxed).saturating_add(REAP_INTERVAL);
        if now < due {
            return;
        }
        self.reaped_at.store(now, Ordering::Relaxed);
        if participants::has_dead(self) && self.participant().is_ok() {
            // Where somebody is in the gate, this is done the next time.
            if let Some(admin_lock) = AdminLock::try_acquire_exclusive(self.file(), &self.thread_lock) {
                let _ = participants::reap(self, &admin_lock);
            }
        }
    }

    /// As which participant this process is attached; a forked child that is not yet becomes one.
    #[inline]
    pub(crate) fn participant(&self) -> Result<u32, SegmentError> {
        // ORDER: relaxed; who reads an id needs nothing else that its writer wrote.
        let membership = self.membership.load(Ordering::Relaxed);
        if (membership >> 32) as u32 == fork::generation() {
            return Ok(membership as u32);
        }
        self.reattach()
    }

    #[cold]
    fn reattach(&self) -> Result<u32, SegmentError> {
        let admin_lock = self.lock_admin()?;
        // A forked child may be the first of another pid namespace.
        participants::check_namespace(self, &admin_lock)?;
        self.attach(&admin_lock)
    }

    /// Whether this process is known to count processes otherwise than those that use the segment.
    #[cold]
    pub(crate) fn is_foreign(&self) -> bool {
        matches!(self.participant(), Err(SegmentError::ForeignNamespace { .. }))
    }

    /// Becomes a participant, inside the gate.
    pub(super) fn attach(&self, admin_lock: &AdminLock<'_>) -> Result<u32, SegmentError> {
        let generation = fork::generation();
        let before = self.membership.load(Ordering::Relaxed);
        if (before >> 32) as u32 == generation {
            return Ok(before as u32); // Another thread of a forked child was faster.
        }
        let id = participants::register(self, admin_lock)?;
        self.membership.store(u64::from(generation) << 32 | u64::from(id), Ordering::Relaxed);
        Ok(id)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        let generation = fork::generation();
        let owns = self.was_created && self.generation == generation && !self.is_persistent();
        if let (true, Some(path)) = (owns, self.location.path()) {
            // A name that cannot be removed now is found stale later.
            let _ = self.lock_admin().and_then(|admin_lock| admin_lock.unlink(self.file_id, &path));
        }
        let membership = *self.membership.get_mut();
        if (membership >> 32) as u32 == generation {
            participants::leave(self, membership as u32);
        }
    }
}

static_assertions::assert_impl_all!(Mapping: Send, Sync);
