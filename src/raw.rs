//! The algorithms, over references to their state: they do not know where the memory comes from.
//!
//! - [`barrier`]: parties that wait for each other, of whom some may die
//! - [`condvar`]: waiters with a slot each, to be notified
//! - [`depot`]: messages of any size, of which a death loses none
//! - [`elements`]: an array's elements, stored so that none is ever torn
//! - [`ends`]: whose the two ends of a single-producer queue are
//! - [`event`]: a flag that wakes everybody
//! - [`event_word`]: a word to sleep on until somebody publishes
//! - [`frames`]: how messages of any length lie in a ring of bytes
//! - [`journal`]: undoing what a dead process left half done
//! - [`mod@line`]: a word on cache lines of its own
//! - [`mpmc`]: a ring with many producers and consumers, repaired after the dead
//! - [`mutex`]: the robust lock with spinning, bounded parks and deadlines
//! - [`patience`]: how long to wait, and the way from looking to sleeping
//! - [`permits`]: permits that know whose they are
//! - [`rwlock`]: readers that count themselves, and a writer that looks at all counts
//! - [`semaphore`]: a count of permits
//! - [`seqlock`]: a value that readers copy without a lock and no death tears
//! - `slot`: where a task leaves its waker
//! - [`spsc`]: the indices of a ring with one producer and one consumer
//! - [`tally`]: what has happened, for who looks from outside
//! - [`turn`]: waiting without a thread to sleep
//! - `watch`: words that tasks wait on
//! - [`words`]: copies through shared words

pub(crate) mod barrier;
pub(crate) mod condvar;
#[cfg(not(loom))]
pub(crate) mod depot;
#[cfg(not(loom))]
pub(crate) mod elements;
pub(crate) mod ends;
pub(crate) mod event;
pub(crate) mod event_word;
#[cfg(not(loom))]
pub(crate) mod frames;
#[cfg(not(loom))]
pub(crate) mod journal;
pub(crate) mod line;
#[cfg(all(test, loom))]
mod model;
pub(crate) mod mpmc;
#[cfg(not(loom))]
pub(crate) mod mutex;
#[cfg(not(loom))]
pub(crate) mod patience;
pub(crate) mod permits;
pub(crate) mod rwlock;
pub(crate) mod semaphore;
pub(crate) mod seqlock;
#[cfg(feature = "async")]
pub(crate) mod slot;
pub(crate) mod spsc;
pub(crate) mod tally;
pub(crate) mod turn;
#[cfg(feature = "async")]
pub(crate) mod watch;
#[cfg_attr(loom, allow(dead_code))] // Not every user of words has a model.
pub(crate) mod words;

/// Made of atomics only: any bytes are one, and they may change under a shared reference.
///
/// # Safety
/// That is so.
#[cfg(not(loom))]
#[allow(unsafe_code)]
pub(crate) unsafe trait Cells: Sync {}
