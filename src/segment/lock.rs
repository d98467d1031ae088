//! The lock of an object in a segment, and what keeps its memory mapped while it is held.

#![allow(unsafe_code)]

mod held_mappings;

use core::marker::PhantomData;
use core::ptr::NonNull;

use super::region::Region;
use crate::error::{LockError, SegmentError};
use crate::primitive::{AtomicU32, AtomicU64, Ordering};
use crate::raw::mutex::{self, Locked};
use crate::raw::wait::Wait;
use crate::sys::fork;

/// An object's lock and the words behind it.
///
/// The C library keeps the held locks of a thread in a list that runs through the locks themselves, so a held lock must
/// stay mapped. A [`RawGuard`] borrows this; but a hold can be forgotten instead of dropped, and then this handle leaks its
/// mapping. It knows by `held`, which only the lock's holder writes: two plain stores, no counting.
pub(crate) struct ObjectLock {
    state: NonNull<mutex::MutexState>,
    body: NonNull<[AtomicU64]>,
    /// The fork generation of the process that holds the lock through this handle, or 0.
    held: AtomicU32,
    /// The fork generation of the process that is known to be attached; its children look it up each time.
    attached: u32,
    region: Region,
}

// SAFETY: the pointers are into the mapping that `region` keeps alive, to atomics and to a lock made for many threads.
unsafe impl Send for ObjectLock {}
// SAFETY: as above.
unsafe impl Sync for ObjectLock {}

impl ObjectLock {
    /// The lock at the start of a region, found to be one.
    pub(crate) fn attach(region: Region) -> Result<Self, SegmentError> {
        let state = region.lock_state();
        if !state.is_valid() {
            return Err(region.corrupt("the lock of an object"));
        }
        let state = NonNull::from(state);
        let body = NonNull::from(region.words_from(size_of::<mutex::MutexState>() as u64));
        let attached = region.segment().mapping().attached_generation();
        Ok(Self { state, body, held: AtomicU32::new(0), attached, region })
    }

    pub(crate) fn region(&self) -> &Region {
        &self.region
    }

    /// The word on the lock's own line.
    #[inline(always)]
    pub(crate) fn inline_word(&self) -> &AtomicU64 {
        &self.state().inline_word
    }

    /// The words behind the lock, to the end of the object.
    #[inline(always)]
    pub(crate) fn body(&self) -> &[AtomicU64] {
        // SAFETY: taken from a reference into the mapping, which `self.region` keeps mapped.
        unsafe { self.body.as_ref() }
    }

    #[inline(always)]
    fn state(&self) -> &mutex::MutexState {
        // SAFETY: as in `body`.
        unsafe { self.state.as_ref() }
    }

    /// Takes the lock for a guard, which tells its user whether a holder has died.
    #[inline(always)]
    pub(crate) fn lock(&self, wait: Wait) -> Result<RawGuard<'_>, LockError> {
        self.ensure_attached()?;
        let mut raw_guard = self.acquire(wait)?;
        raw_guard.recovered |= self.take_death_pending();
        Ok(raw_guard)
    }

    /// Keeps the news of a death for the next guard. This thread holds the lock.
    #[cold]
    pub(crate) fn set_death_pending(&self) {
        self.state().set_death_pending();
    }

    /// Whether there is a death to be told, which then counts as told. This thread holds the lock.
    #[inline(always)]
    pub(crate) fn take_death_pending(&self) -> bool {
        self.state().take_death_pending()
    }

    /// Takes the lock for something that has nobody to tell.
    #[inline(always)]
    pub(crate) fn lock_without_report(&self, wait: Wait) -> Result<RawGuard<'_>, LockError> {
        self.ensure_attached()?;
        self.lock_to_read(wait)
    }

    /// Takes the lock to read something: for that, nobody need be a participant.
    #[inline(always)]
    pub(crate) fn lock_to_read(&self, wait: Wait) -> Result<RawGuard<'_>, LockError> {
        // A forked child may be one that the lock cannot know: of another pid namespace.
        if self.attached != fork::generation() && self.region.segment().mapping().is_foreign() {
            return Err(LockError::NotAttached);
        }
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
        self.region.segment().mapping().attached()?;
        Ok(())
    }

    #[inline(always)]
    fn acquire(&self, wait: Wait) -> Result<RawGuard<'_>, LockError> {
        let locked = self.state().lock(wait)?;
        let generation = fork::generation();
        self.held.store(generation, Ordering::Relaxed);
        let recovered = locked == Locked::AfterDeath;
        Ok(RawGuard { lock: self, recovered, generation, not_send: PhantomData })
    }

    /// Takes up again the hold that this thread forgot, if it did.
    #[cfg(feature = "raw_sync")]
    pub(crate) fn forgotten_raw_guard(&self) -> Option<RawGuard<'_>> {
        // Only the holder's own attempt finds the lock held by itself; one that succeeds is given back at once.
        match self.lock_to_read(Wait::NonBlocking) {
            Err(LockError::Deadlock) => {
                let generation = fork::generation();
                Some(RawGuard { lock: self, recovered: false, generation, not_send: PhantomData })
            }
            _ => None,
        }
    }

    /// Gives back what this thread has forgotten a hold of, by this handle or by another of the same lock. Where it has none, this
    /// does nothing: the C library knows.
    #[inline]
    pub(crate) fn unlock_forgotten(&self) {
        let held = self.held.load(Ordering::Relaxed);
        if held != 0 {
            self.held.store(0, Ordering::Relaxed);
        }
        if !self.state().unlock() && held != 0 {
            // Another thread holds it by this handle, whose mapping it needs.
            self.held.store(held, Ordering::Relaxed);
        }
        held_mappings::release(&self.region);
    }

    /// Keeps the memory mapped for as long as this thread has the lock, which it holds by this handle. The handle need not.
    #[cold]
    pub(crate) fn hold_mapping(&self) {
        held_mappings::hold(&self.region);
        self.held.store(0, Ordering::Relaxed);
    }
}

impl Clone for ObjectLock {
    fn clone(&self) -> Self {
        let attached = self.region.segment().mapping().attached_generation();
        Self { held: AtomicU32::new(0), attached, region: self.region.clone(), ..*self }
    }
}

impl Drop for ObjectLock {
    fn drop(&mut self) {
        if *self.held.get_mut() == fork::generation() {
            // A hold was forgotten: its thread's list of locks runs through the mapping for as long as the thread lives.
            core::mem::forget(self.region.segment().clone());
        }
    }
}

impl core::fmt::Debug for ObjectLock {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ObjectLock").field("object", &self.region.name()).finish_non_exhaustive()
    }
}

/// The lock, held by this thread.
#[derive(Debug)]
#[must_use]
pub(crate) struct RawGuard<'a> {
    lock: &'a ObjectLock,
    recovered: bool,
    generation: u32,
    /// A pthread mutex is unlocked by the thread that locked it.
    not_send: PhantomData<*const ()>,
}

impl<'a> RawGuard<'a> {
    /// What is held.
    pub(crate) fn lock(&self) -> &'a ObjectLock {
        self.lock
    }

    /// Whether the last holder died holding the lock.
    #[inline]
    pub(crate) fn recovered(&self) -> bool {
        self.recovered
    }

    /// Keeps the news of a death for the next guard.
    pub(crate) fn set_death_pending(&self) {
        self.lock.set_death_pending();
    }

    /// Tells of a death that was met before.
    pub(crate) fn report_recovery(&mut self) {
        self.lock.take_death_pending();
        self.recovered = true;
    }

    /// The error that a locked section begins with instead of a guard: the news of a death is kept for the next guard.
    #[cold]
    pub(crate) fn corrupt(&self, what: &'static str) -> LockError {
        if self.recovered {
            self.set_death_pending();
        }
        LockError::Corrupt { what }
    }

    /// Whether it is this process that holds the lock, not the one it was forked from.
    #[inline]
    pub(crate) fn is_ours(&self) -> bool {
        self.generation == fork::generation()
    }
}

impl Drop for RawGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        // A forked child's copy of its parent's: the child may hold the lock by another since then.
        if self.is_ours() {
            self.lock.held.store(0, Ordering::Relaxed);
            self.lock.state().unlock();
        }
    }
}

static_assertions::assert_not_impl_any!(RawGuard<'static>: Send);
