//! Which CPU a bench runs on, and which one its partner.

#![allow(unsafe_code)]

use std::thread;
use std::time::Duration;

use breezeway::sync::Mutex;

/// The CPU that a bench runs on, and the one its partner runs on.
pub const OUR_CPU: usize = 0;
/// See [`OUR_CPU`].
pub const PARTNER_CPU: usize = 1;

/// Goes to the CPU that is ours.
pub fn settle() {
    // At its first wait, breezeway finds out how many CPUs this process may use, and whether it is worth while to spin. It
    // would find one if that was after the pinning, although the partner has the other.
    let mutex = Mutex::new().expect("a mutex");
    let held = mutex.lock().expect("the lock");
    let waited = thread::scope(|scope| {
        scope.spawn(|| mutex.lock_timeout(Duration::from_millis(1)).is_err()).join().expect("a thread")
    });
    assert!(waited);
    drop(held);
    pin(OUR_CPU);
}

/// Keeps this thread on one CPU, if it may use that one.
pub fn pin(cpu: usize) {
    // SAFETY: a `cpu_set_t` is a bit set, for which zeros are the empty one.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: `cpu` is far below the set's size.
    unsafe { libc::CPU_SET(cpu, &mut set) };
    // SAFETY: the set is a local and as long as it says. Where it fails, the thread stays where it may be.
    unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) };
}
