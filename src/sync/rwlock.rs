//! [`RwLock`]: a lock for one writer at a time, or any number of readers.
//!
//! - [`guard`]: the guards of readers and writers

mod guard;

use core::cell::Cell;
use core::fmt;
use core::ops::RangeInclusive;
use std::time::Duration;

pub use guard::{RwLockReadGuard, RwLockWriteGuard};

use crate::error::{LockError, SegmentError};
use crate::layout::fingerprint::{Fingerprint, Kind};
use crate::primitive::{AtomicU64, Ordering};
use crate::raw::adaptive_spin::AdaptiveSpin;
use crate::raw::mutex::HolderCheck;
use crate::raw::rwlock::{COUNTS_AT, RawRwLock, RwLockState, STATE_AT, length};
use crate::raw::wait::{Timeout, Wait, WaitPoint, WakePolicy};
use crate::segment::lock::ObjectLock;
use crate::segment::lock::owner::ByThread;
use crate::segment::object::{Object, Region, Shape, sealed};
use crate::segment::object_macros::{object_handle, plain_object};
use crate::segment::shared_ref::SharedRef;
use crate::sys::barrier;
use crate::sys::fork::ForkGeneration;

const CORRUPT: LockError = LockError::Corrupt { what: "the readers of a lock" };

/// A lock between processes for any number of readers, or one writer.
///
/// As with a [`Mutex`](super::Mutex), it protects what its users agree on. Readers share no count:
/// each process counts its readers on a cache line of its own, so readers on many processors do not
/// slow each other down. The price is the writer's, which reads the counts of all participants up to
/// the highest id that one ever had. The lock takes 384 bytes, and 64 for each participant that the
/// segment has a place for
/// ([`SegmentBuilder::participants`](crate::segment::builder::SegmentBuilder::participants)).
///
/// A waiting writer keeps new readers out, so it waits only for the readers inside. The lock is not
/// fair among writers, and a sequence of writers may keep readers waiting for long. A reader cannot
/// become a writer: a thread that holds a read guard and asks to write waits for itself, and so
/// does one that asks to read again while a writer waits. A thread that holds the write guard and
/// asks for another guard gets [`LockError::Deadlock`].
///
/// **When a process is killed at any instruction:** dead readers and writers are evicted, within
/// about 100 ms of their death if a waiter waits. If a writer died between getting its guard and
/// dropping it, `recovered()` is true for the readers that follow and for the next writer, whose
/// guard delivers the death report.
///
/// After Hsieh and Weihl (IPPS 1992), with a writers' lock that passes on after a death, and a count
/// for each process.
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
///     // No process changes the table now.
/// }
/// let guard = table.write()?;
/// if guard.recovered() {
///     // A writer was killed in here: check what it left.
/// }
/// // No other process reads the table now.
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// It takes 384 bytes, and 64 for each participant that its segment can have: 16 KB more in a segment
/// for 256.
#[doc(alias = "ReadWriteLock")]
#[doc(alias = "SharedLock")]
pub struct RwLock {
    /// The lock among writers.
    lock: ObjectLock,
    /// The state, and the participants' counts of readers.
    state: SharedRef<RwLockState>,
    /// How long a reader spins for a writer to finish.
    read_spin: AdaptiveSpin,
    /// How long a writer spins for readers to finish.
    write_spin: AdaptiveSpin,
}

impl RwLock {
    /// Locks to read, waiting for a writer without a timeout.
    ///
    /// # Errors
    /// [`LockError::Deadlock`] if this thread holds the write guard; [`LockError::NotAttached`] in
    /// a forked child that cannot register as a participant; [`LockError::Corrupt`] if the segment
    /// is damaged.
    #[doc(alias = "pthread_rwlock_rdlock")]
    #[inline]
    pub fn read(&self) -> Result<RwLockReadGuard<'_>, LockError> {
        self.read_within(Wait::Forever)
    }

    /// Locks to read if no writer holds the lock or waits for it, without waiting.
    ///
    /// # Errors
    /// [`LockError::WouldBlock`] if a writer holds the lock or waits for it, and the errors of
    /// [`read`](Self::read).
    #[doc(alias = "pthread_rwlock_tryrdlock")]
    #[inline]
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_>, LockError> {
        self.read_within(Wait::NonBlocking)
    }

    /// Locks to read, waiting for a writer no longer than `timeout` (on the monotonic clock).
    ///
    /// # Errors
    /// [`LockError::Timeout`] if writers keep the lock until the timeout elapses, and the errors of
    /// [`read`](Self::read).
    #[inline]
    pub fn read_timeout(&self, timeout: Duration) -> Result<RwLockReadGuard<'_>, LockError> {
        self.read_within(Wait::Until(&Timeout::new(timeout)))
    }

    /// Locks to write, waiting for readers and other writers without a timeout.
    ///
    /// # Errors
    /// The errors of [`read`](Self::read).
    #[doc(alias = "pthread_rwlock_wrlock")]
    #[inline]
    pub fn write(&self) -> Result<RwLockWriteGuard<'_>, LockError> {
        self.write_within(Wait::Forever)
    }

    /// Locks to write if no reader and no writer holds the lock, without waiting.
    ///
    /// # Errors
    /// [`LockError::WouldBlock`] if a reader or a writer holds the lock, and the errors of
    /// [`read`](Self::read).
    #[doc(alias = "pthread_rwlock_trywrlock")]
    #[inline]
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_>, LockError> {
        self.write_within(Wait::NonBlocking)
    }

    /// Locks to write, waiting for readers and other writers no longer than `timeout` (on the
    /// monotonic clock). If it gives up, it lets in the readers that it kept out.
    ///
    /// # Errors
    /// [`LockError::Timeout`] if readers or another writer keep the lock until the timeout elapses,
    /// and the errors of [`read`](Self::read).
    #[inline]
    pub fn write_timeout(&self, timeout: Duration) -> Result<RwLockWriteGuard<'_>, LockError> {
        self.write_within(Wait::Until(&Timeout::new(timeout)))
    }

    #[inline(always)]
    fn raw_lock(&self) -> RawRwLock<'_> {
        RawRwLock::new(&self.state, self.state.body())
    }

    #[inline(always)]
    fn read_within(&self, wait: Wait) -> Result<RwLockReadGuard<'_>, LockError> {
        let own_id = self.state.participant_id()?;
        let count = self.raw_lock().count(own_id).ok_or(CORRUPT)?;
        if !self.raw_lock().enter(count) {
            self.read_slow(count, wait)?;
        }
        let recovered = self.raw_lock().is_abandoned();
        Ok(RwLockReadGuard { lock: self, count, generation: ForkGeneration::current(), recovered })
    }

    /// Enters as a reader after an attempt that found a writer.
    #[cold]
    fn read_slow(&self, count: &AtomicU64, wait: Wait) -> Result<(), LockError> {
        let raw_lock = self.raw_lock();
        let failure = Cell::new(None);
        let try_once = || match failure.get() {
            Some(error) => Some(Err(error)),
            None => (!raw_lock.has_writer() && raw_lock.enter(count)).then_some(Ok(())),
        };
        let clear_abandoned = || failure.set(self.clear_abandoned().err());
        // A dead writer's lock may be free already; and this thread may be the writer, which gets
        // `Deadlock`.
        clear_abandoned();
        let check_peers = || {
            self.segment().mapping().reap_dead_peers();
            clear_abandoned();
        };
        let point = WaitPoint {
            event: &self.state.readers,
            stats: &self.state.blocked_readers,
            policy: WakePolicy::AnyOne,
            spin: &self.read_spin,
        };
        point.wait(wait, try_once, check_peers)?
    }

    /// Evicts a dead writer. Only if no writer lives can the writers' lock be taken.
    fn clear_abandoned(&self) -> Result<(), LockError> {
        match self.lock.lock::<ByThread>(Wait::NonBlocking) {
            Ok(_raw_guard) => {
                self.raw_lock().clear_dead_writer();
                Ok(())
            }
            Err(LockError::WouldBlock) => Ok(()),
            Err(error) => Err(error),
        }
    }

    #[inline]
    fn write_within(&self, wait: Wait) -> Result<RwLockWriteGuard<'_>, LockError> {
        let own_id = self.state.participant_id()?;
        let raw_guard = self.lock.lock(wait)?;
        let raw_lock = self.raw_lock();
        if matches!(wait, Wait::NonBlocking) {
            // A writer that does not wait for readers does not keep them out either.
            raw_lock.clear_dead_writer();
            self.check_no_readers()?;
        }
        raw_lock.announce_writer(own_id);
        let highest_id = self.segment().mapping().highest_id();
        if let Some(first) = raw_lock.first_reader(1..=highest_id)
            && let Err(error) = self.wait_for_readers(first..=highest_id, wait)
        {
            raw_lock.finish();
            return Err(error);
        }
        let recovered = raw_lock.write(own_id);
        Ok(RwLockWriteGuard { lock: self, raw_guard, recovered })
    }

    fn check_no_readers(&self) -> Result<(), LockError> {
        let mapping = self.segment().mapping();
        let first_reader = || self.raw_lock().first_reader(1..=mapping.highest_id());
        let Some(reader) = first_reader() else { return Ok(()) };
        // Seldom, as in an attempt to take a held lock: asking is a system call.
        if !self.lock.is_due() {
            return Err(LockError::WouldBlock);
        }
        if !mapping.is_alive(reader) {
            mapping.reap_dead_peers();
        }
        first_reader().map_or(Ok(()), |_| Err(LockError::WouldBlock))
    }

    /// Waits until none of these participants reads. The first of them does, or did.
    #[cold]
    fn wait_for_readers(&self, ids: RangeInclusive<u32>, wait: Wait) -> Result<(), LockError> {
        let (raw_lock, mapping) = (self.raw_lock(), self.segment().mapping());
        let failure = Cell::new(None);
        let (first, highest_id) = ids.into_inner();
        let reader = Cell::new(first);
        let try_once = || {
            match raw_lock.first_reader(reader.get()..=highest_id) {
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
        let point = WaitPoint {
            event: &self.state.readers_gone,
            stats: &self.state.blocked_writers,
            policy: WakePolicy::Single,
            spin: &self.write_spin,
        };
        point.wait(wait, try_once, check_peers)?
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

    fn build((): &(), _: &Region) {
        // All zeros are a state without readers and writer, and a free writers' lock.
    }

    fn attach(region: Region) -> Result<Self, SegmentError> {
        barrier::register();
        Ok(Self {
            state: SharedRef::at(region.clone(), STATE_AT, COUNTS_AT),
            read_spin: AdaptiveSpin::default(),
            write_spin: AdaptiveSpin::default(),
            lock: ObjectLock::attach(region),
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
            state: self.state.clone(),
        }
    }
}

impl fmt::Debug for RwLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RwLock").field("segment", self.segment()).finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(RwLock: Send, Sync, Clone);
