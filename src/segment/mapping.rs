//! One process's membership in a segment that it has mapped.

#![allow(unsafe_code)]

use core::ops::Deref;
use core::ptr;
use std::os::fd::{AsFd, IntoRawFd, OwnedFd};

use super::admin_lock::AdminLock;
use super::location::Location;
use super::memory::SegmentMemory;
use super::participants;
use crate::error::{NotAttached, SegmentError};
use crate::layout::header::PARTICIPANT_FREE;
use crate::primitive::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
use crate::raw::registration::Registration;
use crate::sys::clock;
use crate::sys::file::FileId;
use crate::sys::fork::{self, ForkGuard};
use crate::sys::liveness::{self, PinnedFile};

/// A mapped segment, attached as a participant. All handles of a process share one through an `Arc`;
/// the last of them unmaps it.
pub(crate) struct Mapping {
    pub(super) location: Location,
    /// `{fork generation:32 | participant id:32}`: in which process, and as which participant, this
    /// mapping is attached; 0 until it is.
    membership: AtomicU64,
    /// The epoch of the membership's registration. Stored before the membership.
    epoch: AtomicU32,
    /// The pinned file that holds the membership's lock.
    life: PinnedSlot,
    /// In a forked child: the pinned file by which it counts as alive before it is a participant.
    forked_life: PinnedSlot,
    /// When this process last looked for dead participants, in nanoseconds.
    reaped_at: AtomicU64,
    /// Last, so that it is dropped, and unmapped, after everything else.
    memory: SegmentMemory,
}

/// What a mapping is made of.
pub(super) struct MappingParts {
    pub(super) location: Location,
    pub(super) memory: SegmentMemory,
}

/// How often the participants of a segment are looked at, in nanoseconds: a little more often than
/// a waiter's recheck interval.
const REAP_INTERVAL: u64 = 50_000_000;

impl Deref for Mapping {
    type Target = SegmentMemory;

    #[inline]
    fn deref(&self) -> &SegmentMemory {
        &self.memory
    }
}

impl Mapping {
    /// A mapping that is not attached yet.
    pub(super) fn new(parts: MappingParts) -> Self {
        let MappingParts { location, memory } = parts;
        Self {
            location,
            membership: AtomicU64::new(0),
            epoch: AtomicU32::new(0),
            life: PinnedSlot::default(),
            forked_life: PinnedSlot::default(),
            reaped_at: AtomicU64::new(0),
            memory,
        }
    }

    pub(super) fn memory(&self) -> &SegmentMemory {
        &self.memory
    }

    /// Which file the segment's is.
    pub(super) fn file_id(&self) -> FileId {
        self.memory.file().id()
    }

    /// The number of a descriptor of the segment's file.
    #[cfg(feature = "serde")]
    pub(super) fn descriptor(&self) -> i32 {
        self.memory.file().descriptor()
    }

    /// Takes the segment's admin lock.
    pub(super) fn lock_admin(&self) -> Result<AdminLock, SegmentError> {
        AdminLock::acquire(self.memory.file(), &self.location)
    }

    /// Whether this process is attached. A handler around its fork may have attached a forked child
    /// already.
    fn is_attached(&self) -> bool {
        (self.membership.load(Ordering::Relaxed) >> 32) as u32 == fork::generation()
    }

    /// Whether this process is attached as this participant.
    fn is_attached_as(&self, id: u32) -> bool {
        self.membership.load(Ordering::Relaxed) == u64::from(fork::generation()) << 32 | u64::from(id)
    }

    /// Whether the segment has no participant of this id, and yet `is_held` finds something held
    /// under it, which no participant that keeps to the rules leaves.
    ///
    /// The id is a participant's, 1 to their number, and this process is attached.
    #[cold]
    pub(crate) fn is_unowned(&self, id: u32, is_held: impl Fn() -> bool) -> bool {
        // ORDER: Acquire pairs with the Release of the participant that left, or of the one that
        // freed a dead participant's id: it had let go of everything before.
        let is_free = || self.participant_state(id).load(Ordering::Acquire) == PARTICIPANT_FREE;
        let epoch = || self.participant_epoch(id).load(Ordering::Acquire);
        let before = epoch();
        // In one epoch an id is free before its registration and after it has let go of everything.
        is_free() && is_held() && is_free() && epoch() == before
    }

    /// Whether the participant of this id is alive, as the kernel knows. One that cannot be asked
    /// about counts as alive: nothing is repaired on a guess.
    pub(crate) fn is_alive(&self, id: u32) -> bool {
        (1..=self.participants()).contains(&id)
            && (self.is_attached_as(id) || participants::is_locked(&self.memory, id).unwrap_or(true))
    }

    /// The registration as which this process is attached; a forked child that is not yet becomes a
    /// participant.
    pub(crate) fn registration(&self) -> Result<Registration, SegmentError> {
        let id = self.participant()?;
        Ok(Registration { id, epoch: self.epoch.load(Ordering::Relaxed) })
    }

    /// The epoch of this process's registration. The caller knows that there is one.
    pub(crate) fn epoch(&self) -> u32 {
        self.epoch.load(Ordering::Relaxed)
    }

    /// Whether this registration's process lives and is attached. If the kernel cannot be asked, it
    /// counts as living.
    pub(crate) fn is_living(&self, registration: Registration) -> bool {
        // The lock first: a registration that is over when the lock is free stays so.
        self.is_alive(registration.id) && participants::is_registered(&self.memory, registration)
    }

    /// The process id of a participant; 0 for an id that no participant can have.
    pub(crate) fn process_of(&self, id: u32) -> u32 {
        participants::process_of(&self.memory, id)
    }

    /// Looks for dead participants, if this process has not for the reap interval. An operation that
    /// goes on without a park calls this, so that its process learns of a death by the time that has
    /// passed, whatever the number of calls. Returns whether it has looked; where it is not yet time,
    /// that costs a few nanoseconds.
    #[inline]
    pub(crate) fn reap_if_due(&self) -> bool {
        let is_due =
            clock::coarse_nanos().wrapping_sub(self.reaped_at.load(Ordering::Relaxed)) >= REAP_INTERVAL;
        if is_due {
            self.reap_dead_peers();
        }
        is_due
    }

    /// Repairs after the participants that died attached, if the segment's have not just been looked
    /// at: a waiter may wait for one of them.
    #[cold]
    pub(crate) fn reap_dead_peers(&self) {
        let now = clock::monotonic_nanos();
        // Clocks of another boot or time namespace make the difference large, and a look due.
        let is_due = |at: u64| now.wrapping_sub(at) >= REAP_INTERVAL;
        let own_last = self.reaped_at.load(Ordering::Relaxed);
        if !is_due(own_last) {
            return;
        }
        self.reaped_at.store(now, Ordering::Relaxed);
        // One process looks for all in each interval. If it dies or is stopped, another does in the
        // next one. The first look of a process does not depend on others: it may be its only one.
        let last = self.memory.reaped_at().load(Ordering::Relaxed);
        let is_elected = is_due(last)
            && self
                .memory
                .reaped_at()
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if is_elected || own_last == 0 {
            let _ = self.reap();
        }
    }

    /// Repairs after the participants that died attached, and returns how many ids it has freed.
    pub(crate) fn reap(&self) -> Result<u32, SegmentError> {
        let membership = self.membership.load(Ordering::Relaxed);
        let own_id = if (membership >> 32) as u32 == fork::generation() { membership as u32 } else { 0 };
        participants::reap(&self.memory, own_id)
    }

    /// As which participant this process is attached; a forked child that is not yet becomes one.
    #[inline]
    pub(crate) fn participant(&self) -> Result<u32, SegmentError> {
        // ORDER: Acquire pairs with the Release in `attach`: the epoch is this membership's.
        let membership = self.membership.load(Ordering::Acquire);
        if (membership >> 32) as u32 == fork::generation() {
            return Ok(membership as u32);
        }
        self.attach()
    }

    /// [`participant`](Self::participant) for operations whose errors do not say why there is none.
    #[inline]
    pub(crate) fn attached(&self) -> Result<u32, NotAttached> {
        self.participant().map_err(|_| NotAttached)
    }

    /// Registers this process as a participant.
    #[cold]
    pub(super) fn attach(&self) -> Result<u32, SegmentError> {
        let generation = fork::generation();
        let (registration, life) = participants::register(&self.memory)?;
        let Registration { id, epoch } = registration;
        let own = u64::from(generation) << 32 | u64::from(id);
        // Of the threads of a forked child that come here at a time, the first one's registration
        // counts.
        let _serial = fork::exclude();
        let found = self.membership.load(Ordering::Relaxed);
        if (found >> 32) as u32 == generation {
            // Another thread of a forked child was faster. Only a fresh mapping, which has 0, or a
            // forked child's, which has another generation, gets a membership.
            participants::leave(&self.memory, id);
            return Ok(found as u32);
        }
        self.epoch.store(epoch, Ordering::Relaxed);
        // A forked child has looked for nobody yet.
        self.reaped_at.store(0, Ordering::Relaxed);
        self.life.set(Some(life));
        // ORDER: Release pairs with the Acquire in `participant`.
        self.membership.store(own, Ordering::Release);
        Ok(id)
    }

    /// Opens a description that makes a child alive that this process is about to fork.
    pub(super) fn prepare_fork(&self) -> Option<OwnedFd> {
        let file = self.memory.file().reopen().ok()?;
        liveness::lock_as_forked_child(file.as_fd()).ok()?;
        Some(file)
    }

    /// In a forked child: takes over the description that the parent has prepared, and closes what
    /// is left of the parent's lock.
    pub(super) fn continue_in_child(&self, prepared: Option<OwnedFd>, no_fork: &ForkGuard) {
        if !self.is_attached() {
            self.life.set(None);
        }
        let Some(file) = prepared else { return };
        match PinnedFile::new(&file, no_fork) {
            Ok(pinned) => self.forked_life.set(Some(pinned)),
            // Without memory for a page the descriptor holds the lock, until the process ends.
            Err(_) => drop(file.into_raw_fd()),
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        let membership = *self.membership.get_mut();
        if (membership >> 32) as u32 == fork::generation() {
            participants::leave(&self.memory, membership as u32);
        }
        self.life.set(None);
    }
}

/// A place for a pinned file, which may be replaced through a shared reference.
#[derive(Debug, Default)]
struct PinnedSlot(AtomicPtr<PinnedFile>);

impl PinnedSlot {
    /// Puts a file in the place of the last one, which is dropped.
    fn set(&self, file: Option<PinnedFile>) {
        let new = file.map_or(ptr::null_mut(), |file| Box::into_raw(Box::new(file)));
        // ORDER: AcqRel pairs with itself: the thread that frees a file sees it whole.
        let old = self.0.swap(new, Ordering::AcqRel);
        if !old.is_null() {
            // SAFETY: from the box of another call, which has left it to the swap above.
            drop(unsafe { Box::from_raw(old) });
        }
    }
}

impl Drop for PinnedSlot {
    fn drop(&mut self) {
        self.set(None);
    }
}

static_assertions::assert_impl_all!(Mapping: Send, Sync);
