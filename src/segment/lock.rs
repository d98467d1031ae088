//! [`ObjectLock`]: the lock of an object in a segment, as a handle uses it.
//!
//! - [`owner`]: whether a guard belongs to a thread or to a task

pub(crate) mod owner;

use core::marker::PhantomData;

use super::mapping::Mapping;
use super::region::Region;
use super::shared_ref::SharedRef;
use crate::error::{LockError, NotAttached};
use crate::primitive::{AtomicU32, AtomicU64, Ordering};
use crate::raw::mutex::{HolderCheck, LockToken, LockWord, Locked, MutexState};
use crate::raw::wait::Wait;
use crate::sys::fork::{self, ForkGeneration};
use crate::sys::{barrier, clock, process};
use owner::{ByThread, LockOwner};

/// How often a handle asks about a lock's holder at most while it only tries, in nanoseconds.
const ASK_INTERVAL: u64 = 1_000_000;

/// A handle's access to the lock at the start of an object, and to the words after it.
pub(crate) struct ObjectLock {
    state: SharedRef<MutexState>,
    /// The token of this process's tasks.
    token: AtomicU64,
    /// The fork generation of the process that has `token`. A forked child, which has another one,
    /// registers first.
    generation: AtomicU32,
    /// When a locker of this handle that did not wait last asked about the holder.
    asked_at: AtomicU64,
}

impl ObjectLock {
    /// Makes a handle of the lock at the start of `region`.
    pub(crate) fn attach(region: Region) -> Self {
        Self::of(SharedRef::new(region))
    }

    fn of(state: SharedRef<MutexState>) -> Self {
        barrier::register();
        // The first lock asks for the token: a forked child registers when it uses the handle.
        Self { state, token: AtomicU64::new(0), generation: AtomicU32::new(0), asked_at: AtomicU64::new(0) }
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
    pub(crate) fn lock<O: LockOwner>(&self, wait: Wait) -> Result<RawGuard<'_, O>, LockError> {
        let raw_guard = self.lock_without_report(wait)?;
        if raw_guard.recovered {
            self.take_report();
        }
        Ok(raw_guard)
    }

    /// Takes the lock for an operation that has no guard to deliver a death report with; the report
    /// stays pending.
    ///
    /// # Errors
    /// The errors of [`lock`](Self::lock).
    #[inline(always)]
    pub(crate) fn lock_without_report<O: LockOwner>(&self, wait: Wait) -> Result<RawGuard<'_, O>, LockError> {
        let token = self.token()?.with_thread(O::thread());
        let recovered = self.state.lock(token, wait, self)? == Locked::AfterDeath;
        Ok(RawGuard { lock: self, recovered, generation: ForkGeneration::current(), owner: PhantomData })
    }

    /// Keeps the death report for the next guard. The caller holds the lock.
    #[cold]
    pub(crate) fn set_report(&self) {
        self.state.set_report();
    }

    /// Whether a death report is pending, which then counts as delivered. The caller holds the
    /// lock.
    #[cold]
    pub(crate) fn take_report(&self) -> bool {
        self.state.take_report()
    }

    /// The token of this process's tasks.
    #[inline(always)]
    fn token(&self) -> Result<LockToken, NotAttached> {
        let generation = fork::generation();
        // ORDER: Acquire pairs with the Release in `renew_token`.
        if self.generation.load(Ordering::Acquire) == generation {
            Ok(LockToken::from_bits(self.token.load(Ordering::Relaxed)))
        } else {
            self.renew_token(generation)
        }
    }

    #[cold]
    fn renew_token(&self, generation: u32) -> Result<LockToken, NotAttached> {
        let registration = self.region().segment().mapping().registration().map_err(|_| NotAttached)?;
        let token = LockToken::of_task(registration);
        self.token.store(token.bits(), Ordering::Relaxed);
        // ORDER: Release pairs with the Acquire in `token`. All threads of a process store the same.
        self.generation.store(generation, Ordering::Release);
        Ok(token)
    }

    /// A guard in the place of the one that this thread forgot; `None` if it forgot none.
    #[cfg(feature = "raw_sync")]
    pub(crate) fn forgotten_raw_guard(&self) -> Option<RawGuard<'_>> {
        let token = self.token().ok()?.with_thread(ByThread::thread());
        self.state.is_held_by(token).then(|| RawGuard {
            lock: self,
            recovered: false,
            generation: ForkGeneration::current(),
            owner: PhantomData,
        })
    }

    /// Unlocks in the place of a guard that was forgotten. Does nothing if this thread does not hold
    /// the lock.
    #[inline]
    pub(crate) fn unlock_forgotten(&self) {
        let token = self.token().map(|token| token.with_thread(ByThread::thread()));
        if token.is_ok_and(|token| self.state.is_held_by(token)) {
            self.state.unlock();
        }
    }
}

impl HolderCheck for ObjectLock {
    fn is_over(&self, word: LockWord) -> bool {
        self.region().segment().mapping().is_over(word)
    }

    fn is_due(&self) -> bool {
        let now = clock::coarse_nanos();
        let is_due = now.wrapping_sub(self.asked_at.load(Ordering::Relaxed)) >= ASK_INTERVAL;
        if is_due {
            self.asked_at.store(now, Ordering::Relaxed);
        }
        is_due
    }
}

impl HolderCheck for Mapping {
    fn is_over(&self, word: LockWord) -> bool {
        let registration = word.registration();
        let is_ours = || self.registration().is_ok_and(|ours| ours == registration);
        // A thread of this process may have ended and left the lock behind.
        let has_ended = || word.thread().is_some_and(|thread| !process::has_thread(thread));
        !self.is_living(registration) || is_ours() && has_ended()
    }

    fn is_due(&self) -> bool {
        true
    }
}

impl Clone for ObjectLock {
    fn clone(&self) -> Self {
        Self::of(self.state.clone())
    }
}

impl core::fmt::Debug for ObjectLock {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ObjectLock").field("object", &self.region().name()).finish_non_exhaustive()
    }
}

/// An [`ObjectLock`] that a thread or a task holds; dropping the guard unlocks.
#[derive(Debug)]
#[must_use]
pub(crate) struct RawGuard<'a, O = ByThread> {
    lock: &'a ObjectLock,
    recovered: bool,
    generation: ForkGeneration,
    owner: PhantomData<O>,
}

impl<'a, O> RawGuard<'a, O> {
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
    pub(crate) fn set_report(&self) {
        self.lock.set_report();
    }

    /// Has this guard deliver a death report that an earlier guard received; a pending one counts
    /// as delivered with it.
    pub(crate) fn report_recovery(&mut self) {
        self.lock.take_report();
        self.recovered = true;
    }

    /// The error that a locked section begins with instead of a guard. A death report stays pending
    /// for the next guard.
    #[cold]
    pub(crate) fn corrupt(&self, what: &'static str) -> LockError {
        if self.recovered {
            self.set_report();
        }
        LockError::Corrupt { what }
    }

    /// Whether this process holds the lock; `false` in a forked child, whose parent holds it.
    #[inline]
    pub(crate) fn is_ours(&self) -> bool {
        self.generation.is_current()
    }
}

impl<O> Drop for RawGuard<'_, O> {
    #[inline]
    fn drop(&mut self) {
        // A forked child may hold the lock by a guard of its own while it drops its parent's.
        if self.is_ours() {
            self.lock.state.unlock();
        }
    }
}

static_assertions::assert_not_impl_any!(RawGuard<'static>: Send);
static_assertions::assert_impl_all!(RawGuard<'static, owner::ByTask>: Send, Sync);
