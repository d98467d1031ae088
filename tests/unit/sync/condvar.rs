//! [`breezeway::sync::Condvar`]: threads that wait for each other.

mod damage;
mod scene;

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use breezeway::sync::{Condvar, Mutex};
use breezeway::{CondvarError, LockError};
use scene::Scene;
use support::Watchdog;

#[test]
fn wait_timeout_and_wait_timeout_while_elapse() {
    let _watchdog = Watchdog::start(60);
    let (_, scene) = Scene::create("condvar-timeout");
    for millis in [0, 1, 7, 101, 250] {
        let (begin, timeout) = (Instant::now(), Duration::from_millis(millis));
        let guard = scene.mutex.lock().unwrap();
        let (guard, result) = scene.condvar.wait_timeout(guard, timeout).unwrap();
        assert!(result.has_timed_out() && begin.elapsed() >= timeout);
        let begin = Instant::now();
        let (guard, result) = scene.condvar.wait_timeout_while(guard, timeout, || true).unwrap();
        assert!(result.has_timed_out() && begin.elapsed() >= timeout);
        let (guard, result) = scene.condvar.wait_timeout_while(guard, timeout, || false).unwrap();
        assert!(!result.has_timed_out());
        let _guard = scene.condvar.wait_while(guard, || false).unwrap();
        assert_eq!(scene.mutex.try_lock().err(), Some(LockError::Deadlock), "it is held again");
    }
    assert_eq!(scene.waiters(), 0);
}

/// The time that is over is the whole's, however often it is notified.
#[test]
fn wait_timeout_while_not_prolonged_by_notify_all() {
    let _watchdog = Watchdog::start(60);
    let (_, scene) = Scene::create("condvar-prolonged");
    let is_over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Relaxed) {
                scene.condvar.notify_all();
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let guard = scene.mutex.lock().unwrap();
        let waited = scene.condvar.wait_timeout_while(guard, Duration::from_millis(100), || true);
        is_over.store(true, Relaxed);
        assert!(waited.unwrap().1.has_timed_out());
        let waited = scene.condvar.wait_timeout_while(scene.mutex.lock().unwrap(), Duration::MAX, || false);
        assert!(!waited.unwrap().1.has_timed_out());
    });
}

#[test]
fn wait_while_with_mutex_of_other_segment() {
    let _watchdog = Watchdog::start(60);
    let (condvar, mutex) = (Condvar::new().unwrap(), Mutex::new().unwrap());
    let flag = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            drop(condvar.clone().wait_while(mutex.lock().unwrap(), || !flag.load(Relaxed)).unwrap());
        });
        let guard = mutex.lock().unwrap();
        flag.store(true, Relaxed);
        condvar.notify_all();
        drop(guard);
        waiter.join().unwrap();
    });
    assert!(format!("{condvar:?}").contains("Condvar"));
}

#[test]
fn wait_beyond_slot_limit_returns_too_many() {
    const SLOTS: usize = 256;
    let _watchdog = Watchdog::start(120);
    let (_, scene) = Scene::create("condvar-many");
    std::thread::scope(|scope| {
        for _ in 0..SLOTS {
            scope.spawn(|| {
                drop(
                    scene.condvar.wait_while(scene.mutex.lock().unwrap(), || scene.ready.load(Relaxed) == 0),
                );
            });
        }
        scene.until_waiting(SLOTS);
        let one_more = scene.condvar.wait(scene.mutex.lock().unwrap());
        assert_eq!(one_more.err(), Some(CondvarError::TooMany { limit: SLOTS }));
        assert!(scene.mutex.try_lock().is_ok(), "its guard is gone");
        scene.ready.store(1, Relaxed);
        assert_eq!(scene.condvar.notify_n(SLOTS - 1), SLOTS - 1);
        assert_eq!(scene.condvar.notify_all(), 1);
    });
    scene.until_waiting(0);
}

/// Threads that come, go, time out and notify at random, and a count that says how many must have come through.
#[test]
fn wait_timeout_while_notify_one_by_many_threads() {
    const THREADS: u64 = 6;
    const ITEMS: u64 = 3000;
    let _watchdog = Watchdog::start(120);
    let (_, scene) = Scene::create("condvar-contended");
    let taken = std::sync::atomic::AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (scene, taken) = (&scene, &taken);
            scope.spawn(move || {
                while taken.load(Relaxed) < ITEMS {
                    let guard = scene.mutex.lock().unwrap();
                    let timeout = Duration::from_micros(50 * thread * thread);
                    let none = || scene.ready.load(Relaxed) == 0;
                    let (guard, _) = scene.condvar.wait_timeout_while(guard, timeout, none).unwrap();
                    if !none() {
                        scene.ready.fetch_sub(1, Relaxed);
                        taken.fetch_add(1, Relaxed);
                    }
                    drop(guard);
                }
            });
        }
        for _ in 0..ITEMS {
            let guard = scene.mutex.lock().unwrap();
            scene.ready.fetch_add(1, Relaxed);
            drop(guard);
            scene.condvar.notify_one();
        }
    });
    assert_eq!((taken.into_inner(), scene.ready.load(Relaxed)), (ITEMS, 0));
}
