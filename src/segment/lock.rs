//! [`ObjectLock`]: the lock of an object in a segment, and what keeps it mapped while it is held.
//!
//! - [`held_mappings`]: mappings that a thread needs for locks whose handle may be gone

mod held_mappings;

use core::marker::PhantomData;

use super::region::Region;
use super::shared_ref::SharedRef;
use crate::error::{LockError, SegmentError};
use crate::primitive::{AtomicU32, AtomicU64, Ordering};
use crate::raw::mutex::{Locked, MutexState};
use crate::raw::wait::Wait;
use crate::sys::fork::{self, ForkGeneration};

/// A handle's access to the lock at the start of an object, and to the words after it.
///
/// The C library keeps the locks that a thread holds in a list that runs through the locks
/// themselves, so a held lock must stay mapped. A [`RawGuard`] borrows the handle and so keeps the
/// mapping. If the guard is forgotten instead of dropped, the handle leaks its mapping when it is
/// dropped: `held` says so. Only the lock's holder writes `held`, with plain stores and no
/// counting.
pub(crate) struct ObjectLock {
    state: SharedRef<MutexState>,
    /// The fork generation of the process that holds the lock through this handle, or 0.
    held: AtomicU32,
    /// The fork generation of the process that is known to be attached. A forked child has another
    /// one, and looks its membership up at each operation.
    attached: u32,
}

impl ObjectLock {
    /// Makes a handle of the lock at the start of `region`.
    ///
    /// # Errors
    /// [`SegmentError::Corrupt`] if the bytes there are no lock.
    pub(crate) fn attach(region: Region) -> Result<Self, SegmentError> {
        let state = SharedRef::<MutexState>::new(region);
        if !state.is_valid() {
            return Err(state.region().corrupt("the lock of an object"));
        }
        let attached = state.region().segment().mapping().attached_generation();
        Ok(Self { state, held: AtomicU32::new(0), attached })
    }

    /// Where the object lies.
    #[inline(always)]
    pub(crate) fn region(&self) -> &Region {
        self.state.region()
    }

    /// The word on the lock's own cache line.
    #[inline(always)]
    pub(crate) fn inline_word(&self) -> &AtomicU64 {
        &self.state.inline_word
    }

    /// The words after the lock, to the end of the object.
    #[inline(always)]
    pub(crate) fn body(&self) -> &[AtomicU64] {
        self.state.body()
    }

    /// Takes the lock for a guard that delivers the death report.
    ///
    /// # Errors
    /// [`LockError::NotAttached`] in a forked child that cannot register as a participant, and the
    /// errors of [`MutexState::lock`].
    #[inline(always)]
    pub(crate) fn lock(&self, wait: Wait) -> Result<RawGuard<'_>, LockError> {
        self.ensure_attached()?;
        let mut raw_guard = self.acquire(wait)?;
        raw_guard.recovered |= self.take_death_pending();
        Ok(raw_guard)
    }

    /// Keeps the death report for the next guard. This thread holds the lock.
    #[cold]
    pub(crate) fn set_death_pending(&self) {
        self.state.set_death_pending();
    }

    /// Whether a death report is pending, which then counts as delivered. This thread holds the
    /// lock.
    #[inline(always)]
    pub(crate) fn take_death_pending(&self) -> bool {
        self.state.take_death_pending()
    }

    /// Takes the lock for an operation that has no guard to deliver a death report with; the report
    /// stays pending.
    ///
    /// # Errors
    /// The errors of [`lock`](Self::lock).
    #[inline(always)]
    pub(crate) fn lock_without_report(&self, wait: Wait) -> Result<RawGuard<'_>, LockError> {
        self.ensure_attached()?;
        self.lock_to_read(wait)
    }

    /// Takes the lock to read what it protects, which a process that is no participant may do. A
    /// death report stays pending.
    ///
    /// # Errors
    /// [`LockError::NotAttached`] in a forked child of another pid namespace than the segment's
    /// participants, and the errors of [`MutexState::lock`].
    #[inline(always)]
    pub(crate) fn lock_to_read(&self, wait: Wait) -> Result<RawGuard<'_>, LockError> {
        let raw_guard = self.acquire(wait)?;
        if raw_guard.recovered {
            self.set_death_pending();
        }
        Ok(raw_guard)
    }

    #[inline(always)]
    fn ensure_attached(&self) -> Result<(), LockError> {
        if self.attached == fork::generation() { Ok(()) } else { self.reattach() }
    }

    #[cold]
    fn reattach(&self) -> Result<(), LockError> {
        self.state.participant_id()?;
        Ok(())
    }

    #[inline(always)]
    fn acquire(&self, wait: Wait) -> Result<RawGuard<'_>, LockError> {
        let locked = self.state.lock(wait)?;
        let generation = ForkGeneration::current();
        self.held.store(generation.number(), Ordering::Relaxed);
        let recovered = locked == Locked::AfterDeath;
        Ok(RawGuard { lock: self, recovered, generation, not_send: PhantomData })
    }

    /// A guard in the place of the one that this thread forgot; `None` if it forgot none.
    #[cfg(feature = "raw_sync")]
    pub(crate) fn forgotten_raw_guard(&self) -> Option<RawGuard<'_>> {
        // Only the holder's own attempt meets `Deadlock`; an attempt that succeeds is undone by the
        // drop of its guard.
        match self.lock_to_read(Wait::NonBlocking) {
            Err(LockError::Deadlock) => {
                let generation = ForkGeneration::current();
                Some(RawGuard { lock: self, recovered: false, generation, not_send: PhantomData })
            }
            _ => None,
        }
    }

    /// Unlocks after this thread forgot a guard, of this handle or of another handle of the lock.
    /// Does nothing if this thread does not hold the lock: the C library knows the holder.
    #[inline]
    pub(crate) fn unlock_forgotten(&self) {
        let held = self.held.load(Ordering::Relaxed);
        if held != 0 {
            // Before the unlock: after it, `held` is the next holder's to write.
            self.held.store(0, Ordering::Relaxed);
        }
        if !self.state.unlock() && held != 0 {
            // Another thread holds the lock through this handle, and needs its mapping.
            self.held.store(held, Ordering::Relaxed);
        }
        held_mappings::release(self.region());
    }

    /// Keeps the memory mapped until this thread unlocks, even if this handle is dropped before.
    /// This thread holds the lock through this handle.
    #[cold]
    pub(crate) fn hold_mapping(&self) {
        held_mappings::hold(self.region());
        self.held.store(0, Ordering::Relaxed);
    }
}

impl Clone for ObjectLock {
    fn clone(&self) -> Self {
        let attached = self.region().segment().mapping().attached_generation();
        Self { state: self.state.clone(), held: AtomicU32::new(0), attached }
    }
}

impl Drop for ObjectLock {
    fn drop(&mut self) {
        if *self.held.get_mut() == fork::generation() {
            // A guard was forgotten: the thread's list of locks runs through the mapping for as
            // long as the thread lives.
            core::mem::forget(self.region().segment().clone());
        }
    }
}

impl core::fmt::Debug for ObjectLock {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ObjectLock").field("object", &self.region().name()).finish_non_exhaustive()
    }
}

/// An [`ObjectLock`] that this thread holds; dropping the guard unlocks.
#[derive(Debug)]
#[must_use]
pub(crate) struct RawGuard<'a> {
    lock: &'a ObjectLock,
    recovered: bool,
    generation: ForkGeneration,
    /// A pthread mutex is unlocked by the thread that locked it.
    not_send: PhantomData<*const ()>,
}

impl<'a> RawGuard<'a> {
    /// The lock that is held.
    pub(crate) fn lock(&self) -> &'a ObjectLock {
        self.lock
    }

    /// Whether the last holder died holding the lock.
    #[inline]
    pub(crate) fn recovered(&self) -> bool {
        self.recovered
    }

    /// Keeps the death report for the next guard.
    pub(crate) fn set_death_pending(&self) {
        self.lock.set_death_pending();
    }

    /// Has this guard deliver a death report that an earlier guard received; a pending one counts
    /// as delivered with it.
    pub(crate) fn report_recovery(&mut self) {
        self.lock.take_death_pending();
        self.recovered = true;
    }

    /// The error that a locked section begins with instead of a guard. A death report stays pending
    /// for the next guard.
    #[cold]
    pub(crate) fn corrupt(&self, what: &'static str) -> LockError {
        if self.recovered {
            self.set_death_pending();
        }
        LockError::Corrupt { what }
    }

    /// Whether this process holds the lock; `false` in a forked child, whose parent holds it.
    #[inline]
    pub(crate) fn is_ours(&self) -> bool {
        self.generation.is_current()
    }
}

impl Drop for RawGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        // A forked child may hold the lock by a guard of its own while it drops its parent's.
        if self.is_ours() {
            self.lock.held.store(0, Ordering::Relaxed);
            self.lock.state.unlock();
        }
    }
}

static_assertions::assert_not_impl_any!(RawGuard<'static>: Send);
