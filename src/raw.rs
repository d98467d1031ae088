//! The algorithms, over references to their state: they do not know where the memory comes from.
//!
//! - [`barrier`]: parties that wait for each other, of whom some may die
//! - [`condvar`]: waiters with a slot each, to be notified
//! - [`message_slab`]: messages of any size, of which a death loses none
//! - [`elements`]: an array's elements, stored so that none is ever torn
//! - [`endpoints`]: whose the two ends of a single-producer queue are
//! - [`event`]: a flag that wakes everybody
//! - [`event_count`]: a word to sleep on until somebody publishes
//! - [`frames`]: how messages of any length lie in a ring of bytes
//! - [`journal`]: undoing what a dead process left half done
//! - [`mod@cache_padded`]: a word on cache lines of its own
//! - [`mpmc`]: a ring with many producers and consumers, repaired after the dead
//! - [`mutex`]: the robust lock with spinning, bounded parks and deadlines
//! - [`wait`]: how long to wait, and the way from looking to sleeping
//! - [`owned_semaphore`]: permits that know whose they are
//! - [`rwlock`]: readers that count themselves, and a writer that looks at all counts
//! - [`semaphore`]: a count of permits
//! - [`seqlock`]: a value that readers copy without a lock and no death tears
//! - `waker_cell`: where a task leaves its waker
//! - [`spsc`]: the indices of a ring with one producer and one consumer
//! - [`wait_stats`]: what has happened, for who looks from outside
//! - [`async_waiter`]: waiting without a thread to sleep
//! - `wait_set`: words that tasks wait on
//! - [`atomic_copy`]: copies through shared words

pub(crate) mod async_waiter;
#[cfg_attr(loom, allow(dead_code))] // Not every user of words has a model.
pub(crate) mod atomic_copy;
pub(crate) mod barrier;
pub(crate) mod cache_padded;
pub(crate) mod condvar;
#[cfg(not(loom))]
pub(crate) mod elements;
pub(crate) mod endpoints;
pub(crate) mod event;
pub(crate) mod event_count;
#[cfg(not(loom))]
pub(crate) mod frames;
#[cfg(not(loom))]
pub(crate) mod journal;
#[cfg(not(loom))]
pub(crate) mod message_slab;
#[cfg(all(test, loom))]
mod model;
pub(crate) mod mpmc;
#[cfg(not(loom))]
pub(crate) mod mutex;
pub(crate) mod owned_semaphore;
pub(crate) mod rwlock;
pub(crate) mod semaphore;
pub(crate) mod seqlock;
pub(crate) mod spsc;
#[cfg(not(loom))]
pub(crate) mod wait;
#[cfg(feature = "async")]
pub(crate) mod wait_set;
pub(crate) mod wait_stats;
#[cfg(feature = "async")]
pub(crate) mod waker_cell;

/// Made of atomics only: any bytes are one, and they may change under a shared reference.
///
/// # Safety
/// That is so.
#[cfg(not(loom))]
#[allow(unsafe_code)]
pub(crate) unsafe trait Cells: Sync {}

// SAFETY: it is an atomic.
#[cfg(not(loom))]
#[allow(unsafe_code)]
unsafe impl Cells for crate::primitive::AtomicU64 {}
