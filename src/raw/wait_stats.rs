//! Statistics of an object: how often its operations waited, parked and were woken, and what was
//! repaired.
//!
//! They are counted on slow paths only: before a park, after a wake-up, in a repair. Each number
//! only grows, and no operation depends on it: it is read by inspection. A death may lose what was
//! about to be counted, and a repair that is begun again may count twice. The numbers lie in spare
//! words beside the event counts, so that no fast path reads or writes them, and a thread that is
//! about to park moves one more cache line at most.

#[cfg(not(loom))]
use crate::primitive::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[repr(C)]
pub(crate) struct Counter {
    /// No loom model reads it.
    #[cfg(not(loom))]
    number: AtomicU64,
}

impl Counter {
    /// Adds `more` to the number.
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

/// How often threads and tasks waited for something.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[repr(C)]
pub(crate) struct WaitStats {
    /// Calls that parked: what they waited for was not there, and did not come while they spun.
    pub(crate) waits: Counter,
    /// Parks, of which a long wait has one for each recheck interval. A task counts in this number
    /// alone: each attempt after which it waits, although no thread parks.
    pub(crate) parks: Counter,
    /// Parks after which the thread found what it waited for.
    pub(crate) wakes: Counter,
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<Counter>() == 8 && size_of::<WaitStats>() == 24);
