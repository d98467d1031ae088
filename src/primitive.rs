//! Where atomics and spinning come from: `core`, or loom's model of them under `--cfg loom`.
//!
//! No other module of the crate names `core::sync::atomic`, so an algorithm that is written against
//! this module can be model-checked as it stands.

#[cfg(not(loom))]
pub(crate) use core::sync::atomic::{
    AtomicBool, AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicPtr, AtomicU8, AtomicU16,
    AtomicU32, AtomicU64, AtomicUsize,
};

#[cfg(not(loom))]
pub(crate) use core::{
    hint::spin_loop,
    sync::atomic::{Ordering, compiler_fence, fence},
};

#[cfg(all(feature = "async", not(loom)))]
pub(crate) use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread::{ThreadId, current},
};

#[cfg(all(feature = "async", loom))]
pub(crate) use loom::{
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread::{ThreadId, current},
};

#[cfg(not(loom))]
pub(crate) use std::thread::yield_now;

#[cfg(loom)]
pub(crate) use loom::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering, fence},
    thread::yield_now,
};

/// Orders two SeqCst operations of a thread in a loom model. Outside of models it does nothing,
/// because the order of SeqCst operations is total; loom takes them for AcqRel, and only its fences
/// are SeqCst.
#[inline(always)]
pub(crate) fn seq_cst() {
    #[cfg(loom)]
    fence(Ordering::SeqCst);
}

/// Asks the processor to fetch the cache line of this address, because it will be read soon.
#[cfg(not(loom))]
#[inline(always)]
#[allow(unsafe_code)]
pub(crate) fn prefetch(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint about any address, mapped or not; every x86_64 has the instruction.
    unsafe {
        core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
