//! The algorithms, over references to their state: they do not know where the memory comes from.
//!
//! - [`elements`]: an array's elements, stored so that none is ever torn
//! - [`journal`]: undoing what a dead process left half done
//! - [`mutex`]: the robust lock with spinning, bounded parks and deadlines
//! - [`seqlock`]: a value that readers copy without a lock and no death tears
//! - [`words`]: copies through shared words

#[cfg(not(loom))]
pub(crate) mod elements;
#[cfg(not(loom))]
pub(crate) mod journal;
#[cfg(not(loom))]
pub(crate) mod mutex;
pub(crate) mod seqlock;
#[cfg_attr(loom, allow(dead_code))] // Not every user of words has a model.
pub(crate) mod words;
