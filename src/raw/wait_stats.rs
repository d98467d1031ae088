//! What has happened at an object, counted where nobody is in a hurry: about to sleep, woken, or repairing after the dead.
//!
//! Each number only grows, and nobody goes by it: it is there for who looks from outside. A death may lose what it was about to
//! count, and a repair that is begun anew may count twice. The numbers lie in words that were to spare beside the words that sleepers
//! sleep on, so that no fast way reads or writes them, and who is about to sleep moves no cache line for them but one.

#[cfg(not(loom))]
use crate::primitive::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[repr(C)]
pub(crate) struct Counter {
    /// No model asks for it.
    #[cfg(not(loom))]
    number: AtomicU64,
}

impl Counter {
    /// Counts so many more.
    #[cold]
    pub(crate) fn add(&self, more: u64) {
        #[cfg(not(loom))]
        if more > 0 {
            // ORDER: relaxed; the number stands for itself.
            self.number.fetch_add(more, Ordering::Relaxed);
        }
        #[cfg(loom)]
        let _ = more;
    }

    #[cfg(not(loom))]
    pub(crate) fn get(&self) -> u64 {
        self.number.load(Ordering::Relaxed)
    }
}

/// What those did who waited for something.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[repr(C)]
pub(crate) struct WaitStats {
    /// Calls that went to sleep: what they were for was not to be had, and did not come soon.
    pub(crate) waits: Counter,
    /// Sleeps, of which a long wait has one for each of its slices. A task, whose thread does not sleep, counts here alone: each attempt
    /// behind which it waits.
    pub(crate) parks: Counter,
    /// Sleeps behind which it was there.
    pub(crate) wakes: Counter,
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<Counter>() == 8 && size_of::<WaitStats>() == 24);
