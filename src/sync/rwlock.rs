//! [`RwLock`]: one process that writes at a time, or any number that read.

#![allow(unsafe_code)]

use core::cell::Cell;
use core::fmt;
use core::ptr::NonNull;
use std::time::{Duration, Instant};

use crate::error::{LockError, SegmentError};
use crate::layout::fingerprint::{Fingerprint, Kind};
use crate::primitive::{AtomicU64, Ordering};
use crate::raw::rwlock::{COUNTS_AT, RawRwLock, RwLockState, STATE_AT, length};
use crate::raw::wait::{AdaptiveSpin, Wait, WakePolicy, wait_for};
use crate::segment::lock::{ObjectLock, RawGuard};
use crate::segment::object::{Object, Region, Shape, sealed};
use crate::segment::object_macros::{object_handle, plain_object};
use crate::sys::{barrier, fork};

const CORRUPT: LockError = LockError::Corrupt { what: "the readers of a lock" };

/// A lock between processes that many may hold to read, or one to write.
///
/// As with a [`Mutex`](super::Mutex), it protects whatever its users agree on. Readers share no count: each process counts its own on
/// a cache line of its own, so readers on many processors do not slow each other down. A writer pays for that, which looks at the counts
/// of all processes that the segment has places for ([`SegmentBuilder::participants`](crate::segment::builder::SegmentBuilder::participants)); the
/// lock takes 384 bytes and 64 for each place.
///
/// A writer that waits keeps new readers out, so it waits for those inside only. It is not fair among writers, and readers may wait
/// for long where writers come one after the other. A reader cannot become a writer: a thread that holds a read guard and asks to
/// write waits for itself, and so does one that asks to read once more while a writer waits. A thread that holds the write guard and
/// asks for anything else gets [`LockError::Deadlock`].
///
/// **When a process is killed at any instruction:** dead readers and writers are evicted, within about 100 ms of their death where
/// somebody waits. If the writer died between getting its guard and dropping it, `recovered()` is true for the readers that follow
/// and for the next writer, whose guard counts as the news told.
///
/// After Hsieh and Weihl (IPPS 1992), with robust writers and a count for each process.
///
/// ```
/// use breezeway::sync::RwLock;
///
/// # let name = format!("breezeway-doc-rwlock-{}", std::process::id());
/// # let name = name.as_str();
/// let table = RwLock::open_or_create(name)?;
/// {
///     let _one = table.read()?;
///     let _another = table.read()?;
///     // Nobody changes the table now.
/// }
/// let guard = table.write()?;
/// if guard.recovered() {
///     // A writer was killed in here: see what it left behind.
/// }
/// // Nobody else looks at it now.
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "ReadWriteLock")]
#[doc(alias = "SharedLock")]
pub struct RwLock {
    /// The writers'.
    lock: ObjectLock,
    state: NonNull<RwLockState>,
    counts: NonNull<[AtomicU64]>,
    /// How long to spin for a writer to go.
    read_spin: AdaptiveSpin,
    /// How long to spin for readers to go.
    write_spin: AdaptiveSpin,
}

// SAFETY: the pointers are to atomics in the mapping that `lock` keeps alive.
unsafe impl Send for RwLock {}
// SAFETY: as above.
unsafe impl Sync for RwLock {}

/// An [`RwLock`] held to read; dropping it lets go. It may be dropped by another thread, and in a forked child it is nothing.
///
/// One that is forgotten reads on until its process lets go of the segment.
#[must_use = "dropping the guard unlocks at once"]
pub struct RwLockReadGuard<'a> {
    lock: &'a RwLock,
    /// Of this process's readers.
    count: &'a AtomicU64,
    generation: u32,
    recovered: bool,
}

/// An [`RwLock`] held to write; dropping it unlocks. It stays in the thread that locked.
#[must_use = "dropping the guard unlocks at once"]
pub struct RwLockWriteGuard<'a> {
    lock: &'a RwLock,
    /// Dropped last.
    raw_guard: RawGuard<'a>,
    recovered: bool,
}

impl RwLock {
    /// Locks to read, waiting for a writer as long as it takes.
    ///
    /// # Errors
    /// [`LockError::Deadlock`] if this thread writes; [`LockError::NotAttached`] in a forked child
    /// that cannot register as a participant; [`LockError::Corrupt`] if the segment is damaged.
    #[inline]
    pub fn read(&self) -> Result<RwLockReadGuard<'_>, LockError> {
        self.read_within(Wait::Forever)
    }

    /// Locks to read if nobody writes or waits to write.
    ///
    /// # Errors
    /// [`LockError::WouldBlock`] if a writer has or awaits it; the errors of [`read`](Self::read).
    #[inline]
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_>, LockError> {
        self.read_within(Wait::NonBlocking)
    }

    /// Locks to read, waiting no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// [`LockError::Timeout`] if a writer has it until then; the errors of [`read`](Self::read).
    #[inline]
    pub fn read_timeout(&self, timeout: Duration) -> Result<RwLockReadGuard<'_>, LockError> {
        self.read_within(Wait::Timeout(timeout))
    }

    /// Locks to write, waiting for everybody else as long as it takes.
    ///
    /// # Errors
    /// The errors of [`read`](Self::read).
    #[inline]
    pub fn write(&self) -> Result<RwLockWriteGuard<'_>, LockError> {
        self.write_within(Wait::Forever)
    }

    /// Locks to write if nobody reads or writes.
    ///
    /// # Errors
    /// [`LockError::WouldBlock`] if the lock is held; the errors of [`read`](Self::read).
    #[inline]
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_>, LockError> {
        self.write_within(Wait::NonBlocking)
    }

    /// Locks to write, waiting no longer than `timeout` (on the monotonic clock). Readers that it kept out come in when it gives up.
    ///
    /// # Errors
    /// [`LockError::Timeout`] if the lock is held until then; the errors of [`read`](Self::read).
    #[inline]
    pub fn write_timeout(&self, timeout: Duration) -> Result<RwLockWriteGuard<'_>, LockError> {
        self.write_within(Wait::Timeout(timeout))
    }

    #[inline(always)]
    fn raw_lock(&self) -> RawRwLock<'_> {
        // SAFETY: taken from a reference into the mapping, which `self.lock` keeps mapped.
        let state = unsafe { self.state.as_ref() };
        // SAFETY: as above.
        RawRwLock::new(state, unsafe { self.counts.as_ref() })
    }

    #[inline(always)]
    fn participant_id(&self) -> Result<u32, LockError> {
        Ok(self.segment().mapping().attached()?)
    }

    #[inline(always)]
    fn read_within(&self, wait: Wait) -> Result<RwLockReadGuard<'_>, LockError> {
        let own_id = self.participant_id()?;
        let count = self.raw_lock().count(own_id).ok_or(CORRUPT)?;
        if !self.raw_lock().enter(count) {
            self.read_slow(own_id, count, wait)?;
        }
        let recovered = self.raw_lock().is_abandoned();
        Ok(RwLockReadGuard { lock: self, count, generation: fork::generation(), recovered })
    }

    /// Comes in as a reader after an attempt that found a writer.
    #[cold]
    fn read_slow(&self, own_id: u32, count: &AtomicU64, wait: Wait) -> Result<(), LockError> {
        let raw_lock = self.raw_lock();
        let failure = Cell::new(None);
        let try_once = || match failure.get() {
            Some(error) => Some(Err(error)),
            None => (!raw_lock.has_writer() && raw_lock.enter(count)).then_some(Ok(())),
        };
        let clear_abandoned = || failure.set(self.clear_abandoned().err());
        if matches!(wait, Wait::NonBlocking) || raw_lock.is_writer(own_id) {
            clear_abandoned();
        }
        let check_peers = || {
            self.segment().mapping().reap_dead_peers();
            clear_abandoned();
        };
        let state = self.state();
        let event = (&state.readers, &state.blocked_readers);
        let found = wait_for(event, WakePolicy::AnyOne, wait, &self.read_spin, try_once, check_peers);
        found.unwrap_or(Err(wait_error(wait)))
    }

    /// Clears away what a dead writer left: the writers' lock is had where no writer lives.
    fn clear_abandoned(&self) -> Result<(), LockError> {
        match self.lock.lock(Wait::Timeout(Duration::ZERO)) {
            Ok(_raw_guard) => {
                self.raw_lock().clear_dead_writer();
                Ok(())
            }
            Err(LockError::Timeout | LockError::WouldBlock) => Ok(()),
            Err(error) => Err(error),
        }
    }

    #[inline]
    fn write_within(&self, wait: Wait) -> Result<RwLockWriteGuard<'_>, LockError> {
        let own_id = self.participant_id()?;
        let start = matches!(wait, Wait::Timeout(_)).then(Instant::now);
        let raw_guard = self.lock.lock(wait)?;
        let raw_lock = self.raw_lock();
        if matches!(wait, Wait::NonBlocking) {
            // Readers are not kept out by who will not wait for them.
            raw_lock.clear_dead_writer();
            self.check_no_readers()?;
        }
        raw_lock.announce_writer(own_id);
        if let Some(first) = raw_lock.first_reader(1) {
            let wait = match (wait, start) {
                (Wait::Timeout(timeout), Some(start)) => {
                    Wait::Timeout(timeout.saturating_sub(start.elapsed()))
                }
                _ => wait,
            };
            if let Err(error) = self.wait_for_readers(first, wait) {
                raw_lock.finish();
                return Err(error);
            }
        }
        let recovered = raw_lock.write(own_id);
        Ok(RwLockWriteGuard { lock: self, raw_guard, recovered })
    }

    fn check_no_readers(&self) -> Result<(), LockError> {
        let Some(reader) = self.raw_lock().first_reader(1) else { return Ok(()) };
        let mapping = self.segment().mapping();
        if !mapping.is_alive(reader) {
            mapping.reap_dead_peers();
        }
        self.raw_lock().first_reader(1).map_or(Ok(()), |_| Err(LockError::WouldBlock))
    }

    /// Waits until nobody reads. Those before this participant do not.
    #[cold]
    fn wait_for_readers(&self, first: u32, wait: Wait) -> Result<(), LockError> {
        let (raw_lock, mapping) = (self.raw_lock(), self.segment().mapping());
        let failure = Cell::new(None);
        let reader = Cell::new(first);
        let try_once = || {
            match raw_lock.first_reader(reader.get()) {
                Some(still) => reader.set(still),
                None => return Some(Ok(())),
            }
            failure.get().map(Err)
        };
        let check_peers = || {
            mapping.reap_dead_peers();
            let count = raw_lock.count(reader.get());
            let is_read = || count.is_some_and(|count| count.load(Ordering::SeqCst) != 0);
            if mapping.is_unowned(reader.get(), is_read) {
                failure.set(Some(CORRUPT));
            }
        };
        let state = self.state();
        let event = (&state.readers_gone, &state.blocked_writers);
        let found = wait_for(event, WakePolicy::Single, wait, &self.write_spin, try_once, check_peers);
        found.unwrap_or(Err(wait_error(wait)))
    }

    fn state(&self) -> &RwLockState {
        // SAFETY: as in `raw_lock`.
        unsafe { self.state.as_ref() }
    }
}

fn wait_error(wait: Wait) -> LockError {
    match wait {
        Wait::NonBlocking => LockError::WouldBlock,
        Wait::Timeout(_) | Wait::Forever | Wait::Task(_) => LockError::Timeout,
    }
}

impl RwLockReadGuard<'_> {
    /// Whether a writer died while it held the lock, and none has got it since. What it protects may be half changed.
    #[inline]
    pub fn recovered(&self) -> bool {
        self.recovered
    }
}

impl RwLockWriteGuard<'_> {
    /// Whether a writer died while it held the lock, and none has got it since. Whoever does not mend what it left should leave
    /// word: nobody is told again, unless this one dies with its guard, too.
    #[inline]
    pub fn recovered(&self) -> bool {
        self.recovered
    }
}

impl Drop for RwLockReadGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.generation == fork::generation() {
            self.lock.raw_lock().leave(self.count);
        }
    }
}

impl Drop for RwLockWriteGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.raw_guard.is_ours() {
            self.lock.raw_lock().finish();
        }
    }
}

impl Object for RwLock {}

impl sealed::ObjectImpl for RwLock {
    type Plan = ();

    fn fingerprint() -> Fingerprint {
        Fingerprint::of::<()>(Kind::RwLock)
    }

    fn shape((): &()) -> Shape {
        Shape::ONE
    }

    fn fit(_: Shape, participants: u32) -> Shape {
        Shape { count: participants.into(), aux: 0 }
    }

    fn length(shape: Shape) -> Option<u64> {
        length(shape.count)
    }

    fn build((): &(), region: &Region) {
        // Behind the lock, all zeros is one that nobody holds.
        region.init_lock();
    }

    fn attach(region: Region) -> Result<Self, SegmentError> {
        barrier::register();
        Ok(Self {
            state: NonNull::from(region.state_at::<RwLockState>(STATE_AT)),
            counts: NonNull::from(region.words_from(COUNTS_AT)),
            read_spin: AdaptiveSpin::default(),
            write_spin: AdaptiveSpin::default(),
            lock: ObjectLock::attach(region)?,
        })
    }

    fn region(&self) -> &Region {
        self.lock.region()
    }
}

plain_object!(RwLock);
object_handle!([] RwLock);

impl Clone for RwLock {
    fn clone(&self) -> Self {
        Self {
            read_spin: AdaptiveSpin::default(),
            write_spin: AdaptiveSpin::default(),
            lock: self.lock.clone(),
            ..*self
        }
    }
}

impl fmt::Debug for RwLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RwLock").field("segment", self.segment()).finish_non_exhaustive()
    }
}

impl fmt::Debug for RwLockReadGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RwLockReadGuard").field("recovered", &self.recovered()).finish_non_exhaustive()
    }
}

impl fmt::Debug for RwLockWriteGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RwLockWriteGuard").field("recovered", &self.recovered()).finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(RwLock: Send, Sync, Clone);
static_assertions::assert_impl_all!(RwLockReadGuard<'static>: Send, Sync);
static_assertions::assert_not_impl_any!(RwLockWriteGuard<'static>: Send);
