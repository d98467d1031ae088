//! A word on cache lines of its own.

use crate::primitive::AtomicU64;

/// A word on two cache lines of its own, because processors fetch them in pairs.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[repr(C)]
pub(crate) struct CachePadded {
    pub(crate) word: AtomicU64,
    _padding1: [u64; 15],
}
