//! Where atomics and spinning come from: `core`, or loom's model of them under `--cfg loom`.
//!
//! Nothing else in the crate names `core::sync::atomic`, so an algorithm written against this module can be
//! model-checked as it stands.

#[cfg(not(loom))]
pub(crate) use core::sync::atomic::{
    AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicPtr, AtomicU8, AtomicU16, AtomicU32,
    AtomicU64, AtomicUsize,
};

#[cfg(not(loom))]
pub(crate) use core::{
    hint::spin_loop,
    sync::atomic::{Ordering, compiler_fence, fence},
};

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU64, Ordering, fence};
