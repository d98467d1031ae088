//! [`breezeway::sync::ReentrantMutex`]: one thread at a time, any number of times.

use std::time::Duration;

use breezeway::sync::{Mutex, ReentrantMutex};
use breezeway::{LockError, SegmentError};
use support::scratch::patch;
use support::{Watchdog, unique};

const SOON: Duration = Duration::from_secs(20);

/// Whether another thread can have the lock right now.
fn is_free(mutex: &ReentrantMutex) -> bool {
    let attempt = std::thread::scope(|scope| {
        scope.spawn(|| mutex.try_lock().map(|guard| assert!(!guard.recovered()))).join().unwrap()
    });
    assert!(matches!(attempt, Ok(()) | Err(LockError::WouldBlock)), "{attempt:?}");
    attempt.is_ok()
}

#[test]
fn drop_of_last_guard_unlocks_in_any_order() {
    let mutex = ReentrantMutex::new().unwrap();
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut guards = [mutex.lock(), mutex.try_lock(), mutex.lock_timeout(SOON)].map(Result::ok);
        for index in order {
            assert!(guards[index].take().is_some() && is_free(&mutex) == guards.iter().all(Option::is_none));
        }
    }
}

#[test]
fn open_or_create_creates_then_opens() {
    let name = unique("reentrant");
    let made = ReentrantMutex::open_or_create(&name).unwrap();
    let _guard = made.lock().unwrap();
    let found = ReentrantMutex::open(&name).unwrap();
    drop(found.lock().unwrap());
    assert!(!is_free(&found));
    assert!(matches!(Mutex::open(&name), Err(SegmentError::TypeMismatch { .. })));
    assert!(format!("{made:?} {_guard:?}").contains("recovered: false"));
}

/// Handles of one mapping: the one that took the lock first need not be the one that gives it back, and nothing is left mapped.
#[test]
fn clone_shares_levels_until_last_guard_drops() {
    let name = unique("reentrant-clones");
    let (one, other) = {
        let mutex = ReentrantMutex::create(&name).unwrap();
        (mutex.clone(), mutex)
    };
    for _ in 0..3 {
        let (first, second) = (one.lock().unwrap(), other.lock().unwrap());
        drop(first);
        assert!(!is_free(&one));
        drop(second);
        assert!(is_free(&one));
    }
    drop((one, other));
    assert!(matches!(ReentrantMutex::open(&name), Err(SegmentError::NotFound { .. })), "the maker has gone");
}

/// Two handles, opened apart. The one by which the lock was taken goes while it is held.
#[test]
fn lock_by_two_mappings_unlocks_with_last_guard() {
    let name = unique("reentrant-mappings");
    let watcher = ReentrantMutex::create(&name).unwrap();
    let participants = || watcher.segment().participants().unwrap().len();
    for _ in 0..3 {
        let (one, other) = (ReentrantMutex::open(&name).unwrap(), ReentrantMutex::open(&name).unwrap());
        let (first, second) = (one.lock().unwrap(), other.lock().unwrap());
        drop(first);
        drop(one);
        assert_eq!((is_free(&watcher), participants()), (false, 1));
        // Others go into the list and out of it.
        let (before, behind) = (Mutex::new().unwrap(), Mutex::new().unwrap());
        let (one_more, another) = (before.lock().unwrap(), behind.lock().unwrap());
        drop(one_more);
        drop(second);
        drop(another);
        assert_eq!((is_free(&watcher), participants()), (true, 1));
    }
}

/// What a peer that keeps to no rules writes over the number of guards.
#[test]
fn lock_with_damaged_level_count() {
    const BESIDE: u64 = 56;
    let _watchdog = Watchdog::start(60);
    let name = unique("reentrant-damaged");
    for levels in [0, u64::from(u32::MAX), u64::MAX] {
        let mutex = ReentrantMutex::create(&name).unwrap();
        let at = mutex.segment().objects().unwrap()[0].offset + BESIDE;
        let damage = || patch(&mutex.segment().path().unwrap(), at, &levels.to_ne_bytes());
        damage();
        // Whoever comes first begins anew.
        let first = mutex.lock().unwrap();
        let second = mutex.lock().unwrap();
        damage();
        match mutex.lock() {
            Err(LockError::TooDeep { limit }) => assert_eq!((limit, levels > 0), (u32::MAX as usize, true)),
            other => assert!(other.is_ok() && levels == 0),
        }
        patch(&mutex.segment().path().unwrap(), at, &1_u64.to_ne_bytes());
        drop(second);
        drop(first);
        assert!(is_free(&mutex));
    }
}

/// A thread has unlocked by a damaged count. Its second guard does not unlock for the thread that
/// has the lock meanwhile.
#[test]
fn drop_with_damaged_count_keeps_lock_of_other_thread() {
    const BESIDE: u64 = 56;
    let name = unique("reentrant-robbed");
    let watcher = ReentrantMutex::create(&name).unwrap();
    let at = watcher.segment().objects().unwrap()[0].offset + BESIDE;
    let mutex = ReentrantMutex::open(&name).unwrap();
    let (first, second) = (mutex.lock().unwrap(), mutex.lock().unwrap());
    patch(&watcher.segment().path().unwrap(), at, &0_u64.to_ne_bytes());
    drop(first);
    std::thread::scope(|scope| {
        let (tell, hear) = std::sync::mpsc::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let mutex = &mutex;
        scope.spawn(move || {
            core::mem::forget(mutex.lock().unwrap());
            tell.send(()).unwrap();
            let _ = ended.recv();
        });
        hear.recv().unwrap();
        drop(second);
        assert_eq!(mutex.try_lock().err(), Some(LockError::WouldBlock));
        drop(end);
    });
}
