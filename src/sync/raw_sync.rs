//! [`RawSyncMutex`], and [`Event`] as an `EventImpl`: for code that expects `raw_sync`'s traits.

#![allow(unsafe_code)]

use core::cell::UnsafeCell;
use core::ffi::c_void;

use raw_sync::Timeout;
use raw_sync::events::{EventImpl, EventState};
use raw_sync::locks::{LockGuard, LockImpl};

use super::{Event, Mutex, MutexGuard};
use crate::primitive::{AtomicU32, Ordering};
use crate::raw::wait::{self, Wait};
use crate::sys::fork::ForkGeneration;

type RawSyncResult<T> = Result<T, Box<dyn std::error::Error>>;

/// A [`Mutex`] as `raw_sync`'s [`LockImpl`].
///
/// `raw_sync`'s own mutex is not robust: a killed owner hangs all waiters. With this one, the lock
/// passes to the next locker. `raw_sync`'s guard has no place for the death report, which stays
/// pending until the [`Mutex`] itself is locked. Timed waits are exact, on the monotonic clock.
#[derive(Debug)]
pub struct RawSyncMutex {
    mutex: Mutex,
    data: UnsafeCell<*mut u8>,
    /// The fork generation of the process that locked last, or 0. A forked child drops copies of
    /// its parent's guards, which must not unlock.
    lock_generation: AtomicU32,
}

impl RawSyncMutex {
    /// Makes a lock around `data`, the pointer that `raw_sync`'s guards dereference to.
    pub fn new(mutex: Mutex, data: *mut u8) -> Self {
        Self { mutex, data: UnsafeCell::new(data), lock_generation: AtomicU32::new(0) }
    }

    /// Turns a guard into one of `raw_sync`, whose drop calls `release`.
    fn make_lock_guard(&self, guard: MutexGuard<'_>) -> LockGuard<'_> {
        // The lock's word tells that this thread holds the lock.
        core::mem::forget(guard);
        self.lock_generation.store(ForkGeneration::current().number(), Ordering::Relaxed);
        let lock: &dyn LockImpl = self;
        // SAFETY: `LockGuard` consists of a `&dyn LockImpl` and nothing else: that is its one field
        // in the exact version that Cargo.toml asks for, and `transmute` checks that the sizes
        // agree, so the field lies at offset 0. What the guard stands for, that the lock is held,
        // is true.
        unsafe { core::mem::transmute::<&dyn LockImpl, LockGuard<'_>>(lock) }
    }
}

impl LockImpl for RawSyncMutex {
    fn as_raw(&self) -> *mut c_void {
        core::ptr::from_ref(self).cast_mut().cast()
    }

    fn lock(&self) -> RawSyncResult<LockGuard<'_>> {
        Ok(self.make_lock_guard(self.mutex.lock_without_report(Wait::Forever)?))
    }

    fn try_lock(&self, timeout: Timeout) -> RawSyncResult<LockGuard<'_>> {
        match timeout {
            Timeout::Infinite => self.lock(),
            Timeout::Val(duration) => Ok(self.make_lock_guard(
                self.mutex.lock_without_report(Wait::Until(&wait::Timeout::new(duration)))?,
            )),
        }
    }

    fn release(&self) -> RawSyncResult<()> {
        let lock_generation = self.lock_generation.load(Ordering::Relaxed);
        // The guard is a copy of the parent's.
        if lock_generation != 0 && lock_generation != ForkGeneration::current().number() {
            return Ok(());
        }
        match self.mutex.forgotten_guard() {
            Some(guard) => {
                drop(guard);
                Ok(())
            }
            None => Err("this thread does not hold the lock".into()),
        }
    }

    unsafe fn get_inner(&self) -> &mut *mut u8 {
        // SAFETY: only a `LockGuard` calls this, and there is one at a time.
        unsafe { &mut *self.data.get() }
    }
}

/// An [`Event`] as `raw_sync`'s manual-reset event: it stays set until it is cleared. Timed waits
/// are exact, and a process that is killed in a wait does not hang the others, as it does in
/// `raw_sync`'s own event, whose mutex is not robust.
impl EventImpl for Event {
    fn wait(&self, timeout: Timeout) -> RawSyncResult<()> {
        match timeout {
            Timeout::Infinite => self.wait()?,
            Timeout::Val(duration) => self.wait_timeout(duration)?,
        }
        Ok(())
    }

    fn set(&self, state: EventState) -> RawSyncResult<()> {
        match state {
            EventState::Clear => self.clear(),
            EventState::Signaled => self.set(),
        };
        Ok(())
    }
}
