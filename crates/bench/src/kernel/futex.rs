//! Sleeping on a word that several processes map, and waking who sleeps there: the bare system calls.

#![allow(unsafe_code)]

use std::ptr;
use std::time::Duration;

use core::sync::atomic::AtomicU64;

/// The half of the word that the kernel looks at: the low one.
fn half(word: &AtomicU64) -> *mut u32 {
    let start = word.as_ptr().cast::<u32>();
    if cfg!(target_endian = "big") { start.wrapping_add(1) } else { start }
}

/// Sleeps while the word is `seen`, until somebody wakes it or the time is over. It may also return for no reason.
pub fn wait(word: &AtomicU64, seen: u64, at_most: Duration) {
    let time = libc::timespec {
        tv_sec: at_most.as_secs() as libc::time_t,
        tv_nsec: libc::c_long::from(at_most.subsec_nanos()),
    };
    // SAFETY: the word is borrowed, and the time a local. Why it returns is of no interest: whoever calls looks for itself.
    unsafe { libc::syscall(libc::SYS_futex, half(word), libc::FUTEX_WAIT, seen as u32, &raw const time) };
}

/// The same, for as long as it takes.
pub fn wait_forever(word: &AtomicU64, seen: u64) {
    let no_time = ptr::null::<libc::timespec>();
    // SAFETY: as above; no time is given.
    unsafe { libc::syscall(libc::SYS_futex, half(word), libc::FUTEX_WAIT, seen as u32, no_time) };
}

/// Wakes one who sleeps on the word.
pub fn wake_one(word: &AtomicU64) {
    // SAFETY: the word is borrowed, and only its address counts.
    unsafe { libc::syscall(libc::SYS_futex, half(word), libc::FUTEX_WAKE, 1) };
}
