//! The algorithms, over references to their state: they do not know where the memory comes from.
//!
//! Each module's documentation has the table of its states: which participant moves each, and which
//! store or compare-and-swap is the commit point. Those that loom explores have a `model`.
//!
//! - [`adaptive_spin`]: looking for a while before a park, for as long as that was worth it lately
//! - [`atomic_copy`]: copies between private bytes and shared words, one relaxed atomic word at a
//!   time
//! - [`barrier`]: parties that wait until all have arrived; broken if one of them dies
//! - [`mod@cache_padded`]: a word on cache lines of its own
//! - [`condvar`]: a condition variable with a slot for each waiter
//! - [`elements`]: an array's elements in shared words, stored so that no small element is ever
//!   torn
//! - [`endpoints`]: the holders of the two endpoints of a single-producer queue
//! - [`event`]: a flag to wait for; setting it wakes all waiters
//! - [`event_count`]: a futex word to park on until something is published
//! - [`frames`]: how messages of any length lie in a ring of bytes
//! - [`journal`]: an undo log for the elements that a lock's holder overwrites
//! - [`kind_ops`], [`kinds`]: what is known of each kind of object, and the table by its number
//! - [`message_ring`]: a bounded ring of messages of any length, with leases
//! - [`mpmc`]: a bounded ring with many producers and many consumers
//! - [`mutex`]: the lock, whose word names its holder, so that a dead holder's lock passes on
//! - [`owned_semaphore`]: a semaphore whose permits record their owner, and are reclaimed after its
//!   death
//! - `packed_word`: a word `{number:44 | owner:16 | state:4}`, as the slots of `mpmc` and `condvar`
//!   have it
//! - `reader_pass`: writers let a reader pass whose copies they spoil
//! - [`registration`]: which process held something, by id and epoch
//! - [`rwlock`]: a readers-writer lock in which each participant counts its own readers
//! - [`semaphore`]: a counting semaphore
//! - [`seqlock`]: a value that readers copy without a lock, and that no death tears
//! - [`spsc`]: the indices of a ring with one producer and one consumer
//! - [`wait`]: how an operation waits: try, spin, then park for a recheck interval at a time; or, as a
//!   task, register
//! - [`wait_stats`]: statistics of an object for inspection: waits, parks, wake-ups, repairs

#[cfg(not(loom))]
pub(crate) mod adaptive_spin;
#[cfg_attr(loom, allow(dead_code))] // Not every module that copies words has a model.
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
pub(crate) mod kind_ops;
#[cfg(not(loom))]
pub(crate) mod kinds;
pub(crate) mod message_ring;
#[cfg(all(test, loom))]
pub(crate) mod model;
pub(crate) mod mpmc;
pub(crate) mod mutex;
pub(crate) mod owned_semaphore;
mod packed_word;
pub(crate) mod reader_pass;
pub(crate) mod registration;
pub(crate) mod rwlock;
pub(crate) mod semaphore;
pub(crate) mod seqlock;
pub(crate) mod spsc;
#[cfg(not(loom))]
pub(crate) mod wait;
pub(crate) mod wait_stats;

/// A state that consists of atomics only: any bytes are a valid value, and they may change under a
/// shared reference.
///
/// # Safety
/// Any bytes are a valid value of the type, and it does not matter if they change under a shared
/// reference.
#[cfg(not(loom))]
#[allow(unsafe_code)]
pub(crate) unsafe trait Cells: Sync {}

// SAFETY: it is an atomic.
#[cfg(not(loom))]
#[allow(unsafe_code)]
unsafe impl Cells for crate::primitive::AtomicU64 {}
