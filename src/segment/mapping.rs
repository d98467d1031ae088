//! One process's membership in a segment that it has mapped.

use core::ops::Deref;

use super::admin_lock::{AdminLock, ThreadLock};
use super::location::Location;
use super::memory::SegmentMemory;
use super::participants;
use crate::error::{NotAttached, SegmentError};
use crate::layout::header::PARTICIPANT_FREE;
use crate::primitive::{AtomicU64, Ordering};
use crate::raw::registration::Registration;
use crate::sys::clock;
use crate::sys::file::FileId;
use crate::sys::fork;

/// A mapped segment, attached as a participant. Handles share one through an `Arc`; the last of
/// them unmaps it.
pub(crate) struct Mapping {
    pub(super) location: Location,
    pub(super) file_id: FileId,
    /// Whether this mapping created the segment.
    pub(super) was_created: bool,
    /// The fork generation of the process that made this mapping: only that process unlinks the
    /// name with it, forked children do not.
    generation: u32,
    /// `{fork generation:32 | participant id:32}`: in which process, and as which participant, this
    /// mapping is attached; 0 until it is.
    membership: AtomicU64,
    thread_lock: ThreadLock,
    /// When this process last looked for dead participants, in nanoseconds.
    reaped_at: AtomicU64,
    /// Last, so that it is dropped, and unmapped, after everything else.
    memory: SegmentMemory,
}

/// What a mapping is made of.
pub(super) struct MappingParts {
    pub(super) location: Location,
    pub(super) file_id: FileId,
    pub(super) was_created: bool,
    pub(super) memory: SegmentMemory,
}

/// How often a process looks for dead participants at most, in nanoseconds: a little more often
/// than a waiter's recheck interval.
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
        let MappingParts { location, file_id, was_created, memory } = parts;
        Self {
            location,
            file_id,
            was_created,
            generation: fork::generation(),
            membership: AtomicU64::new(0),
            thread_lock: ThreadLock::default(),
            reaped_at: AtomicU64::new(0),
            memory,
        }
    }

    /// Waits until the present holder of the admin lock has released it, seconds at most.
    pub(crate) fn wait_for_admin_lock(&self) {
        let _ = self.lock_admin();
    }

    /// Takes the segment's admin lock.
    pub(super) fn lock_admin(&self) -> Result<AdminLock<'_>, SegmentError> {
        AdminLock::acquire_exclusive(self.file(), &self.location, &self.thread_lock)
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
        let is_unowned_now =
            || self.participant_state(id).load(Ordering::Acquire) == PARTICIPANT_FREE && is_held();
        // Under the admin lock no process becomes a participant between the two looks.
        is_unowned_now()
            && AdminLock::try_acquire_exclusive(self.file(), &self.thread_lock)
                .is_some_and(|_admin_lock| is_unowned_now())
    }

    /// Whether the participant of this id is alive, as the kernel knows. One that cannot be asked
    /// about counts as alive: nothing is repaired on a guess.
    pub(crate) fn is_alive(&self, id: u32) -> bool {
        (1..=self.participants()).contains(&id)
            && (self.is_attached_as(id)
                || participants::is_locked_elsewhere(&self.memory, id).unwrap_or(true))
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
        let due = self.reaped_at.load(Ordering::Relaxed).saturating_add(REAP_INTERVAL);
        let is_due = clock::coarse_nanos() >= due;
        if is_due {
            self.reap_dead_peers();
        }
        is_due
    }

    /// Repairs after the participants that died attached, if there are any and this process has not
    /// just looked: a waiter may wait for one of them.
    #[cold]
    pub(crate) fn reap_dead_peers(&self) {
        let now = clock::monotonic_nanos();
        let due = self.reaped_at.load(Ordering::Relaxed).saturating_add(REAP_INTERVAL);
        if now < due {
            return;
        }
        self.reaped_at.store(now, Ordering::Relaxed);
        if !participants::has_dead(&self.memory, |id| self.is_alive(id)) {
            return;
        }
        if let Ok(own_id) = self.participant() {
            // If another process has the admin lock, the next look repairs.
            if let Some(admin_lock) = AdminLock::try_acquire_exclusive(self.file(), &self.thread_lock) {
                let _ = participants::reap(&self.memory, own_id, &admin_lock);
            }
        }
    }

    /// As which participant this process is attached; a forked child that is not yet becomes one.
    #[inline]
    pub(crate) fn participant(&self) -> Result<u32, SegmentError> {
        // ORDER: relaxed; a reader of the id needs nothing else that its writer wrote.
        let membership = self.membership.load(Ordering::Relaxed);
        if (membership >> 32) as u32 == fork::generation() {
            return Ok(membership as u32);
        }
        self.reattach()
    }

    /// [`participant`](Self::participant) for operations whose errors do not say why there is none.
    #[inline]
    pub(crate) fn attached(&self) -> Result<u32, NotAttached> {
        self.participant().map_err(|_| NotAttached)
    }

    /// The registration as which this process is attached.
    pub(crate) fn registration(&self) -> Result<Registration, SegmentError> {
        Ok(Registration { id: self.participant()?, epoch: 1 })
    }

    /// Whether this registration's process lives and is attached. Where the kernel cannot be asked,
    /// it counts as living.
    pub(crate) fn is_living(&self, registration: Registration) -> bool {
        self.is_alive(registration.id)
    }

    /// No participant has ever had a higher id than this one.
    pub(crate) fn highest_id(&self) -> u32 {
        self.participants()
    }

    #[cold]
    fn reattach(&self) -> Result<u32, SegmentError> {
        let admin_lock = self.lock_admin()?;
        // A forked child may be the first process of another pid namespace.
        participants::check_namespace(&self.memory, &self.location, &admin_lock)?;
        self.attach(&admin_lock)
    }

    /// Becomes a participant, under the admin lock.
    pub(super) fn attach(&self, admin_lock: &AdminLock<'_>) -> Result<u32, SegmentError> {
        let generation = fork::generation();
        let before = self.membership.load(Ordering::Relaxed);
        if (before >> 32) as u32 == generation {
            return Ok(before as u32); // Another thread of a forked child was faster.
        }
        let id = participants::register(&self.memory, admin_lock)?;
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
            participants::leave(&self.memory, membership as u32);
        }
    }
}

static_assertions::assert_impl_all!(Mapping: Send, Sync);
