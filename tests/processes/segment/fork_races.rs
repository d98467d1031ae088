//! Forks at awkward moments: several threads of a forked child use a handle first, and handlers that
//! the program itself has around its forks use the library.
#![allow(unsafe_code)]

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Barrier, OnceLock};
use std::thread;

use breezeway::{Segment, Value};
use support::fork::fork;
use support::scratch::Name;
use support::{Role, Watchdog, role};

/// Whichever thread registers first: the process has one registration, and it is alive.
#[test]
fn forked_child_registers_once_from_many_threads() {
    let _watchdog = Watchdog::start(120);
    let value = Value::<u64>::new(0).unwrap();
    for n in 1..=200_u64 {
        let child = fork(|| {
            let barrier = Barrier::new(4);
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        barrier.wait();
                        value.update(|value| *value += 1).unwrap();
                    });
                }
            });
            let pid = std::process::id();
            let all = value.segment().participants().unwrap();
            let own: Vec<_> = all.iter().filter(|one| one.pid == pid).collect();
            assert!(own.len() == 1 && own[0].alive, "{all:?}");
        });
        child.join();
        assert_eq!(value.get(), 4 * n);
    }
}

#[test]
fn fork_handlers_of_the_program_may_use_segments() {
    let _watchdog = Watchdog::start(60);
    assert!(Role::spawn(own_handlers_role, &[]).join().success());
}

static NAME: OnceLock<Name> = OnceLock::new();
static CALLS: AtomicU32 = AtomicU32::new(0);

/// Opens a segment, takes its lock and drops it all.
extern "C" fn use_segment() {
    if let Some(name) = NAME.get() {
        Value::<u64>::open(name).unwrap().update(|value| *value += 1).unwrap();
        CALLS.fetch_add(1, SeqCst);
    }
}

#[test]
fn own_handlers_role() {
    if role().is_none() {
        return;
    }
    // Before the library's own, so they run between those.
    // SAFETY: functions that live as long as the process.
    unsafe { libc::pthread_atfork(Some(use_segment), Some(use_segment), Some(use_segment)) };
    let value = Value::create(NAME.get_or_init(|| Name::new("handlers")), 0_u64).unwrap();
    let lease_free = Segment::new(1 << 16).unwrap();
    let child = fork(|| {
        assert_eq!(CALLS.load(SeqCst), 2, "before the fork, and in the child");
        value.update(|value| *value += 100).unwrap();
        lease_free.add::<Value<u8>>("later", 1).unwrap();
        let pid = std::process::id();
        let all = value.segment().participants().unwrap();
        let own: Vec<_> = all.iter().filter(|one| one.pid == pid).collect();
        assert!(own.len() == 1 && own[0].alive, "{all:?}");
    });
    child.join();
    assert_eq!(CALLS.load(SeqCst), 2, "before the fork, and after it in the parent");
    assert_eq!(value.get(), 103);
    assert_eq!(value.segment().participants().unwrap().iter().filter(|one| one.alive).count(), 1);
}
